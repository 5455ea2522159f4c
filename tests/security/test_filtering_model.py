"""Random queries under random predicates against sets of names."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perdure as db0

from .things import SEEN, Doc, Letter, Note, Page, Paper, names, seeing

TAGS = ["a", "b", "c", "d"]
CLASSES = [Doc, Page, Note, Paper, Letter]
RESTRICTED = {Doc, Page, Paper, Letter}  # queries of these are narrowed


class Model:
    """Objects with random tags, as perdure has them and as a dict of plain sets."""

    def __init__(self) -> None:
        chance = random.Random(7)
        self.tags: dict[str, set[str]] = {}
        self.types: dict[str, type] = {}
        self.uuids: dict[str, str] = {}
        self.index = db0.index()
        for number in range(120):
            cls = CLASSES[number % len(CLASSES)]
            made = cls(f"{number:03}")
            chosen = {tag for tag in TAGS if chance.random() < 0.5}
            db0.tags(made).add("all", *chosen)
            self.index.add(number % 17, made)
            self.tags[made.name], self.types[made.name] = {"all", *chosen}, cls
            self.uuids[made.name] = db0.uuid(made)
        self.holder = Note("holder", self.index)
        db0.commit()

    def meeting(self, criterion: Any) -> set[str]:
        """The names of what meets a criterion, as plain sets tell."""
        if isinstance(criterion, type):
            return {name for name, cls in self.types.items() if issubclass(cls, criterion)}
        if isinstance(criterion, str):
            return {name for name, tags in self.tags.items() if criterion in tags}
        if isinstance(criterion, list):
            return set().union(*map(self.meeting, criterion))
        wanted = [one for one in criterion if not (isinstance(one, tuple) and one and one[0] == "no")]
        found = set.intersection(*map(self.meeting, wanted)) if wanted else set()
        for one in criterion:
            if isinstance(one, tuple) and one and one[0] == "no":
                found = found - self.meeting(one[1])
        return found


def asked(criterion: Any) -> Any:
    """The criterion as `find` takes it."""
    if isinstance(criterion, tuple):
        if criterion and criterion[0] == "no":
            return db0.no(asked(criterion[1]))
        return tuple(map(asked, criterion))
    return list(map(asked, criterion)) if isinstance(criterion, list) else criterion


_tags = st.sampled_from([*TAGS, "all", "nothing"])
_sets = st.recursive(_tags, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
_criteria = st.builds(
    lambda first, more, left_out: (first, *more, *[("no", one) for one in left_out]),
    _sets,
    st.lists(_sets, max_size=2),
    st.lists(_tags, max_size=2),
)
_typed = st.builds(lambda cls, more: (cls, *more), st.sampled_from(CLASSES), _criteria)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    db0.init(tmp_path_factory.mktemp("filtered"), prefix="main", autocommit=False, data_filter={"context_var": SEEN})
    yield Model()
    db0.close()


@settings(max_examples=150)
@given(predicate=_criteria, query=st.one_of(_criteria, _typed), low=st.integers(0, 9), high=st.integers(0, 16))
def test_a_query_finds_what_it_asks_for_and_the_predicate_has(
    model: Model, predicate: Any, query: Any, low: int, high: int
) -> None:
    expected = model.meeting(query)
    if not (isinstance(query[0], type) and query[0] not in RESTRICTED):
        expected &= model.meeting(predicate)
    ordered = sorted(expected, key=lambda name: (int(name) % 17, name))
    with seeing(*asked(predicate)):
        found = db0.find(*asked(query))
        assert names(found) == sorted(expected) and len(found) == len(expected) and bool(found) == bool(expected)
        assert [one.name for one in model.index.sort(found)] == ordered
        assert [one.name for one in model.index.sort(found)[low:high]] == ordered[low:high]
        assert names(db0.filter(lambda one: int(one.name) % 2 == 0, found)) == sorted(
            name for name in expected if int(name) % 2 == 0
        )
        groups = db0.group_by(["a", "b"], found)
        assert sum(groups.values()) == len([name for name in expected if model.tags[name] & {"a", "b"}])
        assert names(db0.deserialize(db0.serialize(found))) == sorted(expected)
        with db0.snapshot() as taken:
            assert names(taken.find(*asked(query))) == sorted(expected)


@settings(max_examples=60)
@given(predicate=_criteria, low=st.integers(0, 16), high=st.integers(0, 16))
def test_indexes_and_identities_show_what_the_predicate_has(model: Model, predicate: Any, low: int, high: int) -> None:
    visible = model.meeting(predicate)
    with seeing(*asked(predicate)):
        assert sorted(one.name for _, one in model.index) == sorted(visible) and len(model.index) == len(visible)
        assert names(model.index.select(low, high)) == sorted(
            name for name in visible if low <= int(name) % 17 <= high
        )
        for name, cls in model.types.items():
            restricted = cls in (Doc, Page, Letter)
            assert db0.exists(model.uuids[name]) == (name in visible or not restricted)

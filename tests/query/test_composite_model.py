"""Random composite tags against a model of plain tuples in sets."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.kernel import durable
from perdure.model.enums import value_of
from perdure.query import CompositeTag, as_tag, deserialize, find, find_in, no, serialize, tag_prefix, tags, tags_of
from perdure.session import Database, Savepoint

from .conftest import Other, Special, Thing

COUNT = 5
ELEMENTS: list[Any] = ["a", "aa", "", "\0", "b" * 379, "b" * 500, value_of("Color", "RED"), Thing, Special, 0, 1]
"""Numbers stand for the objects with these numbers."""
_element = st.sampled_from(range(len(ELEMENTS)))
_labels = st.lists(_element, min_size=2, max_size=4).map(tuple)
_heads = st.lists(_element, min_size=1, max_size=3).map(tuple)
_change = st.tuples(st.integers(0, COUNT - 1), _labels, st.sampled_from(["add", "add", "passive", "remove", "all"]))
_step = st.one_of(_change, st.sampled_from(["commit", "savepoint", "rollback", "release", "abort", "reopen"]))
Label = tuple[int, ...]
Model = dict[int, dict[Label, bool]]


class World:
    """A database with some objects, and what they should have."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.oids: list[int] = []
        self.open()
        made = [Thing(number) for number in range(COUNT)]
        tags(*made).add("held")
        self.oids = [durable.oid_of(thing) for thing in find("held")]
        self.connection.commit()
        self.model: Model = {number: {} for number in range(COUNT)}
        self.committed = self.copy()
        self.savepoints: list[tuple[Savepoint, Model]] = []

    def open(self) -> None:
        self.database = Database.open(self.path)
        self.connection = self.database.connect()
        durable.set_ambient(self.connection)

    def close(self) -> None:
        durable.set_ambient(None)
        self.connection.close()
        self.database.close()

    def copy(self) -> Model:
        return {number: dict(row) for number, row in self.model.items()}

    def items(self, label: Label) -> list[Any]:
        chosen = [ELEMENTS[one] for one in label]
        return [self.connection.get(self.oids[one]) if isinstance(one, int) else one for one in chosen]

    def change(self, number: int, label: Label, how: str) -> None:
        tag, row = as_tag(*self.items(label)), self.model[number]
        thing = self.connection.get(self.oids[number])
        if how == "remove":
            tags(thing).remove(tag)
            row.pop(label, None)
        elif how == "all":
            tags(find("held", tag_prefix(*self.items(label[:1])))).add(tag)
            for one in self.model.values():
                if any(known[0] == label[0] for known in one):
                    one.setdefault(label, False)
        else:
            tags(thing, passive=how == "passive").add(tag)
            row.setdefault(label, how == "passive")

    def end(self, how: str) -> None:
        if how == "savepoint":
            self.savepoints.append((self.connection.savepoint(), self.copy()))
        elif how in ("rollback", "release"):
            if self.savepoints:
                savepoint, model = self.savepoints.pop()
                if how == "rollback":
                    savepoint.rollback()
                    self.model = model
                else:
                    savepoint.release()
        elif how == "abort":
            self.savepoints.clear()
            self.connection.abort()
            self.model = {number: dict(row) for number, row in self.committed.items()}
        else:
            while self.savepoints:
                self.savepoints.pop()[0].release()
            self.connection.commit()
            self.committed = self.copy()
            if how == "reopen":
                self.close()
                self.open()

    def check(self, label: Label, head: Label) -> None:
        having = {number for number, row in self.model.items() if label in row}
        under = {number for number, row in self.model.items() if any(one[: len(head)] == head for one in row)}
        tag, prefix = as_tag(*self.items(label)), tag_prefix(*self.items(head))
        assert self.found("held", tag) == having
        assert self.found("held", prefix) == under
        assert self.found("held", no(prefix)) == set(range(COUNT)) - under
        assert self.found("held", [tag, prefix]) == having | under
        assert {thing.name for thing in deserialize(serialize(find("held", prefix)))} == under
        forms = [form for row in self.model.values() for one, form in row.items() if one[: len(head)] == head]
        self.check_anchor(prefix, any(forms))
        self.check_anchor(tag, any(row.get(label) for row in self.model.values()))
        for number, row in self.model.items():
            thing = self.connection.get(self.oids[number])
            kept = [one for one in tags_of(thing) if isinstance(one, CompositeTag)]
            assert set(kept) == {as_tag(*self.items(one)) for one in row} and len(kept) == len(row)

    def check_anchor(self, criterion: Any, passive: bool) -> None:
        try:
            len(find(criterion))
        except RuntimeError:
            assert passive
        else:
            assert not passive

    @staticmethod
    def found(*criteria: Any) -> set[Any]:
        return {thing.name for thing in find(*criteria)}


@settings(deadline=None, max_examples=60)
@given(st.lists(_step, max_size=20), st.lists(st.tuples(_labels, _heads), min_size=1, max_size=5))
def test_composite_tags_and_their_leading_elements_agree_with_sets_of_tuples(
    steps: list[Any], questions: list[tuple[Label, Label]]
) -> None:
    with TemporaryDirectory() as directory:
        world = World(Path(directory) / "model.perdure")
        used = [step[1] for step in steps if not isinstance(step, str)]
        asked = [*questions, *[(label, label[:size]) for label in used[-4:] for size in (1, 2)]]
        for step in steps:
            if isinstance(step, str):
                world.end(step)
            else:
                world.change(*step)
        for label, head in asked:
            world.check(label, head)
        world.end("commit")
        past = world.connection.database.connect(at=world.connection.state)
        for label, head in asked:
            world.check(label, head)
            under = {thing.name for thing in find_in(past, "held", tag_prefix(*world.items(head)))}
            assert under == world.found("held", tag_prefix(*world.items(head)))
        past.close()
        assert list(world.database.verify()) == []
        assert not find(as_tag("a", Other))
        world.close()

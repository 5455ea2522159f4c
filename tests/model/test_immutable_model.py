"""Random nested immutable graphs and random interning programs against plain Python."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import perdure as db0
from perdure.model import scope

from .conftest import reopen
from .immutable_things import Branch, Holder, Label, Leaf, Quiet, keep, problems

PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 40), 1 << 40), st.floats(allow_nan=False), st.text(max_size=8),
    st.binary(max_size=8),
)  # fmt: skip
KEYS = st.one_of(st.text(max_size=4), st.integers(0, 99), st.tuples(st.integers(0, 3), st.text(max_size=2)))


def made(kind: str, *parts: Any) -> tuple[str, tuple[Any, ...]]:
    return kind, parts


VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN.map(lambda value: made("plain", value)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: made("list", *items)),
        st.lists(inner, max_size=3).map(lambda items: made("tuple", *items)),
        st.dictionaries(KEYS, inner, max_size=3).map(lambda items: made("dict", items)),
        st.frozensets(st.integers(0, 9), max_size=3).map(lambda items: made("plain", items)),
        st.tuples(inner, inner).map(lambda pair: made("leaf", *pair)),
        st.lists(inner, max_size=3).map(lambda items: made("branch", *items)),
        st.lists(st.integers(0, 9), min_size=1, max_size=3).map(lambda items: made("set of parts", *items)),
        st.integers(0, 3).map(lambda number: made("label", number)),
    ),
    max_leaves=16,
)


def build(recipe: tuple[str, tuple[Any, ...]], shared: list[Any]) -> Any:
    """The value of a recipe; every third leaf is used again, the fourth time materialized first."""
    kind, parts = recipe
    if kind == "plain":
        return parts[0]
    if kind == "dict":
        return {key: build(value, shared) for key, value in parts[0].items()}
    if kind == "set of parts":
        return {Quiet(number) for number in parts}
    if kind == "label":
        return Label(f"label {parts[0]}", [parts[0]])
    items = [build(part, shared) for part in parts]
    if kind in ("list", "tuple"):
        return items if kind == "list" else tuple(items)
    obj = Leaf(*items) if kind == "leaf" else Branch(items, shared[-1] if len(shared) % 3 == 2 else None)
    shared.append(obj)
    return db0.materialized(obj) if len(shared) % 4 == 0 else obj


def plain(value: Any) -> Any:
    """A value as plain Python, whichever form it has: comparable, sets of objects sorted."""
    if isinstance(value, Leaf | Branch | Label | Quiet):
        return type(value).__name__, {name: plain(item) for name, item in vars(value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, map(plain, value)))
    return {key: plain(item) for key, item in value.items()} if hasattr(value, "items") else (type(value), value)


def count(value: Any, cls: type, seen: set[str]) -> int:
    """How many objects of a class are in a value."""
    if isinstance(value, Leaf | Branch | Label | Quiet):
        if db0.uuid(value) in seen:
            return 0
        seen.add(db0.uuid(value))
        return isinstance(value, cls) + sum(count(item, cls, seen) for item in vars(value).values())
    if isinstance(value, list | tuple | set | frozenset):
        return sum(count(item, cls, seen) for item in value)
    return sum(count(item, cls, seen) for _, item in value.items()) if hasattr(value, "items") else 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, min_size=1, max_size=3))
def test_random_graphs_come_back_as_they_were(recipes: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "data"
        db0.init(root, prefix="main", autocommit=False)
        try:
            roots = [Branch([build(recipe, [])], "root") for recipe in recipes]
            expected = [plain(one) for one in roots]
            keep(*roots)
            db0.commit()
            assert [plain(one) for one in roots] == expected
            identities = list(map(db0.uuid, roots))
            del roots
            reopen(root)
            found = [db0.fetch(identity) for identity in identities]
            assert [plain(one) for one in found] == expected
            for cls in (Leaf, Branch, Label):
                seen: set[str] = set()
                assert len(db0.find(cls)) == sum(count(one, cls, seen) for one in found)
            assert problems() == []
            db0.tags(*found).remove("kept")
            del found
            gc.collect()
            assert problems() == []
            assert not any(len(db0.find(cls)) for cls in (Leaf, Branch, Label))
        finally:
            db0.close()


def form(number: int, other: bool) -> Any:
    """One of four contents, which Python takes for equal in part; with `other` put together in another order."""
    pairs: list[tuple[Any, Any]] = [("a", 1), ("b", {2, 3, 40})]
    return [1, True, 1.0, dict(reversed(pairs) if other else pairs)][number]


class Interning(RuleBasedStateMachine):
    """Interned values kept, embedded, dropped, looked up and reopened; the model is a dict from content to uuid."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.known: dict[tuple[int, str], str] = {}
        self.kept: dict[int, str] = {}
        self.slots: dict[int, tuple[int, str]] = {}

    @initialize()
    def start(self) -> None:
        db0.init(Path(self.place.name) / "data", prefix="main", autocommit=False)

    def teardown(self) -> None:
        try:
            if scope.current() is not None:
                assert problems() == []
        finally:
            db0.close()
            self.place.cleanup()

    def note(self, content: tuple[int, str], uuid: str) -> None:
        assert self.known.setdefault(content, uuid) == uuid

    @rule(slot=st.integers(0, 5), number=st.integers(0, 3), text=st.sampled_from("ab"), embed=st.booleans())
    def keep_value(self, slot: int, number: int, text: str, embed: bool) -> None:
        self.drop_value(slot)
        label = Label(form(number, embed), [text])
        holder = Branch([label]) if embed else Holder(label)
        keep(holder)
        self.kept[slot], self.slots[slot] = db0.uuid(holder), (number, text)
        self.note((number, text), db0.uuid(Label(form(number, not embed), (text,))))

    @rule(slot=st.integers(0, 5))
    def drop_value(self, slot: int) -> None:
        uuid = self.kept.pop(slot, None)
        if uuid is None:
            return
        content = self.slots.pop(slot)
        db0.tags(db0.fetch(uuid)).remove("kept")
        gc.collect()
        db0.commit()
        gone = self.known[content]
        if content not in self.slots.values():
            assert not db0.exists(gone)
            del self.known[content]
        else:
            assert db0.exists(gone)

    @rule(number=st.integers(0, 3), text=st.sampled_from("ab"), other=st.booleans())
    def look_up(self, number: int, text: str, other: bool) -> None:
        label = db0.materialized(Label(form(number, other), [text]))
        if (number, text) in self.known:
            assert db0.uuid(label) == self.known[number, text]
        assert label.name == form(number, False) and label.more == (text,)
        assert number == 3 or type(label.name) is type(form(number, False))
        del label
        gc.collect()
        db0.commit()
        assert len(db0.find(Label)) == len(set(self.slots.values()))

    @rule(number=st.integers(0, 3), text=st.sampled_from("ab"))
    def roll_back(self, number: int, text: str) -> None:
        class Undone(Exception):
            pass

        try:
            with db0.atomic():
                keep(Holder(Label(form(number, True), [text])))
                raise Undone
        except Undone:
            pass

    @precondition(lambda self: True)
    @rule()
    def reopen(self) -> None:
        db0.commit()
        reopen(Path(self.place.name) / "data")
        assert {one: db0.uuid(Label(form(one[0], True), [one[1]])) for one in self.known} == self.known


Interning.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestInterning = Interning.TestCase

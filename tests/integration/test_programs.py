"""Random programs over objects, collections, tags, an index, atomic blocks, snapshots, drops and reopenings."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import perdure as db0

from .program import TAGS, Entry, Facts, Item, Root, World, differences, entry_differences

PLAIN = st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats(-1, 1) | st.text(max_size=3)
PICK = st.integers(0, 10**6)
KEYS = st.sampled_from(["a", "b", "c"])
SNAPSHOTS = 3
DEPTH = 3


class Programs(RuleBasedStateMachine):
    """Does everything twice: in perdure and in a world of plain objects."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.world = World()
        self.ids: dict[int, str] = {}
        self.blocks: list[tuple[Any, World]] = []
        self.snapshots: list[tuple[Any, World]] = []
        self.open()
        Root()
        db0.commit()

    def open(self) -> None:
        db0.init(Path(self.directory.name) / "data", prefix="main", autocommit=False, cache_size=200_000)

    def teardown(self) -> None:
        while self.blocks:
            self.blocks.pop()[0].__exit__(None, None, None)
        self.commit_all()
        found = differences(self.world, self.ids, db0, whole=True)
        db0.close()
        self.directory.cleanup()
        assert not found

    @invariant()
    def count(self) -> None:
        Programs.steps += 1

    # -- choosing ------------------------------------------------------------------------------------------

    def pick(self, choice: int) -> tuple[Facts, Any] | None:
        """A held entry and its object, or None when there is none."""
        held = self.world.held()
        if not held:
            return None
        number = held[choice % len(held)]
        return self.world.facts[number], db0.fetch(self.ids[number])

    def value(self, plain: Any, choice: int) -> tuple[Entry, Any]:
        """A value as the world and as perdure has it: plain, or one time in two an entry."""
        held = self.world.held()
        if choice % 2 and held:
            number = held[choice % len(held)]
            return ("entry", number), db0.fetch(self.ids[number])
        return ("plain", plain), plain

    # -- objects -------------------------------------------------------------------------------------------

    @rule()
    def create(self) -> None:
        number = len(self.ids)
        item = Item(number)
        db0.fetch(Root).entries[str(number)] = item
        self.ids[number] = db0.uuid(item)
        self.world.facts[number] = Facts()
        self.world.listed.append(number)

    @rule(choice=PICK)
    def unlist(self, choice: int) -> None:
        if self.world.listed:
            number = self.world.listed.pop(choice % len(self.world.listed))
            del db0.fetch(Root).entries[str(number)]

    @rule(choice=PICK, value=PLAIN)
    def note(self, choice: int, value: Any) -> None:
        if found := self.pick(choice):
            facts, item = found
            facts.note = item.note = value

    @rule(choice=PICK, other=PICK | st.none())
    def link(self, choice: int, other: int | None) -> None:
        found, target = self.pick(choice), None if other is None else self.pick(other)
        if found:
            found[0].link = None if target is None else target[1].number
            found[1].link = None if target is None else target[1]

    # -- collections ---------------------------------------------------------------------------------------

    @rule(choice=PICK, other=PICK, place=st.integers(-3, 5), plain=PLAIN)
    def insert(self, choice: int, other: int, place: int, plain: Any) -> None:
        if found := self.pick(choice):
            entry, value = self.value(plain, other)
            found[0].items.insert(place, entry)
            found[1].items.insert(place, value)

    @rule(choice=PICK, place=PICK)
    def take(self, choice: int, place: int) -> None:
        found = self.pick(choice)
        if found and found[0].items:
            place %= len(found[0].items)
            del found[0].items[place], found[1].items[place]

    @rule(choice=PICK, other=PICK, key=KEYS, plain=PLAIN)
    def put(self, choice: int, other: int, key: str, plain: Any) -> None:
        if found := self.pick(choice):
            found[0].table[key], found[1].table[key] = self.value(plain, other)

    @rule(choice=PICK, key=KEYS)
    def remove_key(self, choice: int, key: str) -> None:
        found = self.pick(choice)
        if found and key in found[0].table:
            del found[0].table[key], found[1].table[key]

    @rule(choice=PICK, mark=st.integers(0, 4), add=st.booleans())
    def mark(self, choice: int, mark: int, add: bool) -> None:
        if found := self.pick(choice):
            for marks in (found[0].marks, found[1].marks):
                marks.add(mark) if add else marks.discard(mark)

    # -- tags and index ------------------------------------------------------------------------------------

    @rule(choice=PICK, tag=st.sampled_from(TAGS), add=st.booleans())
    def tag(self, choice: int, tag: str, add: bool) -> None:
        if found := self.pick(choice):
            facts, item = found
            if add:
                db0.tags(item).add(tag)
                facts.tags.add(tag)
            else:
                db0.tags(item).remove(tag)
                facts.tags.discard(tag)

    @rule(choice=PICK, key=st.integers(0, 4) | st.none())
    def index(self, choice: int, key: int | None) -> None:
        if found := self.pick(choice):
            facts, item = found
            index = db0.fetch(Root).index
            if facts.key is not None:
                index.remove(facts.key, item)
            if key is not None:
                index.add(key, item)
            facts.key = key

    # -- blocks, states, reopening -------------------------------------------------------------------------

    @precondition(lambda self: len(self.blocks) < DEPTH)
    @rule()
    def begin(self) -> None:
        block = db0.atomic()
        block.__enter__()
        self.blocks.append((block, self.world.copy()))

    @precondition(lambda self: self.blocks)
    @rule(keep=st.booleans())
    def end(self, keep: bool) -> None:
        block, before = self.blocks.pop()
        if keep:
            block.__exit__(None, None, None)
        else:
            error = ValueError()
            assert not block.__exit__(ValueError, error, None)
            self.world = before

    def commit_all(self) -> None:
        db0.commit()
        self.world.drop_unheld()

    @precondition(lambda self: not self.blocks)
    @rule()
    def commit(self) -> None:
        self.commit_all()
        assert not differences(self.world, self.ids, db0, whole=True)

    @precondition(lambda self: not self.blocks)
    @rule()
    def take_snapshot(self) -> None:
        self.commit_all()
        if len(self.snapshots) == SNAPSHOTS:
            self.snapshots.pop(0)[0].close()
        self.snapshots.append((db0.snapshot(), self.world.copy()))

    @precondition(lambda self: self.snapshots)
    @rule(choice=PICK)
    def look_back(self, choice: int) -> None:
        snapshot, world = self.snapshots[choice % len(self.snapshots)]
        assert not differences(world, self.ids, snapshot, whole=True)

    @precondition(lambda self: not self.blocks)
    @rule()
    def reopen(self) -> None:
        while self.snapshots:
            self.snapshots.pop()[0].close()
        db0.close()
        self.world.drop_unheld()
        self.open()
        assert not differences(self.world, self.ids, db0, whole=True)

    @rule(choice=PICK)
    def look(self, choice: int) -> None:
        assert not differences(self.world, self.ids, db0, whole=False)
        if found := self.pick(choice):
            assert not entry_differences(self.world, found[1].number, found[1])


def run(programs: int, steps: int) -> None:
    run_state_machine_as_test(
        Programs,
        settings=settings(
            max_examples=programs, stateful_step_count=steps, suppress_health_check=list(HealthCheck), deadline=None
        ),
    )


def test_programs_do_what_plain_python_would() -> None:
    run(40, 50)


@pytest.mark.soak
def test_a_hundred_thousand_steps_do_what_plain_python_would() -> None:
    Programs.steps = 0
    while Programs.steps < 100_000:
        run(200, 100)

"""`group_by` after random changes, against the same worked out from scratch."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from perdure.kernel import durable
from perdure.query import count_op, find, group_by, init_fast_query, make_sum, tags
from perdure.session import Database, get_root, set_root

from .conftest import Other, Thing

NUMBERS = st.integers(0, 4)
TAGS = st.sampled_from("abc")


def names(state: Any, removed: Any, added: Any) -> Any:
    """The names of the rows."""
    if state is None:
        return frozenset()
    gone = {row.name for row in removed}
    assert gone <= state
    return (state - gone) | {row.name for row in added}


TOTAL = make_sum(lambda row: row.size)
FAR = make_sum(lambda row: row.other.size + (row.up.size if row.up is not None else 0))


class Groups(RuleBasedStateMachine):
    """Objects with tags, sizes and references; every grouping is compared after each commit."""

    def __init__(self) -> None:
        super().__init__()
        init_fast_query(None)
        self.database = Database.open(None)
        self.connection = self.database.connect()
        durable.set_ambient(self.connection)
        self.things: list[Any] = []
        self.others: list[Any] = [Other(number) for number in range(3)]
        for other in self.others:
            other.size = 1
        self.number = 0
        self.holder = Thing("holder")
        self.holder.others = tuple(self.others)
        set_root(self.connection, "root", self.holder)
        self.connection.commit()

    def teardown(self) -> None:
        durable.set_ambient(None)
        self.connection.close()
        self.database.close()
        init_fast_query(None)

    @rule(size=NUMBERS, own=st.sets(TAGS), other=st.integers(0, 2))
    def create(self, size: int, own: set[str], other: int) -> None:
        thing: Any = Thing(self.number)
        thing.size, thing.other = size, self.others[other]
        thing.up = self.things[-1] if self.things and size % 2 else None
        tags(thing).add("all", *sorted(own))
        self.number += 1
        self.things.append(thing)

    @precondition(lambda self: self.things)
    @rule(which=NUMBERS, size=NUMBERS, other=st.integers(0, 2))
    def change(self, which: int, size: int, other: int) -> None:
        thing = self.things[which % len(self.things)]
        thing.size, thing.other = size, self.others[other]

    @rule(which=st.integers(0, 2), size=NUMBERS)
    def change_other(self, which: int, size: int) -> None:
        self.others[which].size = size

    @precondition(lambda self: self.things)
    @rule(which=NUMBERS, tag=TAGS, add=st.booleans())
    def tag(self, which: int, tag: str, add: bool) -> None:
        manager = tags(self.things[which % len(self.things)])
        (manager.add if add else manager.remove)(tag)

    @precondition(lambda self: self.things)
    @rule(which=NUMBERS)
    def hide(self, which: int) -> None:
        tags(self.things.pop(which % len(self.things))).remove("all", "a", "b", "c")

    @rule()
    def commit(self) -> None:
        self.connection.commit()
        self.compare()

    def compare(self) -> None:
        def by_size(row: Any) -> Any:
            return row.size

        rows = [*find("all")]
        tagged = {tag: set(find(tag)) for tag in "abc"}

        def first(row: Any) -> str | None:
            return next((tag for tag in "ab" if row in tagged[tag]), None)

        wanted: dict[Any, list[Any]] = defaultdict(list)
        for row in rows:
            wanted[row.size].append(row)
        ops = (count_op, TOTAL, FAR, names)
        assert group_by(by_size, find("all"), ops) == {key: self.outcome(group) for key, group in wanted.items()}
        wanted.clear()
        for row in rows:
            if first(row) is not None:
                wanted[first(row), row.other.size].append(row)
        found = group_by((["a", "b"], lambda row: row.other.size), find("all"), ops)
        assert found == {key: self.outcome(group) for key, group in wanted.items()}
        counted = {tag: sum(first(row) == tag for row in rows) for tag in "ab"}
        assert group_by(["a", "b"], find("all")) == {tag: number for tag, number in counted.items() if number}
        near = {row for row in rows if tagged["a"] | tagged["b"] and row in tagged["a"] | tagged["b"]}
        assert group_by(["a"], find(["a", "b", "c"]), TOTAL).get("a", 0) == sum(
            row.size for row in near if row in tagged["a"]
        )

    @staticmethod
    def outcome(group: list[Any]) -> tuple[Any, ...]:
        far = sum(row.other.size + (row.up.size if row.up is not None else 0) for row in group)
        return len(group), sum(row.size for row in group), far, {row.name for row in group}

    @invariant()
    def roots_stay(self) -> None:
        assert get_root(self.connection, "root") is self.holder


TestGroups = Groups.TestCase
TestGroups.settings = settings(deadline=None, max_examples=25, stateful_step_count=25)


class LongGroups(Groups):
    """The same for longer."""


TestLongGroups = pytest.mark.soak(LongGroups.TestCase)
TestLongGroups.settings = settings(deadline=None, max_examples=400, stateful_step_count=60)

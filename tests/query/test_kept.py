"""What is kept of queries over changes: random work and questions, under predicates and none, against plain sets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import perdure as db0
from perdure.query.plans import NOTHING, Common, Leaf, Union, changed_chunks, recounted, remembered
from perdure.session import by_chunk
from perdure.workspace.functions import workspace

SEEN: ContextVar[Any] = ContextVar("seen", default=None)
GRANT, DENY, PART = db0.as_tag("GRANT", "me"), db0.as_tag("DENY", "me"), db0.as_tag("GRANT", "us")
LABELS: list[Any] = ["a", "b", GRANT, PART, DENY]
APART = 1 << 16


@db0.memo(access_control=True)
class Doc:
    """What is asked for; every third is of the class below."""

    def __init__(self, number: int) -> None:
        self.number = number


@db0.memo
class Page(Doc):
    """A kind of Doc."""


@db0.memo(singleton=True)
class Shelf:
    """Holds all but the last objects of the world."""

    def __init__(self, docs: list[Doc]) -> None:
        self.docs = docs


Tags = dict[int, set[int]]
"""The labels of each object, as positions in LABELS."""
Question = tuple[Callable[[], tuple[Any, ...]], Callable[[int, set[int]], bool]]

QUESTIONS: list[Question] = [
    (lambda: (Doc,), lambda number, tags: True),
    (lambda: (Page,), lambda number, tags: number % 3 == 0),
    (lambda: ("a",), lambda number, tags: 0 in tags),
    (lambda: (Doc, "a"), lambda number, tags: 0 in tags),
    (lambda: (Page, ["a", "b"]), lambda number, tags: number % 3 == 0 and bool({0, 1} & tags)),
    (lambda: (Doc, db0.no("a")), lambda number, tags: 0 not in tags),
    (lambda: (Doc, db0.tag_prefix("GRANT")), lambda number, tags: bool({2, 3} & tags)),
]
PREDICATES: list[Question] = [
    (lambda: ([GRANT, PART], db0.no(DENY)), lambda number, tags: bool({2, 3} & tags) and 4 not in tags),
    (lambda: (db0.tag_prefix("GRANT"),), lambda number, tags: bool({2, 3} & tags)),
    (lambda: (Doc, db0.no(DENY)), lambda number, tags: 4 not in tags),
]


class Keeping(RuleBasedStateMachine):
    """Objects in many chunks; tags change and come back, and answers are those of the moment."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        db0.init(self.place.name, prefix="main", autocommit=False, data_filter={"context_var": SEEN, "mode": "DEBUG"})
        self.docs: dict[int, Doc] = {}
        self.tags: Tags = {}
        self.before: list[Tags] = []
        self.blocks: list[Any] = []

    @initialize()
    def fill(self) -> None:
        """Twelve objects, each in a chunk of its own, all held by a list."""
        connection = workspace().prefixes["main"].connection
        for number in range(12):
            connection.database.new_run(APART)
            self.docs[number] = (Doc if number % 3 else Page)(number)
            self.tags[number] = set()
            db0.uuid(self.docs[number])
        self.shelf = Shelf(list(self.docs.values()))
        db0.commit()

    @rule(numbers=st.sets(st.integers(0, 11), min_size=1), label=st.integers(0, 4), add=st.booleans())
    def change(self, numbers: set[int], label: int, add: bool) -> None:
        """Add or remove a tag of some objects."""
        tags = db0.tags(*[self.docs[number] for number in sorted(numbers)])
        (tags.add if add else tags.remove)(LABELS[label])
        for number in numbers:
            (self.tags[number].add if add else self.tags[number].discard)(label)

    @precondition(lambda self: len(self.docs) < 20 and not self.blocks)
    @rule()
    def make(self) -> None:
        """One more object, without tags."""
        number = len(self.docs)
        self.docs[number] = (Doc if number % 3 else Page)(number)
        self.tags[number] = set()
        self.shelf.docs.append(self.docs[number])

    @precondition(lambda self: len(self.blocks) < 3)
    @rule()
    def begin(self) -> None:
        """A block."""
        block = db0.atomic()
        self.blocks.append((block, block.__enter__()))
        self.before.append({number: set(tags) for number, tags in self.tags.items()})

    @precondition(lambda self: self.blocks)
    @rule(keep=st.booleans())
    def end(self, keep: bool) -> None:
        """The innermost block ends."""
        block, atomic = self.blocks.pop()
        before = self.before.pop()
        if not keep:
            atomic.cancel()
            self.tags = before
        block.__exit__(None, None, None)

    @precondition(lambda self: not self.blocks)
    @rule()
    def commit(self) -> None:
        """Commit."""
        db0.commit()

    @rule(asked=st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 2)), min_size=1, max_size=4))
    def ask(self, asked: list[tuple[int, int]]) -> None:
        """Some questions, each under a predicate or under none."""
        for which, by in asked:
            criteria, wanted = QUESTIONS[which]
            allowed, seen = PREDICATES[by] if by >= 0 else (None, lambda number, tags: True)
            SEEN.set(None if allowed is None else db0.predicate(*allowed()))
            try:
                query = db0.find(*criteria())
                expected = [
                    number for number, tags in self.tags.items() if wanted(number, tags) and seen(number, tags)
                ]
                assert len(query) == len(expected), (which, by)
                assert [doc.number for doc in query] == expected
                assert bool(query) == bool(expected)
            finally:
                SEEN.set(None)

    def teardown(self) -> None:
        while self.blocks:
            self.blocks.pop()[0].__exit__(None, None, None)
            self.before.pop()
        if self.docs:
            self.ask([(which, by) for which in range(7) for by in range(-1, 3)])
        db0.close()
        self.place.cleanup()


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def leaf(*oids: int) -> Leaf:
    return Leaf(by_chunk(oids))


FAR = 1 << 16


@pytest.mark.parametrize(
    ("now", "before", "changed"),
    [
        (leaf(1, FAR), leaf(1, FAR), set()),
        (leaf(1, FAR), leaf(2, FAR), {0}),
        (leaf(1), leaf(1, FAR), {1}),
        (NOTHING, leaf(1, FAR), {0, 1}),
        (Union([leaf(1), leaf(FAR)]), Union([leaf(1), leaf(FAR + 1)]), {1}),
        (Union([leaf(1), leaf(2)]), Union([leaf(1), leaf(2), leaf(3)]), None),
        (Union([leaf(1), leaf(2)]), leaf(1), None),
        (Common([leaf(1)], [leaf(2)]), Common([leaf(1)], [leaf(3)]), {0}),
        (Common([leaf(1, FAR)], [leaf(FAR)]), leaf(1, FAR), {1}),
        (leaf(1, FAR), Common([leaf(1, FAR)], [leaf(FAR)]), {1}),
        (Common([leaf(1), leaf(2)], []), Common([leaf(1)], [leaf(2)]), None),
        (remembered(leaf(1), None), remembered(leaf(1, FAR), None), {1}),
        (remembered(leaf(1), None), leaf(1), None),
    ],
)
def test_changed_chunks_are_those_where_parts_differ(now: Any, before: Any, changed: set[int] | None) -> None:
    assert changed_chunks(now, before) == changed


def test_a_count_is_brought_up_to_date_by_the_chunks_that_changed() -> None:
    before = leaf(*range(0, 9 * FAR, FAR))
    assert recounted(leaf(*range(0, 9 * FAR, FAR), 1, 2), (before, 9)) == 11
    assert recounted(leaf(*range(0, 8 * FAR, FAR)), (before, 9)) == 8
    assert recounted(leaf(5), (before, 9)) == 1
    assert recounted(leaf(5), None) == 1


def test_a_plan_that_remembers_takes_over_what_has_not_changed() -> None:
    before = remembered(leaf(1, FAR, 2 * FAR), None)
    kept = {number: before.chunk(number) for number in range(3)}
    after = remembered(leaf(1, FAR + 1, 2 * FAR), before)
    assert after.all_ids() == [1, FAR + 1, 2 * FAR]
    assert after.chunk(0) is kept[0]
    assert before.all_ids() == [1, FAR, 2 * FAR]
    assert remembered(leaf(1, FAR, 2 * FAR), before) is before

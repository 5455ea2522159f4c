"""Random work on tagged and indexed objects against a model of plain Python sets and sorted lists."""

import contextlib
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from perdure.kernel import durable
from perdure.query import Index, as_tag, find, no, tags, tags_of
from perdure.session import Connection, Database, get_root, set_root

from .conftest import Special, Thing

LONG = "d" * 500
TAGS = ["a", "b", "c", LONG]
KEYS = st.sampled_from([None, -1, 0, 1, 2, 2**80])


class Root(Thing):
    pass


class Row:
    """What the model knows of one object."""

    def __init__(self, oid: int, special: bool) -> None:
        self.oid = oid
        self.special = special
        self.tags: set[str] = set()
        self.labels: set[int] = set()
        self.keys: list[set[Any]] = [set(), set()]

    @property
    def held(self) -> bool:
        return bool(self.tags or self.labels or self.keys[0] or self.keys[1])


Rows = dict[int, Row]
Question = tuple[Callable[["Queries"], Any], Callable[[Rows], set[int]]]


def everywhere(accept: Callable[[Row], bool]) -> Callable[[Rows], set[int]]:
    return lambda rows: {number for number, row in rows.items() if accept(row)}


def of_tag(tag: str) -> Question:
    return lambda machine: tag, everywhere(lambda row: tag in row.tags)


def of_label(number: int) -> Question:
    def criterion(machine: "Queries") -> Any:
        return machine.label(number) if number in machine.rows else "unknown"

    return criterion, lambda rows: {one for one, row in rows.items() if number in rows and number in row.labels}


def of_object(number: int) -> Question:
    def criterion(machine: "Queries") -> Any:
        return machine.object(number) if number in machine.rows else "unknown"

    return criterion, lambda rows: {number} & set(rows)


def in_range(low: Any, high: Any, null: bool) -> Callable[[Any], bool]:
    def accept(key: Any) -> bool:
        if key is None:
            return low is None if null else high is None
        return (low is None or key >= low) and (high is None or key <= high)

    return accept


def of_range(which: int, low: Any, high: Any, null: bool) -> Question:
    accept = in_range(low, high, null)
    return (
        lambda machine: machine.index(which).select(low, high, null_first=null),
        everywhere(lambda row: any(accept(key) for key in row.keys[which])),
    )


def either(questions: list[Question]) -> Question:
    return (
        lambda machine: [criterion(machine) for criterion, _ in questions],
        lambda rows: set().union(*(answer(rows) for _, answer in questions)),
    )


def both(questions: list[Question]) -> Question:
    return (
        lambda machine: tuple(criterion(machine) for criterion, _ in questions),
        lambda rows: set(rows).intersection(*(answer(rows) for _, answer in questions)),
    )


def without(wanted: Question, unwanted: Question) -> Question:
    return (
        lambda machine: (wanted[0](machine), no(unwanted[0](machine))),
        lambda rows: wanted[1](rows) - unwanted[1](rows),
    )


def nested(question: Question) -> Question:
    return lambda machine: find(question[0](machine)), question[1]


SINGLE = st.one_of(
    st.sampled_from(TAGS).map(of_tag),
    st.integers(0, 5).map(of_label),
    st.integers(0, 12).map(of_object),
    st.builds(of_range, st.integers(0, 1), KEYS, KEYS, st.booleans()),
)
QUESTIONS = st.recursive(
    SINGLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(either),
        st.lists(inner, min_size=1, max_size=3).map(both),
        st.builds(without, inner, inner),
        inner.map(nested),
    ),
    max_leaves=6,
)


OWN = st.sets(st.sampled_from(TAGS))
NEW = st.tuples(st.booleans(), OWN, st.lists(st.tuples(st.integers(0, 1), KEYS), max_size=5))
SEED = st.integers(0, 99)
STEPS = st.one_of(
    st.tuples(st.just("create"), NEW),
    st.tuples(st.just("tag"), st.tuples(SEED, OWN, st.booleans())),
    st.tuples(st.just("label_with"), st.tuples(SEED, SEED, st.booleans())),
    st.tuples(st.just("file"), st.tuples(SEED, st.integers(0, 1), KEYS, st.booleans())),
    st.tuples(st.just("file"), st.tuples(SEED, st.integers(0, 1), KEYS, st.just(True))),
    st.tuples(st.just("unfile"), st.tuples(SEED, SEED)),
    st.tuples(st.just("clear"), st.tuples(st.integers(0, 1))),
)


class Queries(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "model"
        self.rows: Rows = {}
        self.committed: Rows = {}
        self.savepoints: list[tuple[Any, Rows, list[Any]]] = []
        self.handles: list[Any] = []
        self.born = 0

    @initialize(population=st.lists(NEW, min_size=5, max_size=10))
    def start(self, population: list[Any]) -> None:
        self.open()
        root = Root()
        root.indexes = (Index(), Index())
        set_root(self.connection, "root", root)
        for special, own, keys in population:
            self.create(special, own, keys)
        self.commit()

    def open(self) -> None:
        self.database = Database.open(self.path)
        self.connection: Connection = self.database.connect()
        durable.set_ambient(self.connection)

    def object(self, number: int) -> Any:
        return self.connection.get(self.rows[number].oid)

    def label(self, number: int) -> Any:
        return as_tag(self.object(number))

    def index(self, which: int) -> Index:
        root: Any = get_root(self.connection, "root")
        return root.indexes[which]

    def pick(self, seed: int) -> int:
        return sorted(self.rows)[seed % len(self.rows)]

    def create(self, special: bool, own: set[str], keys: list[tuple[int, Any]]) -> None:
        obj = (Special if special else Thing)(self.born)
        tags(obj).add(own)
        self.handles.append(obj)
        row = self.rows[self.born] = Row(self.connection.add(obj), special)
        row.tags |= own
        for which, key in keys:
            self.index(which).add(key, obj)
            row.keys[which].add(key)
        self.born += 1

    def tag(self, seed: int, own: set[str], add: bool) -> None:
        number = self.pick(seed)
        manager = tags(self.object(number))
        (manager.add if add else manager.remove)(*own)
        (self.rows[number].tags.update if add else self.rows[number].tags.difference_update)(own)

    def label_with(self, seed: int, other: int, add: bool) -> None:
        number, target = self.pick(seed), self.pick(other)
        manager = tags(self.object(number))
        (manager.add if add else manager.remove)(self.label(target))
        (self.rows[number].labels.add if add else self.rows[number].labels.discard)(target)

    def file(self, seed: int, which: int, key: Any, add: bool) -> None:
        number = self.pick(seed)
        index = self.index(which)
        (index.add if add else index.remove)(key, self.object(number))
        (self.rows[number].keys[which].add if add else self.rows[number].keys[which].discard)(key)

    def unfile(self, seed: int, which: int) -> None:
        pairs = [(n, i, key) for n, row in self.rows.items() for i in (0, 1) for key in row.keys[i]]
        if pairs:
            number, index, key = pairs[(seed * 100 + which) % len(pairs)]
            self.index(index).remove(key, self.object(number))
            self.rows[number].keys[index].remove(key)

    @rule(steps=st.lists(STEPS, min_size=1, max_size=8), flushed=st.booleans())
    def work(self, steps: list[tuple[str, tuple[Any, ...]]], flushed: bool) -> None:
        for name, arguments in steps:
            if self.rows or name == "create":
                getattr(self, name)(*arguments)
        if flushed:
            self.connection.flush()

    @rule(question=QUESTIONS, own=st.sampled_from(TAGS), add=st.booleans())
    def tag_found(self, question: Question, own: str, add: bool) -> None:
        manager = tags(find(question[0](self)))
        (manager.add if add else manager.remove)(own)
        for number in question[1](self.rows):
            (self.rows[number].tags.add if add else self.rows[number].tags.discard)(own)

    def clear(self, which: int) -> None:
        self.index(which).clear()
        for row in self.rows.values():
            row.keys[which].clear()

    def commit(self) -> None:
        while self.savepoints:
            self.savepoints.pop()[0].release()
        self.handles.clear()
        self.connection.commit()
        self.rows = {number: row for number, row in self.rows.items() if row.held}
        self.committed = deepcopy(self.rows)

    def abort(self) -> None:
        self.handles.clear()
        self.savepoints.clear()
        self.connection.abort()
        self.rows = deepcopy(self.committed)

    @rule(end=st.sampled_from(["commit", "commit", "commit", "abort", "reopen"]))
    def end_transaction(self, end: str) -> None:
        if end == "abort":
            return self.abort()
        self.commit()
        if end == "reopen":
            self.connection.close()
            self.database.close()
            self.open()

    @rule()
    def savepoint(self) -> None:
        self.savepoints.append((self.connection.savepoint(), deepcopy(self.rows), list(self.handles)))

    @precondition(lambda self: self.savepoints)
    @rule(keep=st.booleans())
    def end_savepoint(self, keep: bool) -> None:
        savepoint, rows, handles = self.savepoints.pop()
        if keep:
            savepoint.release()
        else:
            savepoint.rollback()
            self.rows, self.handles = rows, handles

    @rule(question=QUESTIONS, bounds=st.tuples(*[st.one_of(st.none(), st.integers(-4, 4))] * 2))
    def ask(self, question: Question, bounds: tuple[Any, Any]) -> None:
        query, expected = find(question[0](self)), question[1](self.rows)
        in_order = sorted(expected, key=lambda number: self.rows[number].oid)
        assert [thing.name for thing in query] == in_order
        assert len(query) == len(expected)
        assert bool(query) is bool(expected)
        part = query[slice(*bounds)]
        assert [thing.name for thing in part] == in_order[slice(*bounds)]
        assert {thing.name for thing in find(part, "a")} == {
            number for number in in_order[slice(*bounds)] if "a" in self.rows[number].tags
        }

    @rule(question=QUESTIONS, special=st.booleans())
    def ask_typed(self, question: Question, special: bool) -> None:
        found = {thing.name for thing in find(Special if special else Thing, question[0](self))}
        held = {number for number, row in self.rows.items() if row.held}
        assert found & held == {
            number for number in question[1](self.rows) & held if not special or self.rows[number].special
        }
        assert found <= set(self.rows)

    def pairs(self, numbers: list[int], which: int, desc: bool, null: bool) -> list[int]:
        """What sorting these objects by an index gives."""
        found = [(number, key) for number in numbers for key in self.rows[number].keys[which]]
        keyed = sorted((pair for pair in found if pair[1] is not None), key=lambda pair: pair[1], reverse=desc)
        nulls = [number for number, key in found if key is None]
        ordered = [number for number, _ in keyed]
        return nulls + ordered if null != desc else ordered + nulls

    @rule(question=QUESTIONS, which=st.integers(0, 1), desc=st.booleans(), null=st.booleans(), nest=st.booleans())
    def sort(self, question: Question, which: int, desc: bool, null: bool, nest: bool) -> None:
        index = self.index(which)
        query = find(question[0](self))
        numbers = sorted(question[1](self.rows), key=lambda number: self.rows[number].oid)
        if nest:
            query = self.index(1 - which).sort(query, desc=null)
            numbers = self.pairs(numbers, 1 - which, null, False)
        expected = self.pairs(numbers, which, desc, null)
        ordered = index.sort(query, desc=desc, null_first=null)
        assert [thing.name for thing in ordered] == expected
        assert len(ordered) == len(expected)
        assert [thing.name for thing in ordered[1:4]] == expected[1:4]

    @invariant()
    def sizes_and_tags_agree(self) -> None:
        if not hasattr(self, "connection"):
            return
        for which in (0, 1):
            assert len(self.index(which)) == sum(len(row.keys[which]) for row in self.rows.values())
        for number, row in self.rows.items():
            found = tags_of(self.object(number))
            assert {tag for tag in found if isinstance(tag, str)} == row.tags
            assert len(found) == len(row.tags) + len(row.labels)

    def teardown(self) -> None:
        durable.set_ambient(None)
        if hasattr(self, "connection"):
            with contextlib.suppress(Exception):
                self.connection.abort()
            self.connection.close()
            problems = list(self.database.verify()) if hasattr(self.database, "verify") else []
            self.database.close()
            assert not problems
        self.directory.cleanup()


TestQueries = Queries.TestCase
TestQueries.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)

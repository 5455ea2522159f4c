"""Use of the memo face as a type checker sees it: `make lint` checks it, `test_public_use.py` runs it.

`type: ignore` marks what must be refused; the checker complains of those that are not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, assert_type

import perdure as db0


@db0.memo
@dataclass
class Person:
    """A class with options of `dataclass`."""

    name: str
    born: date | None = None


@db0.memo(singleton=True)
class Board:
    """A class with options of `memo`."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.by_birth: db0.index[date, Person] = db0.index()


def classes() -> Board:
    """`memo` keeps the type of a class and its constructor."""
    person = Person("Ada", born=date(1815, 12, 10))
    assert_type(person, Person)
    assert_type(person.name, str)
    assert_type(Board(), Board)
    Board().people["ada"] = person
    return Board()


def refused() -> None:
    """What a checker finds wrong."""
    Person(1)  # type: ignore[arg-type]
    Ranked("open", "x")  # type: ignore[arg-type]
    Person("Ada").nickname  # type: ignore[attr-defined]
    query = db0.find(Person)
    query["name"]  # type: ignore[call-overload]
    Board().by_birth.add(1815, Person("Ada"))  # type: ignore[arg-type]
    db0.uuid()  # type: ignore[call-arg]
    Shelf(Person("Ada")).numbers.append("x")  # type: ignore[arg-type]
    Shelf(Person("Ada")).by_name[1] = Person("x")  # type: ignore[index]
    Shelf("Ada")  # type: ignore[arg-type]
    Shelf(Person("Ada")).seen.add(1)  # type: ignore[arg-type]
    db0.commit(prefix=1)  # type: ignore[call-arg]


def identity(board: Board) -> Person:
    """`uuid` and `fetch`."""
    identifier = db0.uuid(board.people["ada"])
    assert_type(identifier, str)
    person = db0.fetch(identifier, Person)
    assert_type(person, Person)
    assert_type(db0.fetch(Board), Board)
    assert_type(db0.find_singleton(Board), Board | None)
    assert_type(db0.exists(identifier), bool)
    return person


def queries(board: Board, person: Person) -> list[Person]:
    """Tags, `find` and indexes."""
    db0.tags(person).add("pioneer", db0.as_tag(board))
    assert_type(db0.tags_of(person), list[object])
    query = db0.find(Person, ["pioneer", "author"], db0.no("unknown"))
    assert_type(query, db0.QueryObject[Person])
    assert_type(len(query), int)
    assert_type(query[:10], db0.QueryObject[Person])
    assert_type(query[0, -1], tuple[Person, ...])
    assert_type(db0.find("pioneer"), db0.QueryObject[Any])
    assert_type(next(query), Person)
    assert_type(next(reversed(query)), Person)
    assert_type(db0.split_by(["pioneer"], query), db0.QueryObject[tuple[Person, Any]])
    assert_type(db0.filter(lambda one: one.born is not None, query), db0.QueryObject[Person])
    assert_type(db0.group_by(lambda one: one.name, query), dict[Any, Any])
    assert_type(list(db0.taggify("Ada Lovelace")), list[str])
    assert_type(str(query.explain()), str)
    board.by_birth.add(date(1815, 12, 10), person)
    found = board.by_birth.sort(db0.find(query, board.by_birth.select(None, date(1900, 1, 1))), desc=True)
    assert_type(found, db0.QueryObject[Person])
    assert_type(board.by_birth.select(), db0.QueryObject[Person])
    for born, one in board.by_birth:
        assert_type(born, date | None)
        assert_type(one, Person)
    return list(found)


def blocks(person: Person) -> str:
    """`atomic` and snapshots."""
    before = db0.get_state_num(finalized=True)
    with db0.atomic() as block:
        assert_type(block, db0.AtomicManager)
        person.name = "Ada Lovelace"
    db0.commit()
    with db0.snapshot(before) as past:
        assert_type(past, db0.Snapshot)
        old: Person = past.fetch(db0.uuid(person), Person)
        return old.name


@db0.tag_fields("status")
@db0.indexed_fields("rank")
@db0.memo
class Ranked:
    """A class with declared fields."""

    def __init__(self, status: str, rank: int) -> None:
        self.status = status
        self.rank = rank

    @db0.immutable
    def double(self) -> int:
        """A method with a mark keeps its type."""
        return self.rank * 2


def declared() -> list[Ranked]:
    """Decorators keep the type of what they decorate."""
    ranked = Ranked("open", 1)
    assert_type(ranked, Ranked)
    assert_type(ranked.double(), int)
    ranked.rank = 2
    by_rank: db0.IndexObject[Any, Any] = db0.index_of(Ranked, "rank")
    db0.tags(ranked).add("kept")
    return list(by_rank.sort(db0.find(Ranked, "open")))


def reflection() -> db0.MemoMetaClass:
    """What is asked of classes and prefixes."""
    found = next(db0.get_memo_classes())
    assert_type(found.is_singleton, bool)
    assert_type([method.name for method in db0.get_methods(found)], list[str])
    assert_type(db0.get_schema(Ranked), dict[str, dict[str, Any]])
    assert_type(db0.get_callables(found), list[tuple[str, db0.CallableType]])
    return found


@db0.memo
class Shelf:
    """Fields that are collections, and another class."""

    def __init__(self, owner: Person) -> None:
        self.owner = owner
        self.numbers: db0.list[int] = db0.list([1, 2])
        self.by_name: db0.dict[str, Person] = db0.dict({owner.name: owner})
        self.seen: db0.set[str] = db0.set()
        self.pair: db0.tuple[float] = db0.tuple((1.0, 2.0))
        self.anything = db0.list()

    @property
    def first(self) -> int:
        """A property."""
        return self.numbers[0]


def collections(owner: Person) -> int:
    """Collections know what they hold."""
    shelf = Shelf(owner)
    assert_type(shelf.owner, Person)
    assert_type(shelf.owner.born, date | None)
    assert_type(shelf.first, int)
    assert_type(shelf.numbers[0], int)
    assert_type(shelf.numbers[:1], list[int])
    assert_type([number + 1 for number in shelf.numbers], list[int])
    assert_type(shelf.numbers.copy(), db0.list[int])
    shelf.numbers.append(3)
    shelf.numbers[0] = 4
    assert_type(shelf.numbers.pop(), int)
    assert_type(shelf.by_name["Ada"], Person)
    assert_type(shelf.by_name.get("Ada"), Person | None)
    assert_type(list(shelf.by_name), list[str])
    for name, person in shelf.by_name.items():
        assert_type(name, str)
        assert_type(person, Person)
    shelf.seen.add("x")
    assert_type(shelf.seen | {"y"}, db0.set[str])
    assert_type(shelf.pair[0], float)
    assert_type(db0.list("ab"), db0.list[str])
    assert_type(shelf.anything, db0.list[Any])
    assert_type(db0.load(shelf.numbers), Any)
    return len(shelf.numbers) + len(shelf.by_name)


def past(person: Person) -> int:
    """Snapshots find and fetch as the head does."""
    db0.commit()
    with db0.snapshot() as before, db0.snapshot() as after:
        assert_type(before.find(Person), db0.QueryObject[Person])
        assert_type(before.fetch(db0.uuid(person), Person), Person)
        assert_type(before.fetch(Board), Board)
        assert_type(before.exists(db0.uuid(person)), bool)
        query = db0.find(Person)
        old_and_new = list(db0.select_modified(query, before, after))
        return len(old_and_new) + len(list(db0.select_new(query, before, after)))


def singletons() -> Board:
    """A singleton class and `fetch` with the arguments turned around."""
    board = Board()
    assert_type(board, Board)
    assert_type(db0.fetch(Person, db0.uuid(next(iter(board.people.values())))), Person)
    assert_type(db0.materialized(board), Board)
    return board


def interfaces(names: db0.ListObject, by_name: db0.DictObject, seen: db0.SetObject) -> int:
    """The names of types for annotations."""
    return len(names) + len(by_name) + len(seen)

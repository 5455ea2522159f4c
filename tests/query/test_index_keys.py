"""Every type of index key: stored, read back, ordered, bounded, and told from the others."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from perdure.kernel import durable
from perdure.model import EnumType, enum
from perdure.model.enums import value_of
from perdure.query import Index, find, tags
from perdure.session import Connection, Database, get_root, set_root

from .conftest import Thing

Size = enum("IndexKeySize", ["SMALL", "LARGE", "HUGE"])
"""Its values are not in the order of their names."""
KEYS: dict[str, list[Any]] = {
    "int": [-(2**70), -1, 0, 1, 2**40],
    "float": [float("-inf"), -1.5, 0.0, 0.1, 1e300],
    "str": ["", "A", "a", "aa", "é", "\U0001f600"],
    "bytes": [b"", b"\0", b"a", b"a\0", b"\xff"],
    "tuple": [(), (1,), (1, "a"), (1, "b"), (2,)],
    "bool": [False, True],
    "UUID": [UUID(int=0), UUID(int=7), UUID(int=2**127)],
    "datetime": [datetime(1, 1, 1), datetime(2030, 1, 1), datetime(2030, 1, 1, 0, 0, 0, 1)],
    "aware": [datetime(1900, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)],
    "date": [date(1, 1, 1), date(2030, 1, 1), date(9999, 12, 31)],
    "time": [time(0), time(0, 0, 0, 1), time(23, 59)],
    "timedelta": [timedelta(-1), timedelta(0), timedelta(0, 0, 1), timedelta(9999)],
    "Decimal": [Decimal("-1E+9"), Decimal("0.10"), Decimal("0.2"), Decimal("1E+9")],
    "enum value": [Size.SMALL, Size.LARGE, Size.HUGE],
}
CASES = [pytest.param(keys, id=name) for name, keys in KEYS.items()]


def filled(keys: list[Any]) -> Index[Any, Any]:
    """An index with an object for each key and one for None, added in no order."""
    index: Index[Any, Any] = Index()
    for key in [*keys[1::2], None, *keys[::2]]:
        thing = Thing(key)
        tags(thing).add("all")
        index.add(key, thing)
    return index


@pytest.fixture(params=[False, True], ids=["pending", "stored"])
def stored(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("keys", CASES)
def test_keys_order_as_their_values_and_nulls_stand_where_they_are_wanted(
    connection: Connection, keys: list[Any], stored: bool
) -> None:
    index = filled(keys)
    if stored:
        connection.commit()
    for desc in (False, True):
        for null_first in (False, True):
            ordered = [*keys, None] if not null_first else [None, *keys]
            wanted = ordered[::-1] if desc else ordered
            query = index.sort(find("all"), desc=desc, null_first=null_first)
            assert [thing.name for thing in query] == wanted
            assert [thing.name for thing in query[::-1]] == wanted[::-1]


@pytest.mark.parametrize("keys", CASES)
def test_ranges_include_both_ends_and_nulls_on_the_open_side(connection: Connection, keys: list[Any]) -> None:
    index = filled(keys)
    low, high = keys[0], keys[-1]
    assert {thing.name for thing in index.select(low, high)} == set(keys)
    assert {thing.name for thing in index.select(low)} == {*keys, None}
    assert {thing.name for thing in index.select(None, low)} == {low}
    assert {thing.name for thing in index.select(None, low, null_first=True)} == {low, None}
    assert {thing.name for thing in index.select(high, null_first=True)} == {high}
    assert {thing.name for thing in index.select()} == {*keys, None}
    assert not index.select(high, low)


@pytest.mark.parametrize("keys", CASES)
def test_keys_are_read_back_as_what_they_were(connection: Connection, keys: list[Any], stored: bool) -> None:
    index = filled(keys)
    if stored:
        connection.commit()
        durable.make_ghost(index)
    pairs = [(key, thing.name) for key, thing in index]
    assert pairs == [(None, None), *((key, key) for key in keys)]
    assert [type(key) for key, _ in pairs] == [type(None), *map(type, keys)]
    assert [key for key, _ in reversed(index)] == [*keys[::-1], None]


@pytest.mark.parametrize("keys", CASES)
def test_pairs_can_be_removed(connection: Connection, keys: list[Any]) -> None:
    index = filled(keys)
    connection.commit()
    for key, thing in list(index):
        index.remove(key, thing)
    assert len(index) == 0 and not list(index)


FAMILIES = {"aware": "datetime", "bool": "int"}


@pytest.mark.parametrize("one", KEYS)
@pytest.mark.parametrize("other", KEYS)
def test_one_index_has_keys_of_one_type(connection: Connection, one: str, other: str) -> None:
    index = filled(KEYS[one])
    if FAMILIES.get(one, one) == FAMILIES.get(other, other):
        index.add(KEYS[other][0], Thing())
    else:
        with pytest.raises(RuntimeError, match="keys of type"):
            index.add(KEYS[other][0], Thing())


def test_bools_among_ints_are_ints_in_whichever_order_they_come(connection: Connection) -> None:
    index: Index[Any, Any] = Index()
    index.add(True, Thing("one"))
    assert [key for key, _ in index] == [True] and type(next(iter(index))[0]) is bool
    index.add(5, Thing("five"))
    index.add(False, Thing("zero"))
    assert [(key, thing.name) for key, thing in index] == [(0, "zero"), (1, "one"), (5, "five")]
    assert {type(key) for key, _ in index} == {int}
    assert [thing.name for thing in index.select(1, 1)] == ["one"]


def test_enum_values_that_are_placeholders_are_the_same_keys(connection: Connection) -> None:
    index = filled(KEYS["enum value"])
    placeholder = value_of("IndexKeySize", "LARGE", False)
    assert [thing.name for thing in index.select(placeholder, placeholder)] == [Size.LARGE]


def test_values_of_an_enum_that_is_not_defined_here_have_no_order(connection: Connection) -> None:
    with pytest.raises(RuntimeError, match="not defined here"):
        Index().add(value_of("IndexKeyUnknown", "X"), Thing())


def test_objects_and_enums_are_no_keys(connection: Connection) -> None:
    for bad in (Thing(), Size, Thing, Index()):
        with pytest.raises(RuntimeError, match="index key"):
            Index().add(bad, Thing())
    assert isinstance(Size, EnumType)


@pytest.fixture
def reopened(path: Path) -> Iterator[Any]:
    def work() -> Iterator[Index[Any, Any]]:
        for name, keys in KEYS.items():
            database = Database.open(path)
            connection = database.connect()
            durable.set_ambient(connection)
            set_root(connection, name, filled(keys))
            connection.commit()
            connection.close()
            database.close()
            database = Database.open(path)
            connection = database.connect()
            yield name, keys, get_root(connection, name)  # type: ignore[misc]
            assert list(database.verify()) == []
            connection.close()
            database.close()

    yield work
    durable.set_ambient(None)


def test_all_kinds_survive_a_reopening(reopened: Any) -> None:
    for _, keys, index in reopened():
        assert [(key, thing.name) for key, thing in index] == [(None, None), *((key, key) for key in keys)]
        kind = "int" if type(keys[0]) is not int else "str"
        with pytest.raises(RuntimeError, match="keys of type"):
            index.add(KEYS[kind][-1] if type(keys[0]) is not bool else "x", Thing())

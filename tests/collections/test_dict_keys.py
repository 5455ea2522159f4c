from __future__ import annotations

import datetime as dt
import enum
import math
from decimal import Decimal
from uuid import UUID

import pytest

from perdure.collections import Dict, List, Set, Tuple
from perdure.session import Connection, get_root, set_root
from perdure.session.verifying import verify

from .things import Thing, reopen

KEYS = [
    None, True, 2, 2.5, -0.0, 1 << 90, 3j, "", "text", b"", b"bytes", Decimal("0.10"), math.inf, math.nan,
    dt.date(2024, 2, 3), dt.datetime(2024, 2, 3, 4, 5, 6, 7), dt.time(1, 2), dt.timedelta(3, 4),
    dt.datetime(2024, 2, 3, tzinfo=dt.UTC), UUID(int=5), (), (1, "a", (None, 2.0)), frozenset({1, "a"}),
    frozenset(), range(5), range(0), "long" * 1000, ("long" * 1000, 1), b"\0\1" * 300,
]  # fmt: skip


def test_every_kind_of_key_comes_back_in_small_and_large_dicts(connection: Connection) -> None:
    for extra in (0, 100):
        expected = [*KEYS, *(f"extra {number}" for number in range(extra))]
        set_root(connection, "dict", Dict((key, place) for place, key in enumerate(expected)))
        connection = reopen(connection)
        found = get_root(connection, "dict")
        assert repr(list(found)) == repr(expected)
        connection = reopen(connection)
        found = get_root(connection, "dict")
        for place, key in enumerate(expected):
            assert found[key] == place
            assert key in found
        assert len(found) == len(expected)
    assert list(verify(connection.database)) == []


class Color(enum.Enum):
    RED = "red"
    GREEN = 3


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


def test_enum_members_are_keys(connection: Connection) -> None:
    for extra in (0, 100):
        plain = {Color.RED: 1, Level.LOW: 2, (Color.GREEN, 1): 3, **{str(number): 0 for number in range(extra)}}
        set_root(connection, "dict", Dict(plain))
        connection = reopen(connection)
        found = get_root(connection, "dict")
        assert found[Color.RED] == 1
        assert found[1] == found[Level.LOW] == found[1.0] == 2
        assert found[Color.GREEN, Level.LOW] == 3
        assert Color.GREEN not in found
        found[1] = 4
        connection = reopen(connection)
        assert [type(key) for key in get_root(connection, "dict")][:2] == [Color, Level]


@pytest.mark.parametrize("extra", [0, 100])
def test_equal_keys_are_one_and_the_first_stays(connection: Connection, extra: int) -> None:
    values = Dict((number, 0) for number in range(1000, 1000 + extra))
    set_root(connection, "dict", values)
    values[True] = "a"
    values[0.5] = "half"
    connection = reopen(connection)
    values = get_root(connection, "dict")
    values[1] = "b"
    values[Decimal("0.5")] = "d"
    assert values[1.0] == values[Decimal(1)] == "b"
    connection = reopen(connection)
    values = get_root(connection, "dict")
    assert list(values.items())[extra:] == [(True, "b"), (0.5, "d")]
    assert [type(key) for key in values][extra:] == [bool, float]


@pytest.mark.parametrize("extra", [0, 100])
def test_durable_tuples_are_the_same_keys_as_plain_ones(connection: Connection, extra: int) -> None:
    values = Dict((number, 0) for number in range(1000, 1000 + extra))
    set_root(connection, "dict", values)
    values[Tuple([1, (2,)])] = "a"
    assert values[1, (2,)] == values[1, Tuple([2])] == "a"
    connection = reopen(connection)
    values = get_root(connection, "dict")
    assert values[Tuple([1, Tuple([2])])] == "a"
    values[1, (2,)] = "b"
    assert len(values) == extra + 1
    assert list(values)[-1] == (1, (2,))


@pytest.mark.parametrize("extra", [0, 100])
def test_objects_are_keys_by_identity_and_are_held(connection: Connection, extra: int) -> None:
    one, other = Thing(1), Thing(1)
    values = Dict([(one, "one"), ((other, 2), "pair"), *((str(number), 0) for number in range(extra))])
    set_root(connection, "dict", values)
    assert other not in values
    assert Thing(5) not in values
    oids = connection.add(one), connection.add(other)
    connection.commit()
    assert [connection.lifetime.holders(oid) for oid in oids] == [1, 1]
    connection = reopen(connection)
    values = get_root(connection, "dict")
    one, other = map(connection.get, oids)
    assert values[one] == "one"
    assert values[other, 2] == "pair"
    keys = iter(values)
    assert next(keys) is one
    assert next(keys)[0] is other
    del values[one], values[other, 2]
    del one, other, keys
    connection = reopen(connection)
    assert [connection.contains(oid) for oid in oids] == [False, False]
    assert list(verify(connection.database)) == []


def test_unhashable_and_unknown_keys_are_refused() -> None:
    values = Dict()
    for key in ([], {}, set(), List(), Dict(), Set(), (1, []), (1, List()), bytearray()):
        for call in (values.get, values.__getitem__, values.__contains__, values.__delitem__, values.pop):
            with pytest.raises(TypeError, match="unhashable"):
                call(key)
        with pytest.raises(TypeError, match="unhashable"):
            values[key] = 1
    for key in (object(), lambda: None):
        assert key not in values
        with pytest.raises(TypeError, match="cannot be stored"):
            values[key] = 1
    with pytest.raises(TypeError, match=r"builtins\.object"):
        values["a"] = object()
    assert values == {}

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, defaultdict, namedtuple
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from perdure.collections import ByteArray, Dict, List, Set, Tuple, convert
from perdure.session import Weak

from .things import Thing

Pair = namedtuple("Pair", "left right")

PLAIN = [
    None, True, 1, 1 << 99, 1.5, 2j, "a", b"a", Decimal("1.0"), range(3), UUID(int=1), dt.date(2024, 1, 1),
    dt.timedelta(1), dt.time(1), dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.time(1, tzinfo=ZoneInfo("Europe/Warsaw")), (1, ("a",)), frozenset({1, (2,)}), (),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_stay_the_same_object(value: Any) -> None:
    assert convert(value) is value


def test_durable_objects_and_weak_references_stay_the_same_object() -> None:
    thing = Thing(1)
    for value in (thing, List(), Dict(), Set(), Tuple(), ByteArray(), (thing, 1), Weak(thing)):
        assert convert(value) is value


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([1, [2]], List),
        ({"a": {"b": [1]}}, Dict),
        ({1, (2,)}, Set),
        (bytearray(b"a"), ByteArray),
        (defaultdict(list, a=[1]), Dict),
    ],
)
def test_mutable_containers_become_durable_with_all_in_them(value: Any, kind: type) -> None:
    found = convert(value)
    assert type(found) is kind
    assert found == value


def test_tuples_stay_plain_whatever_they_hold() -> None:
    found = convert(([1], {"a": 2}, "b"))
    assert type(found) is tuple
    assert list(map(type, found)) == [List, Dict, str]  # type: ignore[call-overload]


@pytest.mark.parametrize("value", [Pair(1, 2), OrderedDict(a=1), [Pair(1, 2)], {"a": OrderedDict()}])
def test_what_would_come_back_as_something_less_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be stored: it would lose"):
        convert(value)


def test_an_object_met_twice_stays_one() -> None:
    inner = [1]
    found: Any = convert([inner, {"a": inner}, (inner,)])
    assert found[0] is found[1]["a"] is found[2][0]


def test_containers_that_hold_themselves() -> None:
    outer: list[Any] = []
    named: dict[str, Any] = {"list": outer}
    outer.extend([outer, named, (outer,)])
    named["self"] = named
    found: Any = convert(outer)
    assert found[0] is found
    assert found[1]["list"] is found
    assert found[1]["self"] is found[1]
    assert found[2][0] is found


class _Text(str):
    pass


class _Zone(dt.tzinfo):
    pass


@pytest.mark.parametrize(
    "value",
    [object(), iter([]), (number for number in ()), _Text("a"), dt.datetime(2024, 1, 1, tzinfo=_Zone())],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_stored_is_refused_by_the_name_of_its_type(value: Any) -> None:
    kind = type(getattr(value, "tzinfo", value))
    for wrapped in (value, [value], {"a": value}, (1, (value,))):
        with pytest.raises(TypeError, match=kind.__qualname__):
            convert(wrapped)


def test_functions_without_a_name_of_their_own_are_refused() -> None:
    with pytest.raises(TypeError, match="lambda"):
        convert([lambda: None])

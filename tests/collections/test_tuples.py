from __future__ import annotations

import copy
import pickle
from collections.abc import MutableSequence, Sequence
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.collections import List, Tuple
from perdure.session import Connection, get_root, set_root

from .things import Thing, reopen

ranges = st.one_of(st.none(), st.integers(-700, 700))


@pytest.mark.parametrize("size", [0, 1, 128, 129, 5000])
def test_tuples_of_any_size_come_back(connection: Connection, size: int) -> None:
    set_root(connection, "tuple", Tuple(number for number in range(size)))
    connection = reopen(connection)
    found = get_root(connection, "tuple")
    assert found == tuple(range(size))
    assert len(found) == size
    assert hash(found) == hash(tuple(range(size)))
    assert list(reversed(found)) == list(range(size))[::-1]


@given(st.lists(st.integers(0, 3), max_size=600), ranges, ranges, st.sampled_from([None, 1, -1, 2, -300]))
def test_reading_is_that_of_tuples(items: list[int], start: int | None, stop: int | None, step: int | None) -> None:
    values, plain = Tuple(items), tuple(items)
    assert values[start:stop:step] == plain[start:stop:step]
    assert type(values[start:stop:step]) is tuple
    assert values.count(1) == plain.count(1)
    assert (2 in values) == (2 in plain)
    if 3 in plain:
        assert values.index(3) == plain.index(3)


def test_comparison_printing_and_joining_are_those_of_tuples() -> None:
    values = Tuple([1, "a"])
    assert values == (1, "a")
    assert (1, "a") == values  # noqa: SIM300
    assert values != [1, "a"]
    assert values != List([1, "a"])
    assert values < (1, "b")
    assert values < Tuple([2])
    assert repr(values) == "(1, 'a')"
    assert repr(Tuple([1])) == "(1,)"
    assert repr(Tuple()) == "()"
    first, second = values
    assert (first, second) == (1, "a")
    for joined in (add(values, (2,)), (0, *values), add((0,), values), values * 2, 2 * values):
        assert isinstance(joined, Tuple | tuple)
    assert (add(values, (2,)), add((0,), values), values * 2) == ((1, "a", 2), (0, 1, "a"), (1, "a", 1, "a"))
    assert type(add((0,), values)) is Tuple
    assert copy.copy(values) is values
    assert isinstance(values, Sequence)
    assert not isinstance(values, MutableSequence | tuple)
    match values:
        case (1, second):
            assert second == "a"
        case _:
            pytest.fail("no sequence pattern matches")


def test_it_cannot_be_changed() -> None:
    values = Tuple([1, 2])
    for name in (
        "append",
        "extend",
        "insert",
        "pop",
        "remove",
        "clear",
        "sort",
        "reverse",
        "__setitem__",
        "__delitem__",
    ):
        assert not hasattr(values, name)
    with pytest.raises(TypeError):
        values[0] = 1  # type: ignore[index]
    with pytest.raises(TypeError):
        del values[0]  # type: ignore[attr-defined]
    same = values
    same += (3,)  # type: ignore[assignment]
    assert values == (1, 2)
    assert same == (1, 2, 3)


def test_wrong_calls_raise_what_tuples_raise() -> None:
    values = Tuple([1, []])
    for call, error in [
        (lambda: Tuple(1), TypeError),
        (lambda: Tuple([1], [2]), TypeError),
        (lambda: Tuple(iterable=[1]), TypeError),
        (lambda: values[2], IndexError),
        (lambda: values["a"], TypeError),
        (lambda: values.index(5), ValueError),
        (lambda: hash(values), TypeError),
        (lambda: add(values, [1]), TypeError),
        (lambda: values < [1], TypeError),
        (lambda: pickle.dumps(values), TypeError),
    ]:
        with pytest.raises(error):
            call()  # type: ignore[no-untyped-call]


def test_elements_become_durable_and_are_compared_by_identity(connection: Connection) -> None:
    one, other = Thing(1), Thing(1)
    values = Tuple([[1], one])
    assert isinstance(values[0], List)
    assert one in values
    assert other not in values
    set_root(connection, "tuple", values)
    values[0].append(2)
    connection = reopen(connection)
    found = get_root(connection, "tuple")
    assert found[0] == [1, 2]
    assert found[1].number == 1

from __future__ import annotations

import copy
import pickle
from collections.abc import MutableSet
from typing import Any

import pytest

from perdure.collections import List, Set, Tuple
from perdure.errors import ConflictError
from perdure.session import Connection, Database, get_root, set_root
from perdure.session.verifying import verify

from .test_dict_keys import KEYS
from .things import Thing, records, reopen


@pytest.mark.parametrize("extra", [0, 100])
def test_every_kind_of_element_comes_back(connection: Connection, extra: int) -> None:
    expected = [*KEYS, *(f"extra {number}" for number in range(extra))]
    set_root(connection, "set", Set(expected))
    connection = reopen(connection)
    found = get_root(connection, "set")
    assert all(element in found for element in expected)
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
    assert len(found) == len(expected)
    assert list(verify(connection.database)) == []


def test_the_left_operand_decides_what_an_operation_makes() -> None:
    values = Set("abc")
    assert type(values | {"d"}) is type(values - {"a"}) is type(values & values) is type(values ^ values) is Set
    assert type(values.union("d")) is type(values.copy()) is type(copy.copy(values)) is Set
    for plain in (set("cd"), frozenset("cd")):
        for found, expected in [
            (plain | values, plain | set("abc")),
            (plain & values, plain & set("abc")),
            (plain - values, plain - set("abc")),
            (plain ^ values, plain ^ set("abc")),
        ]:
            assert found == expected
            assert type(found) is type(plain)
        assert plain != values
        assert plain | values == values | plain
        assert not plain <= values
        assert {"a"} < values
    same = values
    same |= {"d"}
    same &= set("abd")
    same -= {"a"}
    same ^= {"b", "e"}
    assert same is values
    assert values == {"d", "e"}


def test_methods_take_any_iterables_and_operators_only_sets() -> None:
    values = Set("abc")
    assert values.union("d", ["e"], Set("f")) == set("abcdef")
    assert values.intersection("ab", List("bc")) == {"b"}
    assert values.difference("a", "b") == {"c"}
    assert values.issubset("abcd")
    assert values.issuperset(iter("ab"))
    assert values.isdisjoint([object()])
    for operation in ("__or__", "__and__", "__sub__", "__xor__", "__ior__", "__le__", "__lt__"):
        assert getattr(values, operation)(["a"]) is NotImplemented
    with pytest.raises(TypeError):
        values | ["a"]
    with pytest.raises(TypeError):
        values < ["a"]  # noqa: B015


def test_comparison_and_printing_are_those_of_sets() -> None:
    assert Set("ab") == {"a", "b"} == Set("ba") == frozenset("ab")
    assert Set("ab") != ["a", "b"]
    assert Set("ab") < Set("abc") <= {"a", "b", "c"} < Set("abcd")
    assert not Set("ab") > Set("ab")
    assert repr(Set()) == "set()"
    assert repr(Set(["a"])) == "{'a'}"
    assert {1, 2} in Set([frozenset({1, 2})])
    assert isinstance(Set(), MutableSet)
    assert not isinstance(Set(), set)


def test_wrong_calls_raise_what_sets_raise() -> None:
    values = Set("ab")
    for call, error in [
        (lambda: values.remove("c"), KeyError),
        (lambda: Set().pop(), KeyError),
        (lambda: values.add([]), TypeError),
        (lambda: values.add(List()), TypeError),
        (lambda: [] in values, TypeError),
        (lambda: values.add(object()), TypeError),
        (lambda: Set(5), TypeError),
        (lambda: Set(iterable=()), TypeError),
        (lambda: hash(values), TypeError),
        (lambda: pickle.dumps(values), TypeError),
    ]:
        with pytest.raises(error):
            call()  # type: ignore[no-untyped-call]
    values.discard("c")
    assert values == {"a", "b"}


@pytest.mark.parametrize("budget", [64 << 20, 1])
@pytest.mark.parametrize("size", [5, 300])
def test_a_change_of_size_ends_an_iteration(database: Database, budget: int, size: int) -> None:
    connection = database.connect(budget=budget)
    set_root(connection, "set", Set(range(size)))
    connection = reopen(connection, budget=budget)
    values = get_root(connection, "set")
    iterator = iter(values)
    next(iterator)
    values.add("more")
    with pytest.raises(RuntimeError, match="changed size"):
        list(iterator)
    connection.close()


@pytest.mark.parametrize("extra", [0, 100])
def test_objects_are_elements_by_identity_and_are_held(connection: Connection, extra: int) -> None:
    one, other = Thing(1), Thing(1)
    values = Set([one, Tuple([other, 2]), *range(extra)])
    set_root(connection, "set", values)
    assert other not in values
    oids = connection.add(one), connection.add(other)
    del one, other, values
    connection = reopen(connection)
    values = get_root(connection, "set")
    one, other = map(connection.get, oids)
    assert one in values
    assert (other, 2) in values
    assert values | {1} >= Set([one, (other, 2)])
    values.remove(one)
    values.remove((other, 2))
    del one, other
    connection = reopen(connection)
    assert records(connection) == 1
    assert list(verify(connection.database)) == []


def test_writers_of_different_elements_do_not_conflict(database: Database) -> None:
    one, other = database.connect(), database.connect()
    set_root(one, "set", Set(range(200)))
    one.commit()
    other.refresh()
    get_root(one, "set").add("one")
    get_root(other, "set").add("other")
    get_root(other, "set").remove(7)
    one.commit()
    other.commit()
    one.refresh()
    expected = {*range(200), "one", "other"} - {7}
    assert get_root(one, "set") == get_root(other, "set") == expected
    get_root(one, "set").remove(9)
    get_root(other, "set").remove(9)
    one.commit()
    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    assert len(get_root(other, "set")) == len(expected) - 1
    assert list(verify(database)) == []
    one.close()
    other.close()


@pytest.mark.parametrize("elements", [range(200), [1.0, True, (1, 2), None]], ids=["plain", "odd"])
def test_adding_what_is_there_writes_nothing(connection: Connection, elements: Any) -> None:
    set_root(connection, "set", Set([*range(200), (1, 2), None]))
    connection = reopen(connection)
    values = get_root(connection, "set")
    values.update(elements)
    values.discard("other")
    connection.flush()
    assert connection.overlay.is_empty()
    assert values == {*range(200), (1, 2), None}

"""Persistent mappings and lists are Python's dict and list that notice their changes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import transaction
from hypothesis import given
from hypothesis import strategies as st

from perdure.zodb import DB, Connection
from perdure.zodb.persistent.list import PersistentList
from perdure.zodb.persistent.mapping import PersistentMapping

from .things import Thing

SIMPLE = st.integers(-3, 3)


def changes(kind: Any, start: Any, change: Callable[[Any], object]) -> None:
    """The change has the effect that it has on the plain kind, and is noticed and stored."""
    with DB(None) as db:
        connection = db.open(transaction.TransactionManager())
        stored = connection.root.it = kind(start)
        connection.transaction_manager.commit()
        plain = start.copy()
        outcome = change(plain)
        found = change(stored)
        assert found == outcome or found is stored
        assert stored._p_changed is True and stored.data == plain
        connection.transaction_manager.commit()
        connection.cacheMinimize()
        assert connection.root.it.data == plain
        connection.close()


def assign(target: Any, key: Any, value: Any) -> None:
    target[key] = value


def delete(target: Any, key: Any) -> None:
    del target[key]


@pytest.mark.parametrize(
    "change",
    [
        lambda it: assign(it, "c", 3),
        lambda it: delete(it, "a"),
        lambda it: it.update({"c": 3}, d=4),
        lambda it: it.setdefault("c", 3),
        lambda it: it.pop("a"),
        lambda it: it.popitem(),
        lambda it: it.clear(),
        lambda it: it.__ior__({"c": 3}),
    ],
)
def test_changes_of_mappings_are_noticed(change: Callable[[Any], object]) -> None:
    changes(PersistentMapping, {"a": 1, "b": 2}, change)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: assign(it, 0, 9),
        lambda it: assign(it, slice(0, 1), [7, 8]),
        lambda it: delete(it, 0),
        lambda it: delete(it, slice(0, 2)),
        lambda it: it.append(4),
        lambda it: it.insert(0, 4),
        lambda it: it.pop(),
        lambda it: it.pop(0),
        lambda it: it.remove(1),
        lambda it: it.clear(),
        lambda it: it.reverse(),
        lambda it: it.sort(),
        lambda it: it.sort(key=lambda value: -value, reverse=True),
        lambda it: it.extend([5, 6]),
        lambda it: it.__iadd__([5]),
        lambda it: it.__imul__(2),
    ],
)
def test_changes_of_lists_are_noticed(change: Callable[[Any], object]) -> None:
    changes(PersistentList, [3, 1, 2], change)


@given(st.lists(SIMPLE), st.lists(SIMPLE), st.integers(-4, 4), st.slices(4))
def test_lists_read_as_lists(one: list[int], two: list[int], index: int, part: slice) -> None:
    stored = PersistentList(one)
    assert stored == one and (stored == two) == (one == two) and (stored < two) == (one < two)
    assert stored + two == one + two and two + stored == two + one and stored * 2 == one * 2
    assert (list(stored), stored[part], len(stored), index in stored) == (one, one[part], len(one), index in one)
    assert type(stored[part]) is PersistentList and repr(stored) == repr(one)
    assert stored.count(index) == one.count(index)
    copied = copy.copy(stored)
    assert copied == one and copied is not stored and copied.data is not stored.data


@given(st.dictionaries(SIMPLE, SIMPLE), st.dictionaries(SIMPLE, SIMPLE), SIMPLE)
def test_mappings_read_as_dicts(one: dict[int, int], two: dict[int, int], key: int) -> None:
    stored = PersistentMapping(one)
    assert stored == one and (stored == two) == (one == two)
    assert (stored | two) == (one | two) and (two | stored) == (two | one)
    assert (list(stored), list(stored.items()), len(stored)) == (list(one), list(one.items()), len(one))
    assert (stored.get(key, "no"), key in stored, repr(stored)) == (one.get(key, "no"), key in one, repr(one))
    copied = copy.copy(stored)
    assert copied == one and copied is not stored and copied.data is not stored.data


def test_missing_keys_change_nothing(connection: Connection) -> None:
    connection.root.mapping = mapping = PersistentMapping(a=1)
    transaction.commit()
    for ask in (lambda: mapping["x"], lambda: delete(mapping, "x"), lambda: mapping.pop("x")):
        with pytest.raises(KeyError):
            ask()
    assert (mapping.pop("x", 5), mapping.setdefault("a", 5)) == (5, 1)
    assert mapping._p_changed is False


def test_containers_hold_persistent_objects_and_each_other(connection: Connection) -> None:
    thing = Thing(name="shared")
    connection.root.mapping = PersistentMapping(list=PersistentList([thing, {"thing": thing}]))
    transaction.commit()
    connection.cacheMinimize()
    first, second = connection.root.mapping["list"]
    assert first is second["thing"] is thing and first.name == "shared"


def test_root_is_a_mapping_with_attributes(connection: Connection) -> None:
    root = connection.root
    root.number = 1
    root()["text"] = "a"
    assert (root()["number"], root.text, sorted(root())) == (1, "a", ["number", "text"])
    assert repr(root) == "<root: number text>"
    assert {"number", "text"} <= set(dir(root))
    del root.number
    for ask in (lambda: root.number, lambda: delattr(root, "number")):
        with pytest.raises(AttributeError, match="number"):
            ask()
    assert isinstance(root(), PersistentMapping)

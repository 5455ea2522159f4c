from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from collections.abc import MutableMapping

import pytest

from perdure.collections import Dict
from perdure.session import Database, get_root, set_root

from .things import Thing, reopen


def test_wrong_calls_raise_what_dicts_raise() -> None:
    values = Dict(a=1)
    for call, error in [
        (lambda: values["b"], KeyError),
        (lambda: values.pop("b"), KeyError),
        (lambda: values.__delitem__("b"), KeyError),
        (lambda: Dict().popitem(), KeyError),
        (lambda: Dict([1]), TypeError),
        (lambda: Dict([(1, 2, 3)]), ValueError),
        (lambda: Dict(5), TypeError),
        (lambda: Dict({}, {}), TypeError),
        (lambda: values.update([(1, 2)], [(3, 4)]), TypeError),
        (lambda: values | [("a", 1)], TypeError),
        (lambda: hash(values), TypeError),
        (lambda: pickle.dumps(values), TypeError),
        (lambda: copy.deepcopy(values), TypeError),
        (lambda: values.get("a", default=1), TypeError),
    ]:
        with pytest.raises(error):
            call()  # type: ignore[no-untyped-call]
    with pytest.raises(KeyError) as caught:
        values[1, 2]
    assert caught.value.args == ((1, 2),)


def test_construction_takes_what_dicts_take() -> None:
    class Keyed:
        def keys(self) -> list[str]:
            return ["k"]

        def __getitem__(self, key: str) -> str:
            return key * 2

    assert Dict([("a", 1), ["b", 2], "cd"], e=5) == {"a": 1, "b": 2, "c": "d", "e": 5}
    assert Dict(Keyed()) == {"k": "kk"}
    assert Dict(Dict(a=1), b=2) == Dict(OrderedDict(a=1, b=2)) == {"a": 1, "b": 2}
    assert Dict(iterable=1) == {"iterable": 1}
    assert Dict.fromkeys("ab") == {"a": None, "b": None}
    shared = Dict.fromkeys("ab", [1])
    assert shared["a"] is shared["b"]
    assert Dict({1: {2: [3]}})[1][2] == [3]


def test_views_are_live_and_have_set_operations() -> None:
    values = Dict(a=1, b=2)
    keys, items, numbers = values.keys(), values.items(), values.values()
    values["c"] = 3
    del values["a"]
    assert (list(keys), list(items), list(numbers)) == (["b", "c"], [("b", 2), ("c", 3)], [2, 3])
    assert list(reversed(items)) == [("c", 3), ("b", 2)]
    assert keys & {"b", "z"} == {"b"}
    assert keys | {"z"} == {"b", "c", "z"}
    assert {"b", "z"} - keys == {"z"}
    assert items ^ {("b", 2)} == {("c", 3)}
    assert ("b", 2) in items
    assert ("b", 3) not in items
    assert "b" not in items
    assert 3 in numbers
    assert keys == {"b", "c"}
    assert keys > {"b"}
    assert repr(keys) == "dict_keys(['b', 'c'])"
    assert repr(items) == "dict_items([('b', 2), ('c', 3)])"
    assert repr(numbers) == "dict_values([2, 3])"
    assert len(items) == 2


def test_new_dicts_are_durable_and_joins_keep_the_order() -> None:
    values = Dict(a=1, b=2)
    assert type(values | {}) is type({} | values) is type(values.copy()) is type(copy.copy(values)) is Dict
    assert list((values | {"c": 3, "a": 0}).items()) == [("a", 0), ("b", 2), ("c", 3)]
    assert list(({"c": 3, "a": 0} | values).items()) == [("c", 3), ("a", 1), ("b", 2)]
    same = values
    same |= [("d", 4)]
    assert same is values
    assert list(values) == ["a", "b", "d"]


def test_comparison_and_printing_are_those_of_dicts() -> None:
    thing = Thing(1)
    values = Dict({"a": [1], 2: thing})
    assert values == {2: thing, "a": [1]}
    assert values != {2: Thing(1), "a": [1]}
    assert values != {"a": [1]}
    assert values != [("a", [1])]
    assert repr(values) == "{'a': [1], 2: Thing(1)}"
    values["self"] = values
    assert repr(values) == "{'a': [1], 2: Thing(1), 'self': {...}}"
    with pytest.raises(TypeError):
        values < {}  # noqa: B015
    assert isinstance(values, MutableMapping)
    assert not isinstance(values, dict)
    match values:
        case {"a": [1], **rest}:
            assert set(rest) == {2, "self"}
        case _:
            pytest.fail("no mapping pattern matches")


@pytest.mark.parametrize("budget", [64 << 20, 1])
@pytest.mark.parametrize("size", [5, 300])
def test_a_change_of_size_ends_an_iteration(database: Database, budget: int, size: int) -> None:
    connection = database.connect(budget=budget)
    set_root(connection, "dict", Dict((number, number) for number in range(size)))
    connection = reopen(connection, budget=budget)
    values = get_root(connection, "dict")
    for view in (values, values.items(), values.values(), values.keys()):
        iterator = iter(view)
        next(iterator)
        values[size] = "more"
        with pytest.raises(RuntimeError, match="changed size"):
            list(iterator)
        del values[size]
    for key in values:
        values[key] = -1
    assert set(values.values()) == {-1}
    connection.close()

from __future__ import annotations

import copy
import pickle
from collections.abc import MutableSequence
from operator import add
from typing import Any
from unittest import mock

import pytest

from perdure.collections import Dict, List, Set, Tuple
from perdure.errors import ConflictError, ReadOnlyError
from perdure.kernel import COMPILED, durable
from perdure.session import Connection, Database, Weak, get_root, set_root
from perdure.session.verifying import verify

from .things import Thing, records, reopen

SIZES = [0, 1, 5, 128, 129, 256, 257, 1000, 40_000]


@pytest.mark.parametrize("size", SIZES)
def test_lists_of_any_size_come_back(connection: Connection, size: int) -> None:
    set_root(connection, "list", List(range(size)))
    connection = reopen(connection)
    found = get_root(connection, "list")
    assert found == list(range(size))
    assert len(found) == size
    assert [found[place] for place in range(0, size, 97)] == list(range(0, size, 97))


def test_a_small_list_is_one_record_and_a_large_one_has_full_pages(connection: Connection) -> None:
    set_root(connection, "small", List(range(128)))
    connection.commit()
    assert records(connection) == 1
    set_root(connection, "large", List(range(256 * 10)))
    connection.commit()
    assert records(connection) == 1 + 1 + 10
    grown = List()
    set_root(connection, "grown", grown)
    for number in range(256 * 10):
        grown.append(number)
        if number % 700 == 0:
            connection.commit()
    connection.commit()
    assert records(connection) == 1 + 11 + 11


def test_the_middle_of_a_large_list_is_changed_without_loading_it(connection: Connection) -> None:
    size = 300_000
    set_root(connection, "list", List(range(size)))
    connection = reopen(connection)
    found = get_root(connection, "list")
    loads = 0
    load = Connection.load

    def counted(self: Connection, obj: Any) -> None:
        nonlocal loads
        loads += 1
        load(self, obj)

    with mock.patch.object(Connection, "load", counted):
        middle = size // 2
        found.insert(middle, "x")
        assert found[middle] == "x"
        assert found[middle - 2 : middle + 2] == [middle - 2, middle - 1, "x", middle]
        del found[middle]
        found[middle : middle + 3] = ["a", "b"]
        assert found.pop(5) == 5
        assert found.pop() == size - 1
    assert sum(durable.state_of(obj) > durable.GHOST for obj in connection.objects.values()) < 40
    assert 0 < loads < 40
    connection.commit()
    expected = list(range(size))
    expected[middle : middle + 3] = ["a", "b"]
    del expected[5], expected[-1]
    assert list(found) == expected
    assert list(verify(connection.database)) == []


def test_comparisons_are_those_of_lists() -> None:
    one = List([1, 2, [3]])
    assert one == [1, 2, [3]]
    assert [1, 2, [3]] == one  # noqa: SIM300
    assert one != [1, 2]
    assert one != (1, 2, [3])
    assert one != Tuple([1, 2, List([3])])
    assert one != 5
    assert (one == "12") is False
    assert List([1, 2]) < [1, 3]
    assert List([1, 2]) < [1, 3]
    assert List([1, 2]) <= List([1, 2]) >= [1, 2]
    assert List([1]) < List([1, 0])
    with pytest.raises(TypeError):
        List([1]) < (1,)  # noqa: B015
    with pytest.raises(TypeError):
        List([1]) < ["a"]  # noqa: B015
    with pytest.raises(TypeError):
        hash(one)


def test_objects_are_compared_by_identity() -> None:
    one, other = Thing(1), Thing(1)
    values = List([one, (one, 1), other])
    assert other in values
    assert values.index(other) == 2
    assert values.count(one) == 1
    assert (other, 1) not in values
    assert values == [one, (one, 1), other]
    assert values != [other, (one, 1), other]
    values.remove(other)
    assert len(values) == 2


def test_new_lists_are_durable() -> None:
    values = List([1, 2])
    made = [add(values, [3]), add([0], values), values * 2, 2 * values, values.copy()]
    assert made == [[1, 2, 3], [0, 1, 2], [1, 2, 1, 2], [1, 2, 1, 2], [1, 2]]
    assert {type(one) for one in made} == {List}
    assert type(copy.copy(values)) is List
    with pytest.raises(TypeError):
        add(values, (3,))
    with pytest.raises(TypeError):
        values * 1.5
    same = values
    same += (3,)
    same *= 2
    assert same is values
    assert values == [1, 2, 3, 1, 2, 3]


def test_containers_become_durable_and_stay_what_they_are() -> None:
    inner = [1]
    values = List([inner, {"a": [2]}, {3}, inner, ([4], 5)])
    assert isinstance(values[0], List)
    assert values[0] is values[3]
    assert isinstance(values[1], Dict)
    assert isinstance(values[1]["a"], List)
    assert isinstance(values[2], Set)
    assert type(values[4]) is tuple
    assert isinstance(values[4][0], List)
    values[0].append(6)
    assert values == [[1, 6], {"a": [2]}, {3}, [1, 6], ([4], 5)]
    values.append([7])
    values.insert(0, [8])
    values[1:2] = [[9]]
    values.extend([[10]])
    assert all(isinstance(values[place], List) for place in (0, 1, -1, -2))


def test_a_list_that_holds_itself_prints_and_comes_back(connection: Connection) -> None:
    cycle: list[Any] = [1]
    cycle.append(cycle)
    values = List(cycle)
    assert repr(values) == "[1, [1, [...]]]"
    values[1] = values
    assert repr(values) == "[1, [...]]"
    set_root(connection, "list", values)
    connection = reopen(connection)
    found = get_root(connection, "list")
    assert found[1] is found


def test_printing_is_that_of_lists() -> None:
    for value in ([], [1, "a", None, (1,)], [[1], {}, {"a": [2]}]):
        assert repr(List(value)) == str(List(value)) == repr(value)


def test_wrong_calls_raise_what_lists_raise() -> None:
    values = List([1, 2])
    for call, error in [
        (lambda: values[2], IndexError),
        (lambda: values[-3], IndexError),
        (lambda: values[1 << 80], IndexError),
        (lambda: values["a"], TypeError),
        (lambda: values.pop(2), IndexError),
        (lambda: List().pop(), IndexError),
        (lambda: values.remove(3), ValueError),
        (lambda: values.index(3), ValueError),
        (lambda: values.__setitem__(slice(None, None, -1), [1]), ValueError),
        (lambda: values.__setitem__(slice(0, 1), 5), TypeError),
        (lambda: values.extend(5), TypeError),
        (lambda: List(5), TypeError),
        (lambda: List(iterable=[1]), TypeError),
        (lambda: List([1], [2]), TypeError),
        (lambda: values.append(object()), TypeError),
        (lambda: values.append(lambda: None), TypeError),
        (lambda: List([iter([])]), TypeError),
        (lambda: pickle.dumps(values), TypeError),
        (lambda: copy.deepcopy(values), TypeError),
    ]:
        with pytest.raises(error):
            call()  # type: ignore[no-untyped-call]
    assert values == [1, 2]


def test_iteration_sees_what_is_appended_and_survives_removal() -> None:
    for size in (3, 600):
        values = List(range(size))
        seen = []
        for value in values:
            seen.append(value)
            if value < 3:
                values.append(value + 100_000)
        assert seen == [*range(size), 100_000, 100_001, 100_002]
        iterator = iter(values)
        assert next(iterator) == 0
        values.clear()
        assert list(iterator) == []
        values.append(1)
        assert list(iterator) == []


def test_iteration_goes_on_over_commits_and_changes_of_shape(connection: Connection) -> None:
    values = List(range(2000))
    set_root(connection, "list", values)
    seen = []
    for value in values:
        seen.append(value)
        if value in (10, 700):
            connection.commit()
            connection.sweep(0)
            connection.sweep(0)
        if value == 300:
            del values[1500:1600]
        if value == 1000:
            values.insert(1001, "new")
    assert seen == [*range(1001), "new", *range(1001, 1500), *range(1600, 2000)]


def test_sorting_is_stable_and_takes_key_and_reverse() -> None:
    words = ["bb", "a", "cc", "dd", "c"] * 50
    values = List(words)
    values.sort(key=len)
    assert values == sorted(words, key=len)
    values.sort(reverse=True)
    assert values == sorted(words, reverse=True)
    with pytest.raises(TypeError):
        values.sort(len)
    with pytest.raises(TypeError):
        List([1, "a"]).sort()


def test_it_is_a_mutable_sequence_but_no_list() -> None:
    values = List([1, 2, 3])
    assert isinstance(values, MutableSequence)
    assert not isinstance(values, list)
    match values:
        case [first, *rest]:
            assert (first, rest) == (1, [2, 3])
        case _:
            pytest.fail("no sequence pattern matches")


def test_weak_elements_are_read_as_their_targets_and_hold_nothing(connection: Connection) -> None:
    thing = Thing(1)
    holder = List([thing])
    values = List([Weak(thing), Weak(thing), 3])
    set_root(connection, "holder", holder)
    set_root(connection, "list", values)
    oid = connection.add(thing)
    assert values[0] is thing
    assert [value is thing for value in values] == [True, True, False]
    connection.commit()
    assert connection.lifetime.holders(oid) == 1
    connection = reopen(connection)
    values = get_root(connection, "list")
    thing = connection.get(oid)
    assert [value is thing for value in values] == [True, True, False]
    values.reverse()
    values.insert(0, 0)
    values.sort(key=lambda value: isinstance(value, Thing))
    connection.commit()
    assert connection.lifetime.holders(oid) == 1
    assert values[:2] == [0, 3]
    assert list(verify(connection.database)) == []


def test_a_dropped_list_takes_its_pages_and_elements_along(connection: Connection) -> None:
    kept = Thing(0)
    set_root(connection, "kept", List([kept]))
    set_root(connection, "list", List([List([1]) for _ in range(500)] + [kept]))
    connection = reopen(connection)
    assert records(connection) > 500
    set_root(connection, "list", List())
    connection = reopen(connection)
    assert records(connection) == 3
    assert list(verify(connection.database)) == []


def test_overwritten_and_removed_elements_are_released(connection: Connection) -> None:
    values = List(Thing(number) for number in range(600))
    set_root(connection, "list", values)
    connection = reopen(connection)
    values = get_root(connection, "list")
    assert records(connection) == 600 + 1 + 3
    values[0] = 1
    del values[100:400]
    values.pop()
    values.remove(values[5])
    values[0:3] = []
    connection = reopen(connection)
    pages = len(get_root(connection, "list")._perdure_items_)
    assert records(connection) == 600 - 1 - 300 - 1 - 1 - 2 + 1 + pages
    assert list(verify(connection.database)) == []


def test_two_writers_of_one_page_conflict(database: Database) -> None:
    one, other = database.connect(), database.connect()
    set_root(one, "list", List(range(3000)))
    one.commit()
    other.refresh()
    get_root(one, "list")[5] = "one"
    get_root(other, "list")[6] = "other"
    one.commit()
    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    get_root(other, "list")[6] = "other"
    other.commit()
    one.refresh()
    assert get_root(one, "list")[5:7] == ["one", "other"]
    one.close()
    other.close()


def test_two_writers_of_different_pages_do_not_conflict(database: Database) -> None:
    one, other = database.connect(), database.connect()
    set_root(one, "list", List(range(3000)))
    one.commit()
    other.refresh()
    get_root(one, "list")[5] = "one"
    get_root(other, "list")[2500] = "other"
    one.commit()
    other.commit()
    one.refresh()
    assert get_root(one, "list")[5] == "one"
    assert get_root(one, "list")[2500] == "other"
    one.close()
    other.close()


def test_a_past_state_is_read_and_refuses_changes(connection: Connection) -> None:
    values = List(range(1000))
    set_root(connection, "list", values)
    connection.commit()
    before = connection.state
    values.clear()
    values.append("now")
    connection.commit()
    past = connection.database.connect(at=before)
    found = get_root(past, "list")
    assert found == list(range(1000))
    for change in (lambda: found.append(1), lambda: found.pop(), lambda: found.clear(), lambda: found.sort()):
        with pytest.raises(ReadOnlyError):
            change()  # type: ignore[no-untyped-call]
    assert found == list(range(1000))
    past.close()


@pytest.mark.skipif(not COMPILED, reason="only the compiled iteration reads ahead")
def test_iteration_reads_objects_ahead_when_they_are_used(connection: Connection) -> None:
    set_root(connection, "list", List(Thing(number) for number in range(2000)))
    connection = reopen(connection)
    values = get_root(connection, "list")
    list(values)
    assert sum(durable.state_of(value) == durable.CLEAN for value in values) < 20
    assert [value.number for value in values] == list(range(2000))
    connection = reopen(connection)
    values = get_root(connection, "list")
    seen = iter(values)
    assert [next(seen).number for _ in range(100)] == list(range(100))
    assert durable.state_of(values[101]) == durable.CLEAN

from __future__ import annotations

from unittest import mock

import pytest

from perdure.collections import Dict, List, entries, ordering
from perdure.errors import ConflictError, ObjectError, ReadOnlyError
from perdure.session import Connection, Database, Weak, get_root, set_root
from perdure.session.verifying import verify

from .things import Thing, records, reopen


def test_the_order_of_insertion_is_kept_over_connections(database: Database) -> None:
    one, other = database.connect(), database.connect()
    expected = {}
    set_root(one, "dict", Dict((number, 0) for number in range(100)))
    expected.update(dict.fromkeys(range(100), 0))
    for turn in range(30):
        for connection in (one, other):
            connection.refresh()
            values = get_root(connection, "dict")
            for key in (f"{turn} {connection is one}", turn, 1000 + turn // 2):
                values.pop(key, None)
                expected.pop(key, None)
                values[key] = expected[key] = turn
            connection.commit()
    one.refresh()
    assert list(get_root(one, "dict").items()) == list(expected.items())
    assert list(reversed(get_root(one, "dict"))) == list(reversed(expected))
    assert list(verify(database)) == []
    one.close()
    other.close()


def test_writers_of_different_keys_do_not_conflict(database: Database) -> None:
    one, other = database.connect(), database.connect()
    set_root(one, "dict", Dict((number, 0) for number in range(200)))
    one.commit()
    other.refresh()
    mine, theirs = get_root(one, "dict"), get_root(other, "dict")
    mine.update({1: "one", "new": "one"})
    del mine[50]
    theirs.update({2: "other", "newer": "other"})
    del theirs[60]
    one.commit()
    other.commit()
    one.refresh()
    expected = dict.fromkeys(range(200), 0) | {1: "one", 2: "other", "new": "one", "newer": "other"}
    del expected[50], expected[60]
    for values in (mine, theirs):
        assert values == expected
        assert len(values) == len(expected) == len(list(values))
    assert list(verify(database)) == []
    one.close()
    other.close()


def test_writers_of_one_key_conflict(database: Database) -> None:
    one, other = database.connect(), database.connect()
    set_root(one, "dict", Dict((number, 0) for number in range(200)))
    one.commit()
    for first, second in [
        (lambda values: values.update({5: 1}), lambda values: values.update({5: 2})),
        (lambda values: values.pop(6), lambda values: values.update({6: 2})),
        (lambda values: values.update(new=1), lambda values: values.update(new=2)),
        (lambda values: values.clear(), lambda values: values.pop(7)),
    ]:
        one.refresh()
        other.refresh()
        first(get_root(one, "dict"))  # type: ignore[no-untyped-call]
        second(get_root(other, "dict"))  # type: ignore[no-untyped-call]
        one.commit()
        with pytest.raises(ConflictError):
            other.commit()
        other.abort()
        assert get_root(one, "dict") == get_root(other, "dict")
    assert list(verify(database)) == []
    one.close()
    other.close()


def test_a_new_key_survives_a_concurrent_clear(database: Database) -> None:
    one, other = database.connect(), database.connect()
    set_root(one, "dict", Dict((number, 0) for number in range(200)))
    one.commit()
    other.refresh()
    get_root(one, "dict").clear()
    get_root(other, "dict")["new"] = 1
    other.commit()
    one.commit()
    assert get_root(one, "dict") == {"new": 1}
    assert len(get_root(one, "dict")) == 1
    assert list(verify(database)) == []
    one.close()
    other.close()


def test_mentions_left_over_are_swept_out(connection: Connection) -> None:
    values = Dict((number, 0) for number in range(200))
    set_root(connection, "dict", values)
    connection.commit()
    for turn in range(20):
        for number in range(200):
            del values[number]
            values[number] = turn
        connection.commit()
    pages = list(ordering.pages(connection, ordering.owner_prefix(values)))
    assert sum(len(mentions) for _, mentions in pages) <= 2 * 200 + ordering.SLACK
    connection = reopen(connection)
    assert list(get_root(connection, "dict").items()) == [(number, 19) for number in range(200)]
    assert list(verify(connection.database)) == []


def test_a_small_dict_is_one_record_and_one_with_large_values_is_not(connection: Connection) -> None:
    set_root(connection, "small", Dict((number, number) for number in range(entries.INLINE)))
    set_root(connection, "large", Dict((number, "x" * 1000) for number in range(10)))
    connection.commit()
    assert records(connection) == 2
    prefixes = {key[:1] for key, _ in connection.scan(3)}
    assert prefixes == {ordering.owner_prefix(get_root(connection, "large"))}


def test_a_huge_dict_keeps_to_the_budget(database: Database) -> None:
    connection = database.connect()
    set_root(connection, "dict", Dict((number, "value" * 5) for number in range(5000)))
    budget = 300_000
    connection = reopen(connection, budget=budget)
    values = get_root(connection, "dict")
    for number in range(5000):
        assert values[number] == "value" * 5
        assert connection.cached_bytes <= 2 * budget
    assert len(values._perdure_hot_) < 2000
    assert sum(1 for _ in values.items()) == 5000
    for number in range(5000):
        values[number] = number
    connection.commit()
    assert connection.cached_bytes <= 2 * budget
    assert len(values._perdure_hot_) < 2000
    assert list(values.values()) == list(range(5000))
    connection.close()


def test_gets_of_most_keys_read_all_at_once(connection: Connection) -> None:
    set_root(connection, "dict", Dict((number, number) for number in range(3000)))
    connection = reopen(connection)
    values = get_root(connection, "dict")
    with mock.patch.object(Connection, "read", autospec=True, side_effect=Connection.read) as read:
        assert [values[number] for number in range(3000)] == list(range(3000))
    assert read.call_count < 300


def test_a_dropped_dict_takes_its_entries_along(connection: Connection) -> None:
    set_root(connection, "dict", Dict((number, Thing(number)) for number in range(500)))
    connection = reopen(connection)
    assert records(connection) == 501
    set_root(connection, "dict", Dict())
    connection = reopen(connection)
    assert records(connection) == 1
    assert list(connection.scan(3)) == []
    assert list(connection.scan(10)) == []


@pytest.mark.parametrize("extra", [0, 100])
def test_values_are_released_when_overwritten_or_removed(connection: Connection, extra: int) -> None:
    values = Dict((number, Thing(number)) for number in range(10 + extra))
    set_root(connection, "dict", values)
    del values
    connection = reopen(connection)
    values = get_root(connection, "dict")
    values[0] = 1
    values[1] = values[2]
    del values[3]
    values.popitem()
    connection = reopen(connection)
    assert records(connection) == 1 + 10 + extra - 4
    assert list(verify(connection.database)) == []
    get_root(connection, "dict").clear()
    connection = reopen(connection)
    assert records(connection) == 1
    assert len(get_root(connection, "dict")) == 0
    assert list(verify(connection.database)) == []


@pytest.mark.parametrize("extra", [0, 100])
def test_weak_values_are_read_as_their_targets_and_hold_nothing(connection: Connection, extra: int) -> None:
    thing = Thing(1)
    set_root(connection, "holder", List([thing]))
    values = Dict({"weak": Weak(thing), **{str(number): 0 for number in range(extra)}})
    set_root(connection, "dict", values)
    oid = connection.add(thing)
    assert values["weak"] is thing
    connection = reopen(connection)
    assert connection.lifetime.holders(oid) == 1
    values = get_root(connection, "dict")
    thing = connection.get(oid)
    assert values["weak"] is thing
    assert values.get("weak") is thing
    assert next(iter(values.values())) is thing
    assert values.pop("weak") is thing


def test_a_value_that_cannot_be_stored_leaves_all_as_it_was(connection: Connection) -> None:
    values = Dict((number, Thing(number)) for number in range(200))
    set_root(connection, "dict", values)
    connection.commit()
    foreign = Thing(1)
    elsewhere = connection.database.connect()
    elsewhere.add(foreign)
    values[5] = foreign
    values["new"] = 1
    del values[6]
    with pytest.raises(ObjectError):
        connection.commit()
    del values[5]
    elsewhere.close()
    connection = reopen(connection)
    values = get_root(connection, "dict")
    assert list(values) == [number for number in range(200) if number not in (5, 6)] + ["new"]
    assert list(verify(connection.database)) == []


def test_a_past_state_is_read_and_refuses_changes(connection: Connection) -> None:
    values = Dict((number, 0) for number in range(200))
    set_root(connection, "dict", values)
    connection.commit()
    before = connection.state
    values.clear()
    connection.commit()
    past = connection.database.connect(at=before)
    found = get_root(past, "dict")
    assert len(found) == 200
    assert found == dict.fromkeys(range(200), 0)
    for change in (found.clear, found.popitem, lambda: found.update(a=1), lambda: found.pop(1)):
        with pytest.raises(ReadOnlyError):
            change()
    past.close()

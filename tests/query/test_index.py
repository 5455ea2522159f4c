from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from perdure.kernel import durable
from perdure.query import Index, find, tags
from perdure.session import Connection, Database, get_root, set_root

from .conftest import Thing, names


class Holder(Thing):
    pass


def filled(connection: Connection, *pairs: tuple[Any, Any]) -> Index:
    index = Index()
    made: dict[Any, Thing] = {}
    for key, name in pairs:
        thing = made.setdefault(name, Thing(name))
        tags(thing).add("all")
        index.add(key, thing)
    return index


def listed(query: Any) -> list[Any]:
    return [thing.name for thing in query]


KEYS: dict[str, list[Any]] = {
    "int": [-(2**70), -5, 0, 3, 10**30],
    "float": [float("-inf"), -1.5, 0.0, 2.0, 2.5, float("inf")],
    "str": ["", "a", "a\0", "ab", "b" * 600, "b" * 600 + "a", "b" * 601],
    "bytes": [b"", b"\0", b"\0\xff", b"\xff", b"\xff" * 700],
    "Decimal": [Decimal("-1E+40"), Decimal("-0.1"), Decimal(0), Decimal("0.30"), Decimal("1.5"), Decimal(7)],
    "date": [date(1, 1, 1), date(1999, 12, 31), date(2024, 2, 29)],
    "datetime": [datetime(1, 1, 1), datetime(2024, 2, 29, 12), datetime(2024, 2, 29, 12, 0, 0, 1)],
    "aware": [datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=5))), datetime(2024, 1, 1, 8, tzinfo=UTC)],
    "time": [time(0), time(12, 30), time(23, 59, 59, 999999)],
    "timedelta": [timedelta(-1), timedelta(0), timedelta(0, 1)],
    "UUID": [UUID(int=0), UUID(int=2**127)],
    "tuple": [(), (1,), (1, "a"), (1, "b"), (2,)],
}


@pytest.mark.parametrize("kind", KEYS)
def test_all_kinds_of_keys_sort_and_bound_like_their_values(connection: Connection, kind: str) -> None:
    ordered = KEYS[kind]
    index = filled(connection, *((key, position) for position, key in reversed(list(enumerate(ordered)))))
    positions = list(range(len(ordered)))
    assert listed(index.sort(index.select())) == positions
    assert listed(index.sort(find("all"), desc=True)) == positions[::-1]
    for low, high in product(positions, positions):
        assert names(index.select(ordered[low], ordered[high])) == set(positions[low : high + 1])
    connection.commit()
    assert [(key, thing.name) for key, thing in index] == list(zip(ordered, positions, strict=True))


def test_equal_keys_are_one_key(connection: Connection) -> None:
    index, thing = Index(), Thing("x")
    for key in (Decimal("1.50"), Decimal("1.5"), Decimal("15E-1")):
        index.add(key, thing)
    assert len(index) == 1
    index.remove(Decimal("1.500"), thing)
    assert len(index) == 0
    moments = Index()
    moments.add(datetime(2024, 1, 1, 12, tzinfo=UTC), thing)
    moments.add(datetime(2024, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))), thing)
    assert len(moments) == 1


def test_a_pair_counts_once_and_an_object_may_have_many_keys(connection: Connection) -> None:
    index, thing = Index(), Thing("x")
    index.add(1, thing)
    index.add(1, thing)
    index.add(2, thing)
    assert len(index) == 2
    connection.commit()
    index.add(2, thing)
    assert len(index) == 2
    assert listed(index.sort(find(index.select()))) == ["x", "x"]
    assert listed(index.select()) == ["x"]


def test_many_objects_may_have_one_key(connection: Connection) -> None:
    index = filled(connection, (1, "a"), (1, "b"), (1, "c"))
    assert len(index) == 3
    assert names(index.select(1, 1)) == {"a", "b", "c"}


def test_removed_pairs_are_gone_and_missing_ones_ignored(connection: Connection) -> None:
    index, one, two = Index(), Thing("one"), Thing("two")
    index.add(1, one)
    index.add(1, two)
    connection.commit()
    index.remove(1, one)
    index.remove(2, two)
    index.remove("text", two)
    index.remove(1, Thing("new"))
    assert listed(index.select()) == ["two"]
    assert len(index) == 1
    connection.commit()
    assert listed(index.select()) == ["two"]


@pytest.mark.parametrize("steps", ["+-", "-+", "+-+", "--+", "++-"])
def test_the_last_change_of_a_pair_wins(connection: Connection, steps: str) -> None:
    index, thing = Index(), Thing("x")
    index.add(1, thing)
    connection.commit()
    for step in steps:
        (index.add if step == "+" else index.remove)(1, thing)
    assert len(index) == (steps[-1] == "+")
    connection.commit()
    assert len(index) == (steps[-1] == "+")
    assert connection.lifetime.holders(durable.oid_of(thing)) == (steps[-1] == "+")


@pytest.mark.parametrize("key", [object(), [1], {1}, int, Thing, (1, [2]), 1j, bytearray(b"x")])
def test_unsupported_keys_are_refused(connection: Connection, key: object) -> None:
    index, thing = Index(), Thing()
    with pytest.raises(RuntimeError, match="index key"):
        index.add(key, thing)
    with pytest.raises(RuntimeError, match="index key"):
        index.remove(key, thing)
    with pytest.raises(RuntimeError, match="index key"):
        index.select(key)
    assert len(index) == 0


@pytest.mark.parametrize("make", [str, int, type(None), lambda: Thing, object, Index])
def test_values_must_be_memo_objects(connection: Connection, make: Any) -> None:
    with pytest.raises(RuntimeError, match="memo objects"):
        Index().add(1, make())
    with pytest.raises(RuntimeError, match="memo objects"):
        Index().remove(1, make())


@pytest.mark.parametrize(("first", "second"), [(1, "a"), ("a", 1), (date(2024, 1, 1), datetime(2024, 1, 1))])
def test_the_first_key_fixes_the_type_of_all(connection: Connection, first: Any, second: Any) -> None:
    index = filled(connection, (None, "null"), (first, "first"))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="keys of type"):
            index.add(second, Thing())
        with pytest.raises(RuntimeError, match="keys of type"):
            index.select(second)
        index.add(None, Thing("another"))
        connection.commit()
    assert len(index) == 4


def test_bools_are_ints(connection: Connection) -> None:
    index = filled(connection, (2, "two"), (True, "one"), (False, "zero"))
    assert listed(index.sort(index.select())) == ["zero", "one", "two"]
    assert names(index.select(1, 1)) == {"one"}


def test_numbers_of_other_types_are_bounds_of_numbers(connection: Connection) -> None:
    ints = filled(connection, *((number, number) for number in range(5)))
    assert names(ints.select(0.5, 3.0)) == {1, 2, 3}
    assert names(ints.select(Decimal(2), Decimal("3.9"))) == {2, 3}
    with pytest.raises(RuntimeError, match="keys of type"):
        ints.add(1.5, Thing())
    floats = filled(connection, *((number / 2, number / 2) for number in range(5)))
    assert names(floats.select(1, Decimal("1.5"))) == {1.0, 1.5}


def test_wrong_arguments_are_type_errors(connection: Connection) -> None:
    index: Any = Index()
    for call in (
        lambda: index.add(1),
        lambda: index.add(1, Thing(), 2),
        lambda: index.sort([Thing()]),
        lambda: index.sort(find("x"), True),
        lambda: index.sort(),
        lambda: index.sort(Thing),
    ):
        with pytest.raises(TypeError):
            call()


def test_bounds_of_any_type_fit_an_index_without_typed_keys(connection: Connection) -> None:
    assert not Index().select("a", "b")
    nulls = filled(connection, (None, "null"))
    assert listed(nulls.select("a")) == ["null"]
    assert listed(nulls.select(5)) == ["null"]
    emptied = filled(connection, (1, "one"))
    emptied.remove(1, next(emptied.select()))
    assert not emptied.select("a")


def test_inverted_ranges_are_empty(connection: Connection) -> None:
    index = filled(connection, (1, "a"), (2, "b"))
    assert not index.select(2, 1)
    assert len(index.select(2, 1)) == 0


def test_nulls_belong_to_ranges_open_where_they_sort(connection: Connection) -> None:
    index = filled(connection, (1, 1), (2, 2), (None, None))
    assert names(index.select()) == {1, 2, None}
    assert names(index.select(2)) == {2, None}
    assert names(index.select(None, 1)) == {1}
    assert names(index.select(1, 2)) == {1, 2}
    assert names(index.select(None, 1, null_first=True)) == {None, 1}
    assert names(index.select(2, null_first=True)) == {2}
    assert names(index.select(null_first=True)) == {1, 2, None}
    assert names(index.range(1, 1)) == {1}


@pytest.mark.parametrize("many", [False, True])
def test_null_positions_of_sorts(connection: Connection, many: bool) -> None:
    index = filled(connection, (2, 2), (None, None), (1, 1), (3, 3))
    if many:
        for number in range(100):
            index.add(number, Thing("other"))
    query = find("all")
    assert listed(index.sort(query)) == [1, 2, 3, None]
    assert listed(index.sort(query, null_first=True)) == [None, 1, 2, 3]
    assert listed(index.sort(query, desc=True)) == [None, 3, 2, 1]
    assert listed(index.sort(query, desc=True, null_first=True)) == [3, 2, 1, None]


def test_sorting_leaves_out_what_is_not_in_the_index(connection: Connection) -> None:
    index = filled(connection, (1, "a"))
    tags(Thing("b")).add("all")
    assert listed(index.sort(find("all"))) == ["a"]
    assert len(find("all")) == 2


@pytest.mark.parametrize("desc", [False, True])
def test_nested_sorts_are_stable(connection: Connection, desc: bool) -> None:
    first, second = Index(), Index()
    for number in range(20):
        thing = Thing((number % 3, number * 7 % 20))
        tags(thing).add("all")
        first.add(number % 3 if number % 5 else None, thing)
        second.add(number * 7 % 20, thing)
    found = listed(first.sort(second.sort(find("all"), desc=desc)))
    by_second = listed(second.sort(find("all"), desc=desc))
    nulls = set(names(first.select())) - set(names(first.select(0, 2)))
    assert found == sorted(by_second, key=lambda name: 9 if name in nulls else name[0])


def test_sorted_queries_count_slice_and_combine(connection: Connection) -> None:
    index = filled(connection, *((number, number) for number in range(10)))
    ordered = index.sort(find("all"), desc=True)
    assert len(ordered) == 10
    assert bool(ordered)
    assert listed(ordered[2:5]) == [7, 6, 5]
    assert len(ordered[2:5]) == 3
    assert [thing.name for thing in ordered[0, 9, 0]] == [9, 0, 9]
    tags(*ordered[:2]).add("top")
    assert names(find(ordered, "top")) == {8, 9}
    assert names(find(ordered[:4], index.select(None, 7))) == {6, 7}
    assert listed(index.sort(find(ordered, "top"))) == [8, 9]
    assert next(iter(ordered)) in ordered


def test_selections_combine_with_tags(connection: Connection) -> None:
    index = filled(connection, *((number, number) for number in range(10)))
    tags(*index.select(3, 6)).add("middle")
    assert names(find(index.select(5), "middle")) == {5, 6}
    assert names(find(Thing, (index.select(5), "middle"))) == {5, 6}
    assert names(find([index.select(None, 1), index.select(8)])) == {0, 1, 8, 9}


def test_clear_empties_and_lets_keys_of_another_type_in(connection: Connection) -> None:
    index = filled(connection, (1, "a"), (2, "b"))
    index.clear()
    assert len(index) == 0
    assert not index.select()
    index.add("text", Thing("c"))
    connection.commit()
    index.clear()
    assert len(index) == 0
    connection.commit()
    assert not index


def test_members_live_as_long_as_they_are_indexed(connection: Connection) -> None:
    holder, thing = Holder(), Thing("x")
    holder.index = index = Index()
    tags(holder).add("kept")
    index.add(1, thing)
    index.add(2, thing)
    connection.commit()
    oid = durable.oid_of(thing)
    assert connection.lifetime.holders(oid) == 2
    del thing
    connection.commit()
    index.remove(1, connection.get(oid))
    connection.commit()
    assert connection.contains(oid)
    index.remove(2, connection.get(oid))
    connection.commit()
    assert not connection.contains(oid)


@pytest.mark.parametrize("end", ["clear", "drop"])
def test_members_are_released_with_their_index(connection: Connection, end: str) -> None:
    holder = Holder()
    holder.index = Index()
    tags(holder).add("kept")
    for number in range(5):
        holder.index.add(number, Thing(number))
    connection.commit()
    assert len(find(Thing)) == 6
    if end == "clear":
        holder.index.clear()
    else:
        holder.index = None
    connection.commit()
    assert list(find(Thing)) == [holder]
    assert not list(connection.scan(3)) and not list(connection.scan(10))


def test_unflushed_content_of_a_dropped_index_is_discarded(connection: Connection) -> None:
    index, thing = Index(), Thing("x")
    index.add(1, thing)
    del index
    connection.commit()
    assert connection.lifetime.holders(durable.oid_of(thing)) == 0
    assert not list(connection.scan(3))


@pytest.mark.parametrize("undo", ["abort", "rollback"])
def test_undone_changes_leave_the_index_as_it_was(connection: Connection, undo: str) -> None:
    index, thing = Index(), Thing("old")
    index.add(1, thing)
    connection.commit()
    savepoint = connection.savepoint()
    index.add(2, Thing("new"))
    index.remove(1, thing)
    assert listed(index.select()) == ["new"]
    index.add(3, Thing("newer"))
    if undo == "abort":
        connection.abort()
    else:
        savepoint.rollback()
    assert listed(index.select()) == ["old"]
    assert len(index) == 1
    connection.commit()
    assert listed(index.select()) == ["old"]


def test_a_failed_first_key_leaves_the_type_open(connection: Connection) -> None:
    index = Index()
    with pytest.raises(RuntimeError):
        index.add(1, "no object")
    index.add("text", Thing("x"))
    assert listed(index.select("text")) == ["x"]


def test_an_index_is_found_again_in_the_file(path: Path) -> None:
    database = Database.open(path)
    connection = database.connect()
    durable.set_ambient(connection)
    holder = Holder()
    holder.index = Index()
    set_root(connection, "root", holder)
    for number in range(3000):
        holder.index.add(f"{number:05}" * 90, Thing(number))
    connection.commit()
    connection.close()
    database.close()
    database = Database.open(path)
    connection = database.connect()
    index = get_root(connection, "root").index  # type: ignore[union-attr]
    assert len(index) == 3000
    assert listed(index.sort(index.select("01", "02"))) == list(range(1000, 2000))
    with pytest.raises(RuntimeError):
        index.add(1, next(index.select()))
    connection.close()
    database.close()


def test_other_connections_add_other_keys_without_conflict(connection: Connection) -> None:
    holder = Holder()
    holder.index = Index()
    tags(holder).add("holder")
    holder.index.add(0, Thing(0))
    connection.commit()
    other = connection.database.connect()
    theirs: Any = other.get(durable.oid_of(holder))
    durable.set_ambient(other)
    theirs.index.add(1, Thing(1))
    durable.set_ambient(connection)
    holder.index.add(2, Thing(2))
    other.commit()
    connection.commit()
    other.refresh()
    for index in (holder.index, theirs.index):
        assert listed(index.sort(index.select())) == [0, 1, 2]
        assert len(index) == 3
    other.close()


def test_an_old_state_keeps_its_index(connection: Connection) -> None:
    holder = Holder()
    holder.index = index = Index()
    tags(holder).add("holder")
    index.add(1, Thing("one"))
    connection.commit()
    past = connection.database.connect(at=connection.state)
    index.add(2, Thing("two"))
    connection.commit()
    then: Any = past.get(durable.oid_of(holder))
    assert listed(then.index.select()) == ["one"]
    assert listed(then.index.sort(index.select())) == ["one"]
    assert listed(index.sort(then.index.select())) == ["one"]
    assert listed(find(index.select(), then.index.select())) == ["one"]
    with pytest.raises(RuntimeError):
        then.index.add(3, then)
    past.close()


def test_a_started_iteration_keeps_what_it_began_with(connection: Connection) -> None:
    index = filled(connection, *((number, number) for number in range(3000)))
    for make in (
        lambda: index.select(),
        lambda: index.sort(find("all")),
        lambda: index.sort(index.select(), desc=True),
    ):
        iterator = iter(make())
        found = [next(iterator).name]
        index.add(5000, Thing("late"))
        tags(Thing("later")).add("all")
        connection.flush()
        found.extend(thing.name for thing in iterator)
        assert sorted(found) == list(range(3000))
        index.remove(5000, next(index.select(5000)))


def test_objects_under_construction_cannot_be_indexed(connection: Connection) -> None:
    index = Index()

    class Hasty(Thing):
        def __init__(self) -> None:
            index.add(1, self)

    with pytest.raises(RuntimeError, match="materialized"):
        Hasty()
    assert len(index) == 0


def test_indexes_survive_the_cache_sweep(connection: Connection) -> None:
    holder = Holder()
    holder.index = index = Index()
    tags(holder).add("holder")
    index.add(1, Thing("one"))
    connection.commit()
    for obj in list(connection.objects.values()):
        durable.make_ghost(obj)
    assert len(index) == 1
    for obj in list(connection.objects.values()):
        durable.make_ghost(obj)
    index.add(2, Thing("two"))
    assert listed(index.sort(index.select())) == ["one", "two"]


@pytest.mark.parametrize("streamed", ["sort", "pairs"])
def test_a_long_scan_keeps_its_state_without_history(
    path: Path, streamed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.query.sorting.RESULTS_KEPT", 0)
    database = Database.open(path, history=False)
    connection = database.connect()
    durable.set_ambient(connection)
    index = filled(connection, *((number, number) for number in range(3000)))
    set_root(connection, "root", index)
    connection.commit()
    iterator: Any = iter(index.sort(find("all")) if streamed == "sort" else index)
    things = iterator if streamed == "sort" else (thing for _, thing in iterator)
    found = [next(things).name]
    members = list(find("all"))
    for member in members:
        index.remove(member.name, member)
    connection.commit()
    tags(Thing("later")).add("other")
    connection.commit()
    found.extend(thing.name for thing in things)
    assert found == list(range(3000))
    connection.close()
    database.close()

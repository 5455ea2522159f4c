from pathlib import Path
from typing import Any

import pytest

from perdure.kernel import durable
from perdure.query import Index, as_tag, find, find_in, no, tags
from perdure.session import Connection, Database

from .conftest import Other, Quiet, Special, Thing, names


class Any_(durable.Durable, metaclass=durable.DurableType):
    _perdure_factory_ = None


Any_._perdure_abstract_ = Any_  # type: ignore[attr-defined]


@pytest.fixture
def things(connection: Connection) -> list[Thing]:
    """Things 0 to 9; tagged even or odd, and third for every third."""
    made = [Thing(number) for number in range(10)]
    for number, thing in enumerate(made):
        tags(thing).add("even" if number % 2 == 0 else "odd")
        if number % 3 == 0:
            tags(thing).add("third")
    return made


EVEN, ODD, THIRD = {0, 2, 4, 6, 8}, {1, 3, 5, 7, 9}, {0, 3, 6, 9}


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (("even",), EVEN),
        (("even", "third"), EVEN & THIRD),
        (("even", "odd"), set()),
        ((["even", "third"],), EVEN | THIRD),
        ((("even", "third"),), EVEN & THIRD),
        (("unknown",), set()),
        ((["unknown", "third"],), THIRD),
        (([],), set()),
        (((),), set()),
        (("even", []), set()),
        ((), set()),
        (("even", no("third")), EVEN - THIRD),
        (("even", no(["third", "odd"])), EVEN - THIRD),
        (("even", no(("third", "even"))), EVEN - THIRD),
        (("even", no([])), EVEN),
        (("even", no("unknown")), EVEN),
        (("even", no("even")), set()),
        (([("even", "third"), ("odd", no("third"))],), (EVEN & THIRD) | (ODD - THIRD)),
        (([["even"], [["odd"]]],), EVEN | ODD),
        ((Thing,), EVEN | ODD),
        ((Thing, "third"), THIRD),
        (((Thing, "third"),), THIRD),
        ((Any_, "third"), THIRD),
        ((Any_,), set()),
        ((Special,), set()),
        ((Thing, no("third"), no("even")), ODD - THIRD),
    ],
)
def test_the_grammar_of_criteria(things: list[Thing], criteria: tuple[Any, ...], expected: set[int]) -> None:
    assert names(find(*criteria)) == expected
    assert len(find(*criteria)) == len(expected)
    assert bool(find(*criteria)) is bool(expected)


@pytest.mark.parametrize(
    "criteria",
    [
        (1,),
        (1.5,),
        (None,),
        (b"x",),
        ({"x"},),
        ({"x": 1},),
        ((text for text in "xy"),),
        ("even", 1),
        (["even", 1],),
        (("even", {"x"}),),
        (int,),
        (object(),),
        (no("even"),),
        (no("even"), no("odd")),
        ((no("even"),),),
        ("even", [no("third")]),
        ("even", no(no("third"))),
        ("even", no(Thing)),
        ("even", no([Thing])),
        ("even", [Thing]),
        (Thing, Special),
        (Thing, Thing),
        (Index,),
    ],
)
def test_what_is_no_criterion_is_refused(things: list[Thing], criteria: tuple[Any, ...]) -> None:
    with pytest.raises(RuntimeError):
        find(*criteria)


def test_unknown_keywords_are_refused(connection: Connection) -> None:
    with pytest.raises(TypeError):
        find("x", suffix="p")  # type: ignore[call-arg]


def test_types_find_instances_of_derived_classes(connection: Connection) -> None:
    thing, special, other = Thing("thing"), Special("special"), Other("other")
    assert set(find(Thing)) == {thing, special}
    assert set(find(Special)) == {special}
    assert set(find(Other)) == {other}
    connection.commit()
    assert set(find(Thing)) == {thing, special}


def test_objects_restrict_to_themselves(things: list[Thing]) -> None:
    assert list(find(things[3])) == [things[3]]
    assert list(find(things[3], "third")) == [things[3]]
    assert not find(things[3], "even")
    assert not find(things[3], things[4])
    assert names(find([things[3], things[4], "third"])) == {3, 4, 0, 6, 9}
    assert names(find("third", no(things[3]))) == {0, 6, 9}


def test_object_and_object_tag_are_different_criteria(things: list[Thing]) -> None:
    tags(things[1]).add(as_tag(things[0]))
    assert list(find(things[0])) == [things[0]]
    assert list(find(as_tag(things[0]))) == [things[1]]
    assert names(find([as_tag(things[0]), things[5]])) == {1, 5}


def test_queries_are_criteria(things: list[Thing]) -> None:
    even = find("even")
    assert names(find(even, "third")) == EVEN & THIRD
    assert names(find(even, find("third"))) == EVEN & THIRD
    assert names(find([even, find("third")])) == EVEN | THIRD
    assert names(find("third", no(even))) == THIRD - EVEN
    assert names(find(Thing, find(Thing, "third"))) == THIRD
    assert not find(even, find())
    late = find(even, "late")
    tags(things[2]).add("late")
    assert names(late) == {2}


def test_slices_are_criteria(things: list[Thing]) -> None:
    first = find("even")[:3]
    kept = [thing.name for thing in first]
    assert names(find(first)) == set(kept)
    assert names(find(first, "third")) == set(kept) & THIRD
    assert names(find("even", no(first))) == EVEN - set(kept)
    assert names(find("even")[10:]) == set()


def test_results_are_the_live_objects_in_a_stable_order(things: list[Thing]) -> None:
    assert all(found is things[found.name] for found in find("third"))
    assert list(find("third")) == list(find("third"))


def test_slices_are_like_those_of_lists(things: list[Thing]) -> None:
    query = find("even")
    listed = list(query)
    bounds = [None, 0, 1, 2, 5, 7, -1, -2, -5, -7]
    for start in bounds:
        for stop in bounds:
            for step in (None, 1, 2, 3, 9, -1, -2, -9):
                part, wanted = query[start:stop:step], listed[start:stop:step]
                assert list(part) == wanted
                assert len(part) == len(wanted)
                assert bool(part) is bool(wanted)


def test_refused_subscripts(things: list[Thing]) -> None:
    query = find("even")
    for bad in (slice(None, None, 0), 0, -1, "x", None, (1, "x")):
        with pytest.raises(RuntimeError):
            query[bad]
    with pytest.raises(RuntimeError):
        query[1:3][0:1]
    with pytest.raises(TypeError):
        query["a":"b"]  # type: ignore[misc]


def test_whole_slices_are_the_query_itself(things: list[Thing]) -> None:
    query = find("even")
    assert query[:] is query
    assert query[::] is query
    part = query[1:3]
    assert part[::] is part


def test_tuples_pick_positions(things: list[Thing]) -> None:
    query = find("even")
    listed = list(query)
    assert query[0, 2, 2] == (listed[0], listed[2], listed[2])
    assert query[-1,] == (listed[-1],)
    assert query[()] == ()
    assert query[1:][0, 1] == (listed[1], listed[2])
    for bad in ((5,), (0, 5), (-6,), (100,)):
        with pytest.raises(IndexError):
            query[bad]


def test_membership(things: list[Thing]) -> None:
    query = find("even")
    assert things[0] in query
    assert things[1] not in query
    assert things[4] in query[2:]
    assert things[0] not in query[2:]
    assert "even" not in query
    assert Thing() not in query


def test_iterators_are_independent_and_each_starts_over(things: list[Thing]) -> None:
    query = find("even")
    first, second = iter(query), iter(query)
    assert next(first) is next(second)
    next(first)
    assert len(list(first)) == 3
    assert len(list(second)) == 4
    assert len(list(query)) == 5


def test_next_goes_through_the_query_once_and_starts_over(things: list[Thing]) -> None:
    query = find("third")
    assert [next(query) for _ in range(4)] == list(query)
    with pytest.raises(StopIteration):
        next(query)
    assert next(query) == next(iter(query))


def test_queries_are_live(things: list[Thing]) -> None:
    query = find("even", "third")
    assert len(query) == 2
    tags(things[1]).add("even", "third")
    assert len(query) == 3
    tags(things[0]).remove("even")
    assert names(query) == {1, 6}


def test_a_started_iterator_keeps_its_view(connection: Connection) -> None:
    made = [Thing(number) for number in range(3000)]
    tags(*made).add("all")
    connection.commit()
    iterator = iter(find("all"))
    found = [next(iterator).name]
    tags(*made[1500:]).remove("all")
    tags(Thing("late")).add("all")
    assert len(find("all")) == 1501
    connection.commit()
    found.extend(thing.name for thing in iterator)
    assert sorted(found) == list(range(3000))


def test_an_iterator_passes_over_objects_deleted_meanwhile(connection: Connection) -> None:
    made = [Thing(number) for number in range(200)]
    tags(*made).add("all")
    connection.commit()
    iterator = iter(find("all"))
    next(iterator)
    gone = durable.oid_of(made[150])
    with connection.lock:
        connection.lifetime.drop(gone)
    connection.flush()
    assert 150 not in {thing.name for thing in iterator}
    assert made[150] is not None


def test_closed_connections_refuse_queries(connection: Connection) -> None:
    tags(Thing()).add("x")
    connection.commit()
    past = connection.database.connect(at=connection.state)
    query = find_in(past, "x")
    iterator = iter(query)
    assert len(query) == 1
    past.close()
    for use in (lambda: len(query), lambda: list(query), lambda: bool(query), lambda: next(iterator)):
        with pytest.raises(RuntimeError, match="no longer accessible"):
            use()


def test_past_states_answer_as_they_were(connection: Connection, things: list[Thing]) -> None:
    connection.commit()
    past = connection.database.connect(at=connection.state)
    tags(*things[:5]).remove("even", "third", "odd")
    connection.commit()
    del things[:5]
    assert {thing.name for thing in find_in(past, "even")} == EVEN
    assert names(find("even")) == {6, 8}
    assert names(find("odd", find_in(past, "third"))) == {9}
    assert {thing.name for thing in find_in(past, "even", find("even"))} == {6, 8}
    past.close()


def test_queries_of_unrelated_databases_have_nothing_in_common(connection: Connection, things: list[Thing]) -> None:
    database = Database.open(None)
    other = database.connect()
    durable.set_ambient(other)
    stranger = Thing("stranger")
    tags(stranger).add("even")
    query = find("even")
    durable.set_ambient(connection)
    assert names(query) == {"stranger"}
    assert names(find(query)) == {"stranger"}
    assert not find_in(connection, "even", query)
    assert not find_in(connection, stranger)
    other.close()
    database.close()


def test_queries_choose_the_connection_of_their_criteria(connection: Connection) -> None:
    thing = Thing("x")
    tags(thing).add("x")
    query = find("x")
    database = Database.open(None)
    other = database.connect()
    durable.set_ambient(other)
    assert not find("x")
    assert names(find(query)) == {"x"}
    assert names(find([query])) == {"x"}
    assert names(find(thing)) == {"x"}
    assert find("x", no(query)).connection is connection
    other.close()
    database.close()


def test_other_connections_see_tags_after_the_commit(connection: Connection) -> None:
    reader = connection.database.connect()
    tags(Thing(1), Thing(2)).add("x")
    assert not find_in(reader, "x")
    connection.commit()
    query = find_in(reader, "x")
    assert not query
    reader.refresh()
    assert len(query) == 2
    assert len(find_in(reader, Thing, "x")) == 2
    reader.close()


def test_results_outlive_the_process(path: Path) -> None:
    database = Database.open(path)
    connection = database.connect()
    durable.set_ambient(connection)
    for number in range(100):
        thing = Special(number)
        tags(thing).add("all", f"tag {number % 10}", "x" * 2000 if number % 2 else "y" * 2000)
    connection.commit()
    connection.close()
    database.close()
    database = Database.open(path)
    connection = database.connect()
    assert sorted(thing.name for thing in find_in(connection, "tag 3", "x" * 2000)) == list(range(3, 100, 10))
    assert not find_in(connection, "tag 3", "y" * 2000)
    assert len(find_in(connection, Thing)) == 100
    connection.close()
    database.close()


def test_ids_over_many_chunks(connection: Connection) -> None:
    connection.database.new_oids(70_000)
    first = Thing("first")
    tags(first).add("x", "y")
    connection.database.new_oids(200_000)
    rest = [Thing(number) for number in range(100)]
    tags(*rest).add("x")
    tags(*rest[:50]).add("y")
    assert len(find("x", "y")) == 51
    assert len(find("x", no("y"))) == 50
    assert [thing.name for thing in find("x")[::50]] == ["first", 49, 99]
    assert [thing.name for thing in find("x")[50:52]] == [49, 50]


def test_typeless_classes_are_found_by_tag_and_then_by_type(connection: Connection) -> None:
    quiet = Quiet()
    tags(quiet).add("x")
    connection.commit()
    assert list(find(Quiet, "x")) == [quiet]


def test_a_small_cache_loses_no_results(path: Path) -> None:
    database = Database.open(path)
    connection = database.connect(budget=20_000)
    durable.set_ambient(connection)
    for number in range(3000):
        tags(Thing(number)).add("all", "odd" if number % 2 else "even")
    connection.commit()
    assert [thing.name for thing in find("even")][:3] == [0, 2, 4]
    assert {thing.name for thing in find("all")} == set(range(3000))
    kept = list(find("all"))
    assert {thing.name for thing in kept} == set(range(3000))
    connection.close()
    database.close()

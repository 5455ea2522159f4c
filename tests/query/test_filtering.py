import threading
from typing import Any

import pytest

from perdure.query import Index, filter_query, find, no, split_by, tags
from perdure.session import Connection

from .conftest import Thing, names


@pytest.fixture
def things(connection: Connection) -> list[Thing]:
    made = [Thing(number) for number in range(200)]
    tags(*made).add("all")
    tags(*made[::2]).add("even")
    return made


def listed(query: Any) -> list[Any]:
    return [thing.name for thing in query]


def test_it_gives_what_the_function_accepts_in_order(things: list[Thing]) -> None:
    query = filter_query(lambda thing: thing.name % 3 == 0, find("all"))
    assert listed(query) == list(range(0, 200, 3))
    assert len(query) == 67
    assert bool(query) and not filter_query(lambda thing: False, find("all"))
    assert things[3] in query and things[4] not in query


def test_slices_positions_and_reversal(things: list[Thing]) -> None:
    query = filter_query(lambda thing: thing.name % 3 == 0, find("all"))
    whole = list(range(0, 200, 3))
    assert listed(query[10:20:3]) == whole[10:20:3]
    assert listed(query[-5:]) == whole[-5:]
    assert listed(query[::-1]) == listed(reversed(query)) == whole[::-1]
    assert query[0, 66] == (things[0], things[198])


def test_filters_can_be_nested_and_used_in_find(things: list[Thing]) -> None:
    inner = filter_query(lambda thing: thing.name < 100, find("all"))
    outer = filter_query(lambda thing: thing.name % 3 == 0, inner)
    assert listed(outer) == list(range(0, 100, 3))
    assert listed(find(outer, "even")) == list(range(0, 100, 6))
    assert names(find("all", no(inner))) == set(range(100, 200))
    assert len(find([outer, "even"])) == len(set(range(0, 100, 3)) | set(range(0, 200, 2)))
    assert len(find(inner, outer)) == 34


def test_in_find_the_function_is_asked_only_about_what_all_other_criteria_left(things: list[Thing]) -> None:
    seen: list[Any] = []

    def accepts(thing: Thing) -> bool:
        seen.append(thing.name)
        return True

    tags(things[4]).add("rare")
    assert listed(find(filter_query(accepts, find("all")), "rare")) == [4]
    assert seen == [4]


def test_only_what_is_needed_is_looked_at(things: list[Thing]) -> None:
    seen: list[Any] = []

    def accepts(thing: Thing) -> bool:
        seen.append(thing.name)
        return True

    assert bool(filter_query(accepts, find("all")))
    assert [thing.name for thing in filter_query(accepts, find("all"))[:2]] == [0, 1]
    assert seen == [0, 0, 1]


def test_a_filtered_split_passes_the_tuple(things: list[Thing]) -> None:
    query = filter_query(lambda row: row[0].name < 10 and row[1] == "even", split_by(["even", "all"], find("all")))
    assert [(thing.name, label) for thing, label in query] == [(n, "even") for n in (0, 2, 4, 6, 8)]
    assert len(query) == 5
    assert [thing.name for thing, _ in find(query, Thing)] == [0, 2, 4, 6, 8]
    assert names(find("all", no(query))) == set(range(200)) - {0, 2, 4, 6, 8}


def test_split_and_sort_honour_the_filter(things: list[Thing]) -> None:
    few = filter_query(lambda thing: thing.name < 6, find("all"))
    assert [(thing.name, label) for thing, label in split_by(["even"], few)] == [(0, "even"), (2, "even"), (4, "even")]
    index: Index[int, Thing] = Index()
    for thing in things:
        index.add(-thing.name, thing)
    assert listed(index.sort(few)) == [5, 4, 3, 2, 1, 0]
    assert listed(index.sort(few)[1:3]) == [4, 3]
    assert listed(filter_query(lambda thing: thing.name % 2, index.sort(few))) == [5, 3, 1]


def test_a_sorted_filter_asks_again_each_time(things: list[Thing]) -> None:
    index: Index[int, Thing] = Index()
    for thing in things:
        index.add(thing.name, thing)
    limit = 3
    query = index.sort(filter_query(lambda thing: thing.name < limit, find("all")))
    assert len(query) == 3
    limit = 5
    assert len(query) == 5


def test_exceptions_pass_through(things: list[Thing]) -> None:
    def fails(thing: Thing) -> bool:
        raise ZeroDivisionError(thing.name)

    for use in (list, len, bool, lambda query: list(find(query, "even"))):
        with pytest.raises(ZeroDivisionError):
            use(filter_query(fails, find("all")))


def test_functions_run_without_the_lock_of_the_connection(things: list[Thing], connection: Connection) -> None:
    free: list[bool] = []

    def accepts(thing: Thing) -> bool:
        def attempt() -> None:
            free.append(connection.lock.acquire(timeout=5))
            if free[-1]:
                connection.lock.release()

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        return True

    index: Index[int, Thing] = Index()
    index.add(1, things[0])
    query = filter_query(accepts, find(things[0]))
    assert list(query) == list(find(query, "all")) == list(index.sort(query)) == [things[0]]
    assert [row[0] for row in split_by(["all"], query)] == [things[0]]
    assert free and all(free)


@pytest.mark.parametrize("bad", [None, 3, "all"])
def test_what_is_no_function_is_refused(connection: Connection, bad: Any) -> None:
    with pytest.raises(TypeError):
        filter_query(bad, find("all"))


@pytest.mark.parametrize("bad", [None, [1], Thing, "all"])
def test_what_is_no_query_is_refused(connection: Connection, bad: Any) -> None:
    with pytest.raises(RuntimeError):
        filter_query(bool, bad)


def test_it_has_a_signature_but_cannot_be_stored(things: list[Thing], connection: Connection) -> None:
    def accepts(thing: Thing) -> bool:
        return bool(thing.name)

    one, other = filter_query(accepts, find("all")), filter_query(lambda thing: True, find("all"))
    assert one.signature() == filter_query(accepts, find("all")).signature() != other.signature()
    assert one.compare(filter_query(accepts, find("all"))) == 0.0
    assert one.compare(other) == 1.0
    things[0].query = one
    with pytest.raises(RuntimeError, match="filtered by a Python function"):
        connection.flush()
    del things[0].query

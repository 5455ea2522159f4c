from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.kernel import durable
from perdure.model import delete
from perdure.query import Index, as_tag, find, find_in, join, tags
from perdure.session import Connection, Database

from .conftest import Other, Special, Thing


def rows(found: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(one.name for one in row) for row in found)


@pytest.fixture
def shop(connection: Connection) -> list[Other]:
    """Authors 0 to 2; book n is by author n // 2, review n by author n % 3."""
    authors = [Other(number) for number in range(3)]
    tags(*authors).add("author")
    for number in range(4):
        book, review = Thing(f"b{number}"), Special(f"r{number}")
        tags(book).add("book", authors[number // 2])
        tags(review).add("review", authors[number % 3])
    return authors


def test_it_combines_what_has_an_object_as_tag_in_common(shop: list[Other]) -> None:
    found = join(find("book"), find("review"), on=Other)
    wanted = [("b0", "r0"), ("b0", "r3"), ("b1", "r0"), ("b1", "r3"), ("b2", "r1"), ("b3", "r1")]
    assert rows(found) == wanted
    assert len(found) == len(wanted)
    assert bool(found)
    assert rows(found) == rows(found)


def test_types_and_queries_are_collections_and_conditions(shop: list[Other]) -> None:
    assert rows(join(Special, on=find("author"))) == [("r0",), ("r1",), ("r2",), ("r3",)]
    assert rows(join(find(Thing, "book"), Special, on=find(shop[1]))) == [("b2", "r1"), ("b3", "r1")]
    assert not join(find("book"), find("review"), on=find("nobody"))
    assert len(join(find("book"), find("nothing"), on=Other)) == 0


def test_an_object_can_be_combined_with_itself(shop: list[Other]) -> None:
    assert rows(join(find("book"), find("book"), on=find(shop[0]))) == [
        (one, other) for one, other in product(["b0", "b1"], repeat=2)
    ]


def test_a_combination_comes_once_however_many_tags_it_shares(shop: list[Other]) -> None:
    book, review = Thing("book"), Special("review")
    tags(book, review).add(*shop)
    tags(book).add("x")
    tags(review).add("y")
    found = join(find("x"), find("y"), on=Other)
    assert rows(found) == [("book", "review")]
    assert len(found) == 1


def test_deleted_objects_do_not_join(shop: list[Other]) -> None:
    label = as_tag(shop[0])
    tags(shop[0]).remove("author")
    delete(shop[0])
    assert len(find(label)) == 4
    assert all(row[0].name not in ("b0", "b1") for row in join(find("book"), find("review"), on=Other))


def test_joins_of_a_past_state(shop: list[Other], connection: Connection) -> None:
    connection.commit()
    past = connection.database.connect(at=connection.state)
    tags(find("book")).remove("book")
    assert not join(find("book"), find("review"), on=Other)
    before = join(find_in(past, "book"), find_in(past, "review"), on=find_in(past, Other))
    assert len(before) == 6
    assert all(durable.owner_of(one) is past for row in before for one in row)
    past.close()


def test_index_selections_join(shop: list[Other]) -> None:
    index: Index[int, Thing] = Index()
    for book in find("book"):
        index.add(int(book.name[1:]), book)
    assert rows(join(index.select(2), find("review"), on=Other)) == [("b2", "r1"), ("b3", "r1")]


def test_on_is_required_and_arguments_are_checked(shop: list[Other]) -> None:
    with pytest.raises(TypeError):
        join(find("book"), find("review"))  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        join(on=Other)
    for bad in (None, "book", 1, int, [find("book")]):
        with pytest.raises(TypeError):
            join(bad, on=Other)
        with pytest.raises(TypeError):
            join(find("book"), on=bad)


def test_collections_of_several_databases_are_refused(shop: list[Other], connection: Connection) -> None:
    elsewhere = Database.open(None)
    other = elsewhere.connect()
    with pytest.raises(RuntimeError, match="different prefixes"):
        join(find("book"), find_in(other, "review"), on=Other)
    other.close()
    elsewhere.close()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sets(st.integers(0, 4))), max_size=14), st.sets(st.integers(0, 4)))
def test_joins_agree_with_a_model(given_rows: list[tuple[str, set[int]]], on: set[int]) -> None:
    database = Database.open(None)
    connection = database.connect()
    durable.set_ambient(connection)
    try:
        labels = [Other(number) for number in range(5)]
        tags(*labels).add("label")
        tags(*[labels[number] for number in on]).add("on")
        made = [Thing(number) for number in range(len(given_rows))]
        for thing, (side, own) in zip(made, given_rows, strict=True):
            tags(thing).add(side, *[labels[number] for number in own])
        numbers = [[n for n, (side, _) in enumerate(given_rows) if side == wanted] for wanted in "xyz"]
        wanted = [row for row in product(*numbers) if set.intersection(on, *[given_rows[n][1] for n in row])]
        found = join(find("x"), find("y"), find("z"), on=find("on"))
        assert rows(found) == sorted(wanted)
        assert len(found) == len(wanted)
    finally:
        durable.set_ambient(None)
        connection.close()
        database.close()

"""Stepping through queries: backwards, and by `next`."""

import pytest

from perdure.query import find, tags
from perdure.session import Connection

from .conftest import Thing


@pytest.fixture
def things(connection: Connection) -> list[Thing]:
    """Things 0 to 9; tagged even or odd, and third for every third."""
    made = [Thing(number) for number in range(10)]
    for number, thing in enumerate(made):
        tags(thing).add("even" if number % 2 == 0 else "odd")
        if number % 3 == 0:
            tags(thing).add("third")
    return made

def test_reversed_gives_objects_from_the_last_to_the_first(things: list[Thing]) -> None:
    query = find("even")
    assert list(reversed(query)) == list(query)[::-1]
    assert list(reversed(query[1:3])) == list(query[1:3])[::-1]
    assert list(reversed(query[7::-1])) == list(query)[7::-1][::-1]
    assert list(reversed(find("nothing"))) == []


def test_next_steps_through_the_query_and_starts_over_after_the_end(things: list[Thing]) -> None:
    query = find("even")
    assert [next(query) for _ in range(len(query))] == list(query)
    with pytest.raises(StopIteration):
        next(query)
    assert next(query) is next(iter(find("even")))

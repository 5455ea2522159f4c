import pytest

from perdure.query import Index, as_tag, filter_query, find, find_in, no, split_by, tags
from perdure.session import Connection

from .conftest import Other, Special, Thing


@pytest.fixture
def things(connection: Connection) -> list[Thing]:
    made = [Thing(number) for number in range(10)]
    tags(*made).add("all")
    tags(*made[:2]).add("few")
    tags(*made[:5]).add("half")
    return made


def test_parts_come_in_the_order_in_which_they_are_looked_at(things: list[Thing]) -> None:
    found = find("all", Thing, "few", no("half")).explain()
    assert str(found) == (
        "all of these, but: at most 2\n"
        "  the tag 'few': 2\n"
        "  the tag 'all': 10\n"
        "  type Thing: 10\n"
        "  not the tag 'half': 5"
    )
    assert [part.size for part in found.parts] == [2, 10, 10, 5]
    assert not found.exact and all(part.exact for part in found.parts)
    assert found.size == 2


def test_functions_come_last(things: list[Thing]) -> None:
    def wanted(thing: Thing) -> bool:
        raise AssertionError("nothing is called to explain a query")

    found = find(filter_query(wanted, find("few")), "all").explain()
    assert [part.text.partition(".<locals>.")[0] for part in found.parts] == [
        "the tag 'all'",
        "what test_functions_come_last",
    ]


def test_every_kind_of_query_is_explained(things: list[Thing], connection: Connection) -> None:
    index: Index[int, Thing] = Index()
    for thing in things:
        index.add(thing.name, thing)
    author = Other("author")
    tags(things[0]).add(author, as_tag(Special))
    connection.commit()
    past = connection.database.connect(at=connection.state)
    lines = {
        find("few"): "the tag 'few': 2",
        find(as_tag(Special)): "the tag of the class Special: 1",
        find(): "nothing: 0",
        find(["few", "half"]): "any of these: at most 7",
        find("all")[1:5]: "the slice [1:5]: at most 10",
        find("all")[::-2]: "the slice [::-2]: at most 10",
        split_by(["few"], find("all")): "split by the first of these tags: at most 10",
        split_by(["few"], find("all"), exclusive=False): "split by each of these tags: at most 10",
        find(split_by(["few"], find("all"))[:3], "few"): "what of the first is in the second: at most 10",
    }
    for query, first in lines.items():
        assert str(query.explain()).splitlines()[0] == first
    assert str(index.select(3, 5).explain()).endswith(": from 3 to 5 without None: 3")
    assert str(index.select().explain()).endswith(": all keys and None: 10")
    assert str(index.select(3).explain()).endswith(": from 3 and None: 7")
    assert ", descending, None first: at most 2" in str(index.sort(find("few"), desc=True).explain())
    assert f"at state {connection.state}: 2" in str(find("all", find_in(past, "few")).explain())
    assert "the object #" in str(find(things[0]).explain())
    past.close()

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import CorruptRecordError
from perdure.kernel import codec, durable
from perdure.model import uuid
from perdure.query import Index, as_tag, find, find_in, no, tags
from perdure.query.definition import distance, from_plain, to_plain
from perdure.query.expression import (
    EMPTY,
    ClassTagged,
    Node,
    Not,
    OfType,
    Range,
    Sliced,
    Sorted,
    Tagged,
    TheObject,
    both,
    either,
)
from perdure.session import Connection, Database, get_root, set_root

from .conftest import Special, Thing, names

LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.just(EMPTY),
    st.binary(max_size=3).map(Tagged),
    st.sampled_from([Thing, Special]).map(lambda cls: OfType(f"{cls.__module__}:{cls.__qualname__}", cls)),
    st.sampled_from([Thing, Special]).map(lambda cls: ClassTagged(f"{cls.__module__}:{cls.__qualname__}", cls)),
    st.builds(TheObject, st.integers(0, 9), st.integers(0, 9)),
    st.builds(Range, st.integers(1, 3), st.binary(max_size=2), st.binary(max_size=2), st.booleans(), st.booleans()),
)
SETS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(st.one_of(inner, inner.map(Not)), max_size=3).map(both), st.lists(inner, max_size=3).map(either)
    ),
)
BOUND = st.none() | st.integers(-3, 3)
NODES = st.one_of(
    SETS,
    st.builds(Sorted, SETS, st.integers(1, 3), st.booleans(), st.booleans()),
    st.builds(Sliced, SETS, BOUND, BOUND, st.none() | st.integers(1, 3)),
)


@given(NODES)
def test_definitions_survive_being_plain_values(node: Node) -> None:
    data = codec.encode_value(to_plain(node))
    assert from_plain(codec.decode_value(data)) == node


@given(NODES, NODES)
def test_distance_is_zero_for_equals_only_and_the_same_both_ways(one: Node, other: Node) -> None:
    assert distance(one, one) == 0.0
    assert 0.0 <= distance(one, other) <= 1.0
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0.0) is (one == other)


@given(
    st.recursive(
        st.one_of(st.none(), st.integers(-1, 12), st.binary(max_size=2), st.text(max_size=2)),
        lambda inner: st.lists(inner, max_size=4).map(tuple),
    )
)
def test_damaged_definitions_are_refused(plain: Any) -> None:
    try:
        node = from_plain(plain)
    except CorruptRecordError:
        return
    assert isinstance(node, Node)


def test_signatures_do_not_depend_on_order(connection: Connection) -> None:
    assert find("a", "b").signature() == find("b", "a").signature()
    assert find(["a", "b"], "c").signature() == find("c", ["b", "a", "a"]).signature()
    assert find(Thing, no("a")).signature() == find(no("a"), Thing).signature()
    distinct = [find("a"), find("b"), find("a", "b"), find(["a", "b"]), find("a", no("b")), find(Thing), find("a")[1:]]
    assert len({query.signature() for query in distinct}) == len(distinct)
    assert isinstance(find("a").signature(), str)


def test_comparison_of_queries(connection: Connection) -> None:
    assert find("a", "b").compare(find("b", "a")) == 0.0
    assert find("a").compare(find("b")) == 1.0
    assert find("a").compare(find("a", "b")) == 1.0
    assert find(["a", "b"]).compare(find(["a", "b", "c"])) == pytest.approx(1 / 3)
    assert 0.0 < find(Thing, ["a", "b"]).compare(find(Thing, ["b", "c"])) < 1.0
    assert find(["a", "b"]).compare(find(["c", "d"])) == 1.0
    for other in ("a", None, Thing, [find("a")]):
        with pytest.raises(TypeError):
            find("a").compare(other)  # type: ignore[arg-type]


def test_uuids_of_queries(connection: Connection) -> None:
    before = uuid(find("a", "b"))
    tags(Thing()).add("a")
    connection.commit()
    assert uuid(find("b", "a")) == before
    assert uuid(find("a")) != before
    assert len(before) > 40


def test_a_query_in_a_field_is_live(path: Path) -> None:
    database = Database.open(path)
    connection = database.connect()
    durable.set_ambient(connection)
    holder, index = Thing("holder"), Index()
    for number in range(6):
        thing = Thing(number)
        tags(thing).add("all", "even" if number % 2 == 0 else "odd")
        index.add(-number, thing)
    author = Thing("author")
    tags(author).add("author")
    tags(*find("odd")).add(as_tag(author))
    holder.plain = find(Thing, ["even", "odd"], no("even"))
    holder.range = find(index.select(-3), "all")
    holder.sorted = index.sort(find("all"))[:4]
    holder.author = find(as_tag(author), Thing)
    holder.one = find(author)
    holder.many = (find("even"), {"x": find("odd")})
    set_root(connection, "root", holder)
    del index
    connection.commit()
    connection.close()
    database.close()
    database = Database.open(path)
    connection = database.connect()
    durable.set_ambient(connection)
    read: Any = get_root(connection, "root")
    assert names(read.plain) == {1, 3, 5}
    assert names(read.range) == {0, 1, 2, 3}
    assert [thing.name for thing in read.sorted] == [5, 4, 3, 2]
    assert names(read.author) == {1, 3, 5}
    assert names(read.one) == {"author"}
    assert names(read.many[1]["x"]) == {1, 3, 5}
    tags(*find("even")).add("odd")
    assert len(read.author) == 3
    assert names(read.many[1]["x"]) == {0, 1, 2, 3, 4, 5}
    connection.close()
    database.close()


def test_an_index_lives_as_long_as_a_stored_query_on_it(connection: Connection) -> None:
    holder, index = Thing("holder"), Index()
    tags(holder).add("holder")
    index.add(1, Thing("one"))
    holder.query = index.select()
    oid = durable.oid_of(index)
    del index
    connection.commit()
    assert names(holder.query) == {"one"}
    holder.query = None
    connection.commit()
    assert not connection.contains(oid)
    assert not list(connection.scan(3))


def test_queries_over_several_states_cannot_be_stored(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add("x")
    connection.commit()
    past = connection.database.connect(at=connection.state)
    with pytest.raises(RuntimeError, match="several states"):
        find("x", find_in(past, "x")).signature()
    thing.query = find("x", no(find_in(past, "x")))
    with pytest.raises(RuntimeError, match="several states"):
        connection.flush()
    thing.query = find_in(past, "x")
    connection.commit()
    durable.make_ghost(thing)
    assert list(thing.query) == [thing]
    past.close()

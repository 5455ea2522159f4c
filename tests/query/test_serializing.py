import sys
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.errors import ReferenceError as DeadReferenceError
from perdure.kernel import codec, durable
from perdure.model import delete, uuid
from perdure.model.enums import value_of
from perdure.query import (
    Index,
    as_tag,
    deserialize,
    filter_query,
    find,
    find_in,
    join,
    no,
    serialize,
    serializing,
    split_by,
    tags,
)
from perdure.query.definition import to_plain
from perdure.session import Connection, Database, StandIn

from .conftest import Special, Thing


@pytest.fixture
def things(connection: Connection) -> list[Thing]:
    made = [Thing(number) for number in range(8)]
    tags(*made).add("all")
    tags(*made[::2]).add("even", value_of("Color", "RED"))
    return made


def same(one: Any, other: Any) -> bool:
    return one.signature() == other.signature() and list(one) == list(other)


def test_queries_of_every_shape_come_back(things: list[Thing]) -> None:
    index: Index[date, Thing] = Index()
    for number, thing in enumerate(things):
        index.add(date(2030, 1, 1 + number), thing)
    tags(things[1]).add(as_tag(things[0]), as_tag(Special))
    shapes: list[Any] = [
        find(Thing),
        find(Thing, "all", ["even", "odd"], no(("even", "x"))),
        find(things[3]),
        find(as_tag(things[0])),
        find(as_tag(Special), Thing),
        find(value_of("Color", "RED")),
        find(),
        find("all")[2:-1],
        find("all")[::-1],
        index.select(date(2030, 1, 2), None, null_first=True),
        index.sort(find("all"), desc=True, null_first=True),
        index.sort(index.sort(find("all")))[:3],
        split_by(["even", value_of("Color", "RED")], find("all"), exclusive=False),
        find(split_by(["even"], find("all"))[1:], "even"),
        split_by(["all"], split_by(["even"], find("all"))),
        find(find("all")[:5], index.select(date(2030, 1, 2))),
    ]
    for query in shapes:
        data = serialize(query)
        assert isinstance(data, bytes)
        back = deserialize(data)
        assert same(back, query)
        assert same(deserialize(bytearray(data)), query) and same(deserialize(memoryview(data)), query)
        assert serialize(back) == data
        assert back.compare(query) == 0.0
        assert uuid(back) == uuid(query)


def test_what_comes_back_is_live(things: list[Thing]) -> None:
    query = deserialize(serialize(find("new")))
    assert not query
    tags(things[0]).add("new")
    assert list(query) == [things[0]]


def test_enum_values_come_back_equal(connection: Connection) -> None:
    for resolved in (True, False):
        value = value_of("Color", "RED", resolved)
        assert deserialize(serialize(value)) == value == value_of("Color", "RED")


@pytest.mark.parametrize("bad", [1, "text", None, [1], b"x", Thing, object()])
def test_other_values_are_refused(connection: Connection, bad: Any) -> None:
    with pytest.raises(RuntimeError, match="only queries and enum values"):
        serialize(bad)
    with pytest.raises(RuntimeError):
        serialize(Thing())
    with pytest.raises(RuntimeError):
        serialize(as_tag(Thing))
    with pytest.raises(RuntimeError):
        serialize(join(Thing, on=Special))


def test_queries_that_call_functions_are_refused(things: list[Thing]) -> None:
    for query in (filter_query(bool, find("all")), find("all", no(filter_query(bool, find("all"))))):
        with pytest.raises(RuntimeError, match="Python function cannot be stored or serialized"):
            serialize(query)


def test_queries_over_several_states_are_refused(things: list[Thing], connection: Connection) -> None:
    connection.commit()
    past = connection.database.connect(at=connection.state)
    with pytest.raises(RuntimeError, match="several states"):
        serialize(find("all", find_in(past, "even")))
    assert same(deserialize(serialize(find_in(past, "even"))), find("even"))
    past.close()


@pytest.mark.parametrize("bad", [1, "text", None, [1], object()])
def test_only_bytes_are_read(connection: Connection, bad: Any) -> None:
    with pytest.raises(TypeError):
        deserialize(bad)


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RuntimeError, match="bytes to deserialize"):
        deserialize(data)


@settings(deadline=None)
@given(st.data())
def test_changed_bytes_are_refused(data: st.DataObject) -> None:
    database = Database.open(None)
    connection = database.connect()
    try:
        given_bytes = bytearray(serialize(find_in(connection, "a", ["b", "c"])))
        position = data.draw(st.integers(0, 1 << 16)) % len(given_bytes)
        given_bytes[position] ^= data.draw(st.integers(1, 255))
        with pytest.raises(RuntimeError, match="bytes to deserialize"):
            deserialize(given_bytes)
    finally:
        connection.close()
        database.close()


@pytest.mark.parametrize(
    "plain",
    [1, (), (1,), (3, "a", "b"), (1, 2, "name", 3), (2, "Color", 5), (1, "x", "name", (1, b"k")), ("q", 1, "n", ())],
)
def test_well_formed_bytes_of_something_else_are_refused(connection: Connection, plain: Any) -> None:
    data = codec.encode_value(plain)
    with pytest.raises(RuntimeError, match="damaged"):
        deserialize(serializing._VERSION + serializing._checksum(data) + data)


def test_a_definition_that_makes_no_sense_is_refused(connection: Connection) -> None:
    for node in ((99,), (7, 1), (1, b"key", 2, 3), ("x",), (9, (0,), "no", True)):
        data = codec.encode_value((1, connection.database.uuid, "memory", node))
        with pytest.raises(RuntimeError, match="damaged"):
            deserialize(serializing._VERSION + serializing._checksum(data) + data)


def test_no_module_is_imported_because_bytes_name_it(connection: Connection) -> None:
    module = "antigravity"
    assert module not in sys.modules
    plain = (1, connection.database.uuid, "memory", (3, f"{module}:Cls", module, "Cls"))
    data = codec.encode_value(plain)
    query = deserialize(serializing._VERSION + serializing._checksum(data) + data)
    assert not query
    assert module not in sys.modules
    assert issubclass(query.node.cls, StandIn)


def test_a_query_on_an_index_that_is_gone_is_refused(things: list[Thing], connection: Connection) -> None:
    index: Index[int, Thing] = Index()
    index.add(1, things[0])
    select, sort = serialize(index.select()), serialize(index.sort(find("all")))
    connection.commit()
    del index
    connection.commit()
    for data in (select, sort):
        with pytest.raises(DeadReferenceError, match="index"):
            deserialize(data)


def test_what_is_no_index_is_refused_as_one(things: list[Thing], connection: Connection) -> None:
    index: Index[int, Thing] = Index()
    plain = to_plain(index.select().node)
    oid = durable.oid_of(things[0]) or connection.add(things[0])
    data = codec.encode_value((1, connection.database.uuid, "memory", (plain[0], oid, *plain[2:])))
    with pytest.raises(RuntimeError, match="no index"):
        deserialize(serializing._VERSION + serializing._checksum(data) + data)


def test_a_query_of_an_unknown_database_is_refused(connection: Connection) -> None:
    data = codec.encode_value((1, 12345, "elsewhere", (1, b"key")))
    with pytest.raises(RuntimeError):
        deserialize(serializing._VERSION + serializing._checksum(data) + data)


def test_a_deleted_object_in_a_query_matches_nothing(things: list[Thing]) -> None:
    doomed = Thing("doomed")
    data = serialize(find(doomed))
    assert list(deserialize(data)) == [doomed]
    delete(doomed)
    assert not deserialize(data)

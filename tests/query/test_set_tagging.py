"""`tags(query)`: tags of all that a query finds, changed as one operation, without loading the objects."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.errors import CorruptRecordError
from perdure.kernel import durable, keys
from perdure.query import as_tag, filter_query, find, find_in, split_by, tags, tags_of
from perdure.session import Connection, Database, tagging
from perdure.storage import spaces

from .conftest import Quiet, Special, Thing, names


@pytest.fixture
def things(connection: Connection) -> list[Thing]:
    made = [Thing(number) for number in range(10)]
    tags(*made).add("all")
    tags(*made[::2]).add("even")
    return made


def test_what_it_finds_is_tagged_and_untagged(things: list[Thing]) -> None:
    tags(find("even")).add("x", ["y", as_tag(things[0])])
    assert names(find("x")) == names(find("y")) == names(find(as_tag(things[0]))) == {0, 2, 4, 6, 8}
    tags(find("x")).remove("even", "y")
    assert not find("even") and not find("y")
    assert tags_of(things[2]) == ["all", "x", as_tag(things[0])]


def test_the_tag_that_the_query_selects_by_can_be_removed(things: list[Thing]) -> None:
    tags(find("even")).remove("even")
    assert not find("even")
    assert len(find("all")) == 10


def test_it_applies_to_what_is_found_at_the_call(things: list[Thing]) -> None:
    manager = tags(find("later"))
    tags(things[3]).add("later")
    manager.add("seen")
    tags(things[4]).add("later")
    assert names(find("seen")) == {3}


@pytest.mark.parametrize("add", [True, False])
def test_a_damaged_row_fails_the_call_and_nothing_is_changed(
    things: list[Thing], connection: Connection, monkeypatch: pytest.MonkeyPatch, add: bool
) -> None:
    monkeypatch.setattr(tagging, "_AT_ONCE", 3)
    connection.flush()
    rows = [connection.tagging.row(durable.oid_of(thing)) for thing in things[:8]]
    connection.overlay.put(spaces.OBJECT_TAGS.id, keys.encode_uint(durable.oid_of(things[8])), b"\xff damaged")
    with pytest.raises(CorruptRecordError):
        (tags(find("all")).add if add else tags(find("all")).remove)("all", "even", "x")
    assert [connection.tagging.row(durable.oid_of(thing)) for thing in things[:8]] == rows
    assert len(find("all")) == 10 and len(find("even")) == 5 and not find("x")


def test_what_keeps_a_regular_tag_or_not_lives_or_goes(things: list[Thing], connection: Connection) -> None:
    tags(things[1], passive=True).add("passive")
    connection.commit()
    oids = [durable.oid_of(thing) for thing in things]
    things.clear()
    tags(find("all")).remove("all")
    assert names(find(Thing)) == {0, 2, 4, 6, 8}
    connection.commit()
    assert [*map(connection.contains, oids)] == [True, False] * 5
    tags(find("even")).remove("even")
    connection.commit()
    assert not any(map(connection.contains, oids))
    assert list(connection.database.verify()) == []


def test_an_empty_result_is_valid(things: list[Thing]) -> None:
    tags(find("nothing")).add("x")
    tags(find("nothing")).remove("x")
    assert not find("x")


def test_slices_splits_filters_and_objects_are_targets(things: list[Thing]) -> None:
    tags(find("all")[2:4]).add("slice")
    assert len(find("slice")) == 2
    tags(split_by(["even"], find("all"))).add("s")
    assert names(find("s")) == {0, 2, 4, 6, 8}
    tags(filter_query(lambda thing: thing.name > 7, find("all")), things[0]).add("f")
    assert names(find("f")) == {0, 8, 9}


def test_no_objects_are_loaded(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "bulk.perdure")
    connection = database.connect()
    durable.set_ambient(connection)
    made = [Thing(number) for number in range(50)]
    tags(*made).add("all")
    connection.commit()
    durable.set_ambient(None)
    other = database.connect()
    tags(find_in(other, "all")).add("x")
    tags(find_in(other, "x")).remove("all")
    assert not other.objects
    other.commit()
    connection.refresh()
    assert len(find_in(connection, "x")) == 50
    assert not find_in(connection, "all")
    assert list(database.verify()) == []
    for one in (other, connection):
        one.close()
    database.close()


def test_untagged_objects_that_nothing_else_holds_are_dropped(things: list[Thing], connection: Connection) -> None:
    connection.commit()
    oids = [durable.oid_of(thing) for thing in things]
    things.clear()
    tags(find("all")).remove("all", "even")
    assert not find(Thing)
    connection.commit()
    assert not any(map(connection.contains, oids))


def test_objects_of_quiet_classes_become_known_by_type(connection: Connection) -> None:
    quiet, thing = Quiet(), Thing()
    tags(quiet, thing, passive=True).add("p")
    tags(find([quiet, thing])).add("x")
    assert list(find(Quiet)) == [quiet]
    tags(find("x")).remove("x")
    assert not find(Quiet)
    tags(find([quiet, thing]), passive=True).add("q")
    assert not find(Quiet)


def test_passive_tags_of_a_query(things: list[Thing]) -> None:
    tags(find("even"), passive=True).add("p")
    assert len(find(Thing, "p")) == 5
    with pytest.raises(RuntimeError, match="Passive"):
        list(find("p"))


def test_queries_on_snapshots_are_refused_and_nothing_is_changed(things: list[Thing], connection: Connection) -> None:
    connection.commit()
    past = connection.database.connect(at=connection.state)
    with pytest.raises(RuntimeError, match="open for reading"):
        tags(things[0], find_in(past, "all")).add("x")
    assert not find("x")
    past.close()


@pytest.mark.parametrize("bad", [1, None, b"x", [["x"]]])
def test_bad_tags_change_nothing(things: list[Thing], bad: Any) -> None:
    with pytest.raises(RuntimeError):
        tags(find("all")).add("x", bad)
    assert not find("x")


def test_it_is_undone_by_a_rollback_and_can_be_mixed_with_buffered_changes(
    things: list[Thing], connection: Connection
) -> None:
    savepoint = connection.savepoint()
    tags(things[1]).add("even")
    tags(find("even")).add("x")
    tags(things[1]).remove("x")
    assert names(find("x")) == {0, 2, 4, 6, 8}
    savepoint.rollback()
    assert not find("x")
    assert names(find("even")) == {0, 2, 4, 6, 8}


def test_the_class_of_another_identity_is_a_tag_here_too(things: list[Thing]) -> None:
    tags(find("even")).add(as_tag(Special))
    assert len(find(as_tag(Special))) == 5
    tags(find("all")).remove(as_tag(Special))
    assert not find(as_tag(Special))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd"), st.booleans(), st.booleans()), max_size=12))
def test_changes_of_sets_agree_with_changes_one_by_one(steps: list[tuple[str, str, bool, bool]]) -> None:
    outcomes = []
    for by_set in (True, False):
        database = Database.open(None)
        connection = database.connect()
        durable.set_ambient(connection)
        made = [Quiet() if number % 3 == 0 else Thing(number) for number in range(9)]
        for number, thing in enumerate(made):
            tags(thing).add("all", *[tag for position, tag in enumerate("abc") if number >> position & 1])
        for where, tag, add, passive in steps:
            chosen = find("all", where)
            manager = tags(chosen, passive=passive) if by_set else tags(*list(chosen), passive=passive)
            (manager.add if add else manager.remove)(tag)
        connection.commit()
        rows = [connection.tagging.row(durable.oid_of(thing)) for thing in made]
        types = [thing in find(type(thing)) for thing in made]
        outcomes.append((rows, types))
        assert list(database.verify()) == []
        durable.set_ambient(None)
        connection.close()
        database.close()
    assert [*map(repr, outcomes[0][0]), outcomes[0][1]] == [*map(repr, outcomes[1][0]), outcomes[1][1]]

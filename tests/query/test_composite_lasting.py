"""Composite tags in time: lifetime, transactions, snapshots, bytes, passive form; and queries by leading elements."""

from pathlib import Path
from typing import Any

import pytest

from perdure.errors import CorruptRecordError
from perdure.kernel import durable, keys
from perdure.model.enums import value_of
from perdure.query import Query, as_tag, deserialize, find, find_in, no, serialize, split_by, tag_prefix, tags, tags_of
from perdure.session import Connection, Database, get_root, set_root

from .conftest import Thing, names

GREEN = value_of("Color", "GREEN")
LONG = "l" * 500


def test_they_hold_their_object_but_not_their_elements(connection: Connection) -> None:
    user, thing = Thing("user"), Thing("thing")
    label = as_tag("GRANT", user)
    tags(thing).add(label)
    connection.flush()
    oid, user_oid = durable.oid_of(thing), durable.oid_of(user)
    assert connection.lifetime.holders(user_oid) == 0
    connection.commit()
    del thing, user
    connection.commit()
    assert connection.contains(oid) and not connection.contains(user_oid)
    assert names(find(label)) == names(find(tag_prefix("GRANT"))) == {"thing"}
    assert tags_of(find(label)[0,][0]) == [label]
    tags(find(label)).remove(label)
    assert not find(Thing) and not find(label)
    connection.commit()
    assert not connection.contains(oid)


def test_a_tag_of_a_deleted_element_never_means_another_object(connection: Connection) -> None:
    user, thing = Thing("user"), Thing("thing")
    label = as_tag("GRANT", user)
    tags(thing).add(label)
    connection.commit()
    gone = durable.oid_of(user)
    del user
    connection.commit()
    later = [Thing(number) for number in range(300)]
    tags(*later).add("later")
    connection.commit()
    assert gone not in map(durable.oid_of, later)
    assert not any(find(as_tag("GRANT", one)) for one in later)
    tags(later[0]).add(label)
    assert set(find(label)) == {thing, later[0]}


def test_deleted_objects_are_not_found(granted: Thing, user: Thing, connection: Connection) -> None:
    label = as_tag("GRANT", user)
    tags(granted, passive=True).add(as_tag("GRANT", "passive"))
    oid = durable.oid_of(find(label)[0,][0])
    for delete in (False, True):
        if delete:
            connection.lifetime.drop(oid)
            connection.generation += 1
        for commit in (False, True):
            if commit:
                connection.commit()
            assert len(find(label)) == len(find(Thing, tag_prefix("GRANT"))) == (not delete)
            assert len(find(Thing, as_tag("GRANT", "passive"))) == (not delete)
    assert list(connection.database.verify()) == []


def test_savepoints_and_aborts_undo_them(granted: Thing, user: Thing, connection: Connection) -> None:
    connection.commit()
    savepoint = connection.savepoint()
    tags(granted).add(as_tag("GRANT", user, "more"))
    tags(granted).remove(as_tag("GRANT", user))
    assert not find(as_tag("GRANT", user)) and len(find(tag_prefix("GRANT", user))) == 1
    savepoint.rollback()
    assert list(find(as_tag("GRANT", user))) == [granted] and not find(as_tag("GRANT", user, "more"))
    tags(granted).remove(as_tag("GRANT", user))
    assert not find(tag_prefix("GRANT"))
    connection.abort()
    assert list(find(tag_prefix("GRANT"))) == [granted]


def test_snapshots_keep_what_they_saw(granted: Thing, user: Thing, connection: Connection) -> None:
    connection.commit()
    past = connection.database.connect(at=connection.state)
    label = as_tag("GRANT", user)
    tags(granted).remove(label)
    tags(user).add(as_tag("GRANT", granted))
    connection.commit()
    for criterion in (label, tag_prefix("GRANT", user), tag_prefix("GRANT")):
        assert names(find_in(past, criterion)) == {"granted"}
    assert tags_of(find_in(past, label)[0,][0]) == [label]
    assert not find(label) and names(find(tag_prefix("GRANT"))) == {"user"}
    assert len(find(find_in(past, tag_prefix("GRANT")), no(label))) == 1
    with pytest.raises(RuntimeError, match="open for reading"):
        tags(find_in(past, label)).add(label)
    past.close()


@pytest.mark.parametrize("query", ["tag", "prefix", "mixed", "split"])
def test_queries_are_serialized(granted: Thing, user: Thing, connection: Connection, query: str) -> None:
    label = as_tag("GRANT", user, Thing, GREEN, LONG)
    tags(user).add(label)
    connection.commit()
    questions: dict[str, Query[Any]] = {
        "tag": find(label),
        "prefix": find(tag_prefix("GRANT", user)),
        "mixed": find(Thing, [label, tag_prefix("none")], no(as_tag("GRANT", user))),
        "split": split_by([label, as_tag("GRANT", user)], find(tag_prefix("GRANT"))),
    }
    asked = questions[query]
    assert len(asked) > 0
    again = deserialize(serialize(asked))
    assert again.node == asked.node and list(again) == list(asked)
    assert again.signature() == asked.signature()


def test_queries_with_them_are_stored_in_fields(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "stored.perdure")
    connection = database.connect()
    durable.set_ambient(connection)
    user, thing = Thing("user"), Thing("thing")
    tags(thing, user).add(as_tag("GRANT", user, Thing))
    set_root(connection, "saved", Thing([find(as_tag("GRANT", user, Thing)), find(tag_prefix("GRANT", user))]))
    connection.commit()
    durable.set_ambient(None)
    connection.close()
    database.close()
    database = Database.open(tmp_path / "stored.perdure")
    connection = database.connect()
    durable.set_ambient(connection)
    saved: Any = get_root(connection, "saved")
    assert [names(query) for query in saved.name] == [{"thing", "user"}] * 2
    assert list(database.verify()) == []
    durable.set_ambient(None)
    connection.close()
    database.close()


def test_explain_names_the_elements(granted: Thing, user: Thing) -> None:
    tags(user).add(as_tag("GRANT", "x"))
    shown = repr(as_tag(user))
    assert str(find(as_tag("GRANT", user)).explain()) == f"the tag CompositeTag('GRANT', {shown}): 1"
    assert str(find(tag_prefix("GRANT")).explain()) == "tags that begin with 'GRANT': 2"
    assert str(find(tag_prefix("GRANT", user)).explain()) == f"tags that begin with 'GRANT', {shown}: 1"
    assert repr(tag_prefix("GRANT", user)) == f"tag_prefix('GRANT', {shown})"


def test_objects_of_other_databases_are_elements(connection: Connection) -> None:
    elsewhere = Database.open(None)
    foreign = elsewhere.connect()
    durable.set_ambient(foreign)
    author = Thing("author")
    label = as_tag("BY", author)
    durable.set_ambient(connection)
    note = Thing("note")
    tags(note).add(label)
    assert list(find(as_tag("BY", author))) == list(find(tag_prefix("BY"))) == [note]
    with pytest.raises(RuntimeError, match="another prefix"):
        tags(note, passive=True).add(as_tag("ALSO", author))
    with pytest.raises(RuntimeError, match="another prefix"):
        tags(find(label), passive=True).add(as_tag("ALSO", author))
    durable.set_ambient(foreign)
    assert not find(label)
    foreign.close()
    elsewhere.close()


def test_the_passive_form_needs_an_anchor(connection: Connection, user: Thing) -> None:
    thing = Thing("thing")
    tags(thing).add("held")
    label = as_tag("GRANT", user)
    tags(thing, passive=True).add(label)
    for commit in (False, True):
        if commit:
            connection.commit()
        for criterion in (label, tag_prefix("GRANT"), tag_prefix("GRANT", user), [label, "held"]):
            with pytest.raises(RuntimeError, match="Passive tags require at least one non-passive predicate"):
                len(find(criterion))
            assert list(find(Thing, criterion, "held")) == [thing]
            assert list(deserialize(serialize(find("held", criterion)))) == [thing]
        assert not find(tag_prefix("DENY"))
    tags(user).add(as_tag("GRANT", "other"))
    assert list(find(as_tag("GRANT", "other"))) == [user]
    with pytest.raises(RuntimeError, match="Passive"):
        len(find(tag_prefix("GRANT")))
    assert list(find(tag_prefix("GRANT", "other"))) == [user]


def test_the_first_form_counts_and_removal_needs_no_flag(connection: Connection) -> None:
    thing, other = Thing("thing"), Thing("other")
    label = as_tag("a", "b")
    tags(thing, passive=True).add(label)
    tags(thing).add(label)
    connection.flush()
    assert connection.lifetime.holders(durable.oid_of(thing)) == 0
    tags(other).add(label)
    tags(other, passive=True).add(label)
    connection.flush()
    assert connection.lifetime.holders(durable.oid_of(other)) == 1
    tags(thing).remove(label)
    assert tags_of(thing) == [] and list(find(label)) == [other]
    assert list(find(tag_prefix("a"))) == [other]


def test_leading_elements_find_whole_elements_in_their_order(connection: Connection, user: Thing) -> None:
    labels = {
        "pair": as_tag("a", "b"), "longer": as_tag("a", "b", "c"), "text": as_tag("a", "bb"),
        "other": as_tag("aa", "b"), "object": as_tag("a", user), "value": as_tag("a", GREEN, "b"),
        "class": as_tag(Thing, "a"),
    }  # fmt: skip
    things = {name: Thing(name) for name in labels}
    for name, label in labels.items():
        tags(things[name]).add(label)
    tags(user).add("a", as_tag(Thing))
    for _ in range(2):
        assert names(find(tag_prefix("a"))) == {"pair", "longer", "text", "object", "value"}
        assert names(find(tag_prefix("a", "b"))) == {"pair", "longer"}
        assert names(find(tag_prefix("a", "b", "c"))) == {"longer"}
        assert names(find(tag_prefix("a", user))) == {"object"}
        assert names(find(tag_prefix("a", GREEN))) == {"value"}
        assert names(find(tag_prefix(Thing))) == {"class"}
        assert not find(tag_prefix("b")) and not find(tag_prefix("")) and not find(tag_prefix("a", "b", "c", "d"))
        connection.commit()


@pytest.mark.parametrize("size", [1, 300, 370, 376, 377, 378, 379, 380, 381, 382, 383, 384, 385, 400, 1000])
def test_leading_elements_of_any_length_are_told_apart(connection: Connection, size: int) -> None:
    head = "x" * size
    same = [Thing("pair"), Thing("triple")]
    tags(same[0]).add(as_tag(head, "1"))
    tags(same[1]).add(as_tag(head, "1", LONG))
    other = Thing("other")
    tags(other).add("one more", as_tag(head + "x", "1"), as_tag("x" * (size - 1), "1"), as_tag(head[:-1] + "y", LONG))
    tags(same[1], passive=True).add(as_tag(head, "passive"))
    for _ in range(2):
        assert names(find(Thing, tag_prefix(head))) == {"pair", "triple"}
        assert names(find(Thing, tag_prefix(head, "1"))) == {"pair", "triple"}
        assert names(find(tag_prefix(head, "1", LONG))) == {"triple"}
        assert names(find(tag_prefix(head + "x"))) == {"other"}
        with pytest.raises(RuntimeError, match="Passive"):
            len(find(tag_prefix(head)))
        with pytest.raises(RuntimeError, match="Passive"):
            len(find(tag_prefix(head, "passive")))
        connection.commit()
    tags(same[1]).remove(as_tag(head, "1", LONG))
    assert names(find(Thing, tag_prefix(head, "1"))) == {"pair"}


def test_the_rows_of_large_sets_span_chunks(connection: Connection) -> None:
    oids = [70_000 * number for number in range(1, 5)]
    label, other = keys.encode((5, (1, "a", 1, "b"))), keys.encode((5, (1, "a", 1, "c")))
    connection.flush()
    connection.overlay.post(label, oids[:3], add=True)
    connection.overlay.post(other, oids[2:], add=True)
    assert len(find(tag_prefix("a"))) == 4 and len(find(as_tag("a", "b"))) == 3


def test_damaged_elements_are_an_error_of_the_file(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add("x")
    connection.tagging.change(thing, [keys.encode((5, (9, "a")))], True)
    with pytest.raises(CorruptRecordError, match="composite"):
        tags_of(thing)

"""Passive tags: they find objects but do not hold them, and cannot carry a query alone."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.kernel import durable
from perdure.query import Index, as_tag, filter_query, find, find_in, no, split_by, tags, tags_of
from perdure.session import Connection, Database, class_tag
from perdure.storage import spaces

from .conftest import Quiet, Special, Thing


def alone(*criteria: Any) -> None:
    """The query is refused, however it is used."""
    for use in (len, bool, next, lambda query: query[0,]):
        with pytest.raises(RuntimeError, match="Passive tags require at least one non-passive predicate"):
            use(find(*criteria))


@pytest.fixture
def passive(connection: Connection) -> Thing:
    """An object held by a regular tag, with a passive one."""
    thing = Thing("passive")
    tags(thing).add("held")
    tags(thing, passive=True).add("p")
    return thing


def test_a_passive_tag_finds_its_object_with_an_anchor_and_does_not_hold_it(connection: Connection) -> None:
    thing = Thing()
    tags(thing, passive=True).add("p")
    assert list(find(Thing, "p")) == [thing]
    assert connection.lifetime.holders(durable.oid_of(thing)) == 0
    oid = durable.oid_of(thing)
    connection.commit()
    del thing
    connection.commit()
    assert not connection.contains(oid)
    assert not find(Thing, "p")
    assert not find("p")


def test_a_query_of_passive_tags_alone_is_an_error(passive: Thing) -> None:
    alone("p")
    tags(passive, passive=True).add("q")
    alone("p", "q")
    alone(("p", "q"))
    alone("p", no("x"))
    alone("p", no(Thing("never")))


@pytest.mark.parametrize("moment", ["pending", "committed", "other connection"])
def test_it_is_one_whether_pending_or_committed(passive: Thing, connection: Connection, moment: str) -> None:
    if moment != "pending":
        connection.commit()
    if moment == "other connection":
        other = connection.database.connect()
        with pytest.raises(RuntimeError, match="Passive tags"):
            list(find_in(other, "p"))
        assert len(find_in(other, Thing, "p")) == 1
        other.close()
    alone("p")


def test_types_regular_tags_objects_and_indexes_are_anchors(passive: Thing) -> None:
    index: Index[int, Thing] = Index()
    index.add(1, passive)
    author = Thing("author")
    tags(passive).add(author, as_tag(Special))
    anchors = [Thing, "held", passive, index.select(), as_tag(author), as_tag(Special), find("held"), ["held", passive]]
    for anchor in anchors:
        assert list(find("p", anchor)) == [passive]
        assert list(find(find(anchor), "p")) == [passive]
    assert list(index.sort(find(Thing, "p"))) == [passive]
    assert list(find(index.sort(find("held")), "p")) == [passive]


def test_every_alternative_needs_an_anchor(passive: Thing) -> None:
    alone(["p", "held"])
    alone(["held", ("p", "p")])
    assert list(find(["held", ("p", Thing)])) == [passive]
    assert list(find(["held", "p"], Thing)) == [passive]
    assert list(find(Thing, ["p", "q"])) == [passive]


def test_an_alternative_that_finds_nothing_needs_none(passive: Thing) -> None:
    assert list(find(["held", ("p", "unknown")])) == [passive]
    assert not find("p", "unknown")
    assert not find("unknown")


def test_a_tag_that_some_objects_have_passively_is_no_anchor(passive: Thing) -> None:
    tags(Thing("regular")).add("p")
    alone("p")
    assert len(find(Thing, "p")) == 2
    tags(passive).remove("p")
    assert len(find("p")) == 1


def test_derived_queries_need_an_anchor_too(passive: Thing) -> None:
    for query in (find("p")[:1], filter_query(bool, find("p")), split_by(["p"], find("p")), find(find("p"))):
        with pytest.raises(RuntimeError, match="Passive tags"):
            len(query)
    assert len(split_by(["p"], find("held"))) == 1
    assert len(split_by(["held"], find("p"))) == 1
    with pytest.raises(RuntimeError, match="Passive tags"):
        list(find(split_by(["p"], find("p")), "p"))
    assert [row[0] for row in find(split_by(["p"], find("p")[:]), "held")] == [passive]


def test_taggings_of_a_query_of_passive_tags_alone_are_refused(passive: Thing) -> None:
    with pytest.raises(RuntimeError, match="Passive tags"):
        tags(find("p")).add("x")
    tags(find("p", Thing)).add("x")
    assert list(find("x")) == [passive]


def test_the_first_form_of_a_tag_wins(connection: Connection) -> None:
    thing = Thing()
    tags(thing, passive=True).add("a")
    tags(thing).add("a", "b")
    tags(thing, passive=True).add("b", "c")
    connection.flush()
    assert tags_of(thing) == ["b", "a", "c"]
    alone("a")
    alone("c")
    assert list(find("b")) == [thing]
    assert connection.lifetime.holders(durable.oid_of(thing)) == 1


@pytest.mark.parametrize("flag", [True, False])
def test_removal_takes_either_form(connection: Connection, flag: bool) -> None:
    thing = Thing()
    tags(thing, passive=True).add("p")
    tags(thing).add("r")
    connection.commit()
    tags(thing, passive=flag).remove("p", "r")
    assert tags_of(thing) == []
    connection.commit()
    assert not [key for key, _ in connection.scan(spaces.POSTINGS) if not key.startswith(class_tag(0)[:1])]


def test_removed_and_added_again_it_takes_the_new_form(passive: Thing) -> None:
    tags(passive).remove("p")
    tags(passive).add("p")
    assert list(find("p")) == [passive]
    tags(passive).remove("p")
    tags(passive, passive=True).add("p")
    alone("p")


def test_a_passive_object_tag_needs_an_anchor_and_a_foreign_one_is_refused(passive: Thing) -> None:
    author = Thing("author")
    tags(passive, passive=True).add(author, as_tag(Special))
    alone(as_tag(author))
    alone(as_tag(Special))
    assert list(find(Thing, as_tag(author), as_tag(Special))) == [passive]
    elsewhere = Database.open(None)
    other = elsewhere.connect()
    foreign = Thing("foreign")
    durable.adopt(foreign, other)
    with pytest.raises(RuntimeError, match="regular tag only"):
        tags(passive, passive=True).add("good", foreign)
    assert "good" not in tags_of(passive)
    other.close()
    elsewhere.close()


def test_passive_tags_do_not_make_quiet_objects_known_by_type(connection: Connection) -> None:
    thing = Quiet()
    tags(thing, passive=True).add("p")
    assert not find(Quiet)
    tags(thing).add("r")
    assert list(find(Quiet, "p")) == [thing]


def test_rolled_back_passive_tags_are_gone(passive: Thing, connection: Connection) -> None:
    savepoint = connection.savepoint()
    tags(passive, passive=True).add("q")
    alone("q")
    savepoint.rollback()
    assert not find("q")


CHANGES = st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.sampled_from(["regular", "passive", "remove"]))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(CHANGES, st.just("commit"), st.just("drop"))))
def test_marks_agree_with_a_model_and_the_structure_stays_sound(steps: list[Any]) -> None:
    database = Database.open(None)
    connection = database.connect()
    durable.set_ambient(connection)
    try:
        things = [Thing(number) for number in range(4)]
        forms: list[dict[str, bool]] = [{} for _ in things]
        for step in steps:
            if step == "commit":
                connection.commit()
            elif step == "drop":
                connection.flush()
                tags(*things).remove("a")
                for own in forms:
                    own.pop("a", None)
            else:
                number, tag, how = step
                if how == "remove":
                    tags(things[number]).remove(tag)
                    forms[number].pop(tag, None)
                else:
                    tags(things[number], passive=how == "passive").add(tag)
                    forms[number].setdefault(tag, how == "passive")
            for tag in "ab":
                wanted = [thing for thing, own in zip(things, forms, strict=True) if tag in own]
                assert set(find(Thing, tag)) == {thing for thing in wanted if thing in find(Thing)}
                if any(own.get(tag) for own in forms):
                    with pytest.raises(RuntimeError, match="Passive"):
                        list(find(tag))
                else:
                    assert set(find(tag)) == set(wanted)
        connection.commit()
        del things
        connection.commit()
        assert list(database.verify()) == []
    finally:
        durable.set_ambient(None)
        connection.close()
        database.close()

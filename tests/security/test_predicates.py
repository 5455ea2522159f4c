"""Predicates: what they are made of, what they may be used for, and what they may not."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

import perdure as db0

from .things import SEEN, Doc, Note, World, names, seeing

USES: list[Callable[[Any], Any]] = [
    iter,
    list,
    len,
    bool,
    next,
    reversed,
    lambda one: one[0],
    lambda one: one[0,],
    lambda one: one[:2],
    lambda one: one[::],
    lambda one: Doc in one,
    lambda one: one.explain(),
    lambda one: db0.filter(bool, one),
    lambda one: db0.split_by(["x"], one),
    lambda one: db0.group_by(["x"], one),
    lambda one: list(db0.join(one, on=Note)),
    lambda one: db0.index().sort(one),
    lambda one: db0.tags(one).add("more"),
    lambda one: db0.tags(one).remove("open"),
    lambda one: db0.select_new(one, None, db0.snapshot()),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("active", [True, False])
def test_a_predicate_is_no_data(world: World, use: Callable[[Any], Any], active: bool) -> None:
    made = db0.predicate("open")
    with seeing("open" if active else "x"), pytest.raises(PermissionError):
        use(made)
    assert not hasattr(db0, "more") and db0.tags_of(world.docs[0]) == ["x", "even", "open"]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (("open",), ["seen_doc", "seen_page"]),
        ((["open", "even"],), ["denied_doc", "seen_doc", "seen_page"]),
        ((("open", "even"),), ["seen_doc"]),
        (("x", db0.no("open")), ["denied_doc", "denied_page"]),
        ((Doc,), ["denied_doc", "denied_page", "seen_doc", "seen_page"]),
        ((Doc, "open"), ["seen_doc", "seen_page"]),
        (("no such tag",), []),
        ((), []),
        (([],), []),
        ((db0.as_tag("GRANT", "ann"),), ["denied_doc"]),
        ((db0.tag_prefix("GRANT"),), ["denied_doc", "denied_page"]),
        ((["open", db0.as_tag("GRANT", "ann")], db0.no(db0.as_tag("DENY", "ann"))), ["denied_doc", "seen_page"]),
    ],
)
def test_criteria_are_those_of_find(world: World, criteria: Any, expected: list[str]) -> None:
    db0.tags(world.docs[2]).add(db0.as_tag("GRANT", "ann"))
    db0.tags(world.docs[3]).add(db0.as_tag("GRANT", "bob"))
    db0.tags(world.docs[0]).add(db0.as_tag("DENY", "ann"))
    with seeing(*criteria):
        assert names(db0.find(Doc)) == expected


def test_sub_queries_indexes_and_objects_can_be_criteria(world: World) -> None:
    with seeing("x"):
        sub, selected, sliced = db0.find("open"), world.index.select(1, 2), db0.find("x")[:1]
    for criterion, expected in ((sub, ["seen_doc", "seen_page"]), (selected, ["denied_doc", "seen_page"])):
        with seeing(criterion):
            assert names(db0.find(Doc)) == expected
    with seeing(sliced):
        assert names(db0.find(Doc)) == ["seen_doc"]
    with seeing(world.docs[3]):
        assert names(db0.find(Doc)) == ["denied_page"]


def test_passive_tags_alone_make_a_predicate(world: World) -> None:
    db0.tags(world.docs[2], passive=True).add("granted")
    with seeing("granted"):
        assert names(db0.find(Doc)) == ["denied_doc"]


def test_bad_criteria_and_functions_are_refused(world: World) -> None:
    for criteria in ((db0.no("x"),), (5,), (None,), (Doc, Note)):
        with pytest.raises(RuntimeError):
            db0.predicate(*criteria)
    with seeing("x"):
        functional = db0.filter(lambda one: True, db0.find("x"))
    with pytest.raises(RuntimeError, match="filter"):
        db0.predicate(functional)


def test_a_predicate_of_no_criteria_has_nothing(world: World) -> None:
    with seeing():
        assert not db0.find(Doc) and len(db0.find("x")) == 0 and len(world.index) == 0
        assert not any(db0.exists(world.uuids[one.name]) for one in world.docs)
        assert len(db0.find(Note)) == 3


def test_a_predicate_of_a_prefix_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(RuntimeError, match="nowhere"):
        db0.predicate("open", prefix="nowhere")


def test_a_predicate_can_be_made_without_filter_and_is_never_filtered(started: Callable[..., None]) -> None:
    started()
    before = db0.predicate(Doc, "open")
    db0._init_data_filter(SEEN)
    after = db0.predicate(Doc, "open")  # no predicate is set
    World()
    for made in (before, after):
        with seeing(predicate=made):
            assert names(db0.find(Doc)) == ["seen_doc", "seen_page"]


def test_a_predicate_made_before_its_tags_takes_effect(release: None) -> None:
    made = db0.predicate([db0.as_tag("GRANT", "ann"), "open"])
    with seeing(predicate=made):
        assert not db0.find(Doc)
        db0.tags(Doc("one")).add(db0.as_tag("GRANT", "ann"))
        assert names(db0.find(Doc)) == ["one"]
        World()
        assert names(db0.find(Doc)) == ["one", "seen_doc", "seen_page"]


def test_a_predicate_narrows_a_query_it_is_a_criterion_of(world: World) -> None:
    with seeing("open"):
        assert names(db0.find(Doc, db0.predicate("even"))) == ["seen_doc"]
        assert names(db0.find(db0.predicate("even"))) == ["seen_doc", "seen_note", "seen_paper"]
        assert names(db0.find(Doc, db0.no(db0.predicate("even")))) == ["seen_page"]
        assert names(db0.find(Doc, [db0.predicate("even"), "odd"])) == ["seen_doc", "seen_page"]


def test_serialized_and_stored_predicates_stay_predicates(world: World) -> None:
    made = db0.predicate(["open", db0.as_tag("GRANT", "ann")], db0.no("odd"))
    world.root.may_see = made
    db0.commit()
    db0.close("main")
    db0.open("main")
    with seeing("x"):
        (root,) = db0.find(Note, "root")
    for again in (db0.deserialize(db0.serialize(made)), root.may_see):
        with pytest.raises(PermissionError):
            len(again)
        assert again.signature() == made.signature() and again.compare(made) == 0.0
        with seeing(predicate=again):
            assert names(db0.find(Doc)) == ["seen_doc"]
    with db0.snapshot() as snapshot:
        assert type(snapshot.deserialize(db0.serialize(made))) is type(made)


@pytest.mark.parametrize("make", [lambda: db0.find("open"), lambda: db0.find(Note), lambda: "open", lambda: 5])
def test_what_is_no_predicate_in_the_variable_is_refused(world: World, make: Callable[[], Any]) -> None:
    with seeing("x"):
        value = make()
    token = SEEN.set(value)
    for use in (lambda: db0.find(Doc), lambda: db0.find("x"), lambda: db0.fetch(world.uuids["seen_doc"])):
        with pytest.raises(RuntimeError, match=r"db0\.predicate"):
            use()
    assert names(db0.find(Note, "x")) == ["denied_note", "seen_note"]
    SEEN.reset(token)


def test_the_default_of_the_variable_counts(started: Callable[..., None]) -> None:
    started()
    World()
    made = db0.predicate("open")
    db0._init_data_filter(ContextVar("with_default", default=made))
    assert names(db0.find(Doc)) == ["seen_doc", "seen_page"]

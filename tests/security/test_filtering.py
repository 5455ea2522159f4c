"""What is found and fetched under a data filter: a test for each row of the enforcement table, on head and snapshot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import SEEN, Doc, Letter, Note, Page, Paper, World, names, seeing

At = Callable[[], Any]


# -- by type -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("criteria", [(Note,), (Note, "x"), (Note, ["even", "odd"]), (Note, db0.no("root"))])
def test_an_unrestricted_type_is_found_whole_whatever_the_predicate(world: World, at: At, criteria: Any) -> None:
    place = at()
    expected = names(place.find(*criteria))
    assert "denied_note" in expected
    with seeing("open"):
        assert names(place.find(*criteria)) == expected
        assert len(place.find(*criteria)) == len(expected)


@pytest.mark.parametrize("cls", [Doc, Page, Letter, Paper])
def test_without_any_filter_a_restricted_type_is_refused_at_the_call(
    started: Callable[..., None], at: At, cls: type
) -> None:
    started()
    World()
    place = at()
    with pytest.raises(PermissionError, match=cls.__qualname__):
        place.find(cls)
    with pytest.raises(PermissionError):
        place.find(cls, "x")


@pytest.mark.parametrize("value", ["unset", None])
@pytest.mark.parametrize("criteria", [(Doc,), (Page, "x"), (Paper,), ("x",), ("x", db0.no("even"))])
def test_without_predicate_a_query_is_refused_at_the_call(
    world: World, at: At, criteria: Any, value: Any
) -> None:
    place = at()
    token = None if value == "unset" else SEEN.set(None)
    with pytest.raises(PermissionError, match="predicate"):
        place.find(*criteria)
    if token is not None:
        SEEN.reset(token)


def test_in_debug_mode_nothing_is_filtered_without_predicate(started: Callable[..., None], at: At) -> None:
    started(data_filter={"context_var": SEEN, "mode": "DEBUG"})
    world = World()
    place = at()
    assert names(place.find(Doc)) == names(world.docs)
    assert names(place.find("x")) == names(world.all)
    assert place.fetch(world.uuids["denied_doc"]).name == "denied_doc"
    assert len(world.index) == len(world.all)
    with seeing("open"):
        assert names(place.find(Doc)) == ["seen_doc", "seen_page"]
        assert not place.exists(world.uuids["denied_doc"])


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ((Doc,), ["seen_doc", "seen_page"]),
        ((Page,), ["seen_page"]),
        ((Paper,), ["seen_letter", "seen_paper"]),
        ((Letter,), ["seen_letter"]),
        ((Doc, "even"), ["seen_doc"]),
        ((Doc, ["even", "odd"]), ["seen_doc", "seen_page"]),
        ((Doc, db0.no("even")), ["seen_page"]),
        ((Doc, db0.no("open")), []),
        (("x",), ["seen_doc", "seen_letter", "seen_note", "seen_page", "seen_paper"]),
        (("even",), ["seen_doc", "seen_note", "seen_paper"]),
        ((["even", "root"],), ["seen_doc", "seen_note", "seen_paper"]),
        (("x", db0.no("even")), ["seen_letter", "seen_page"]),
        ((db0.MemoBase, "x"), ["seen_doc", "seen_letter", "seen_note", "seen_page", "seen_paper"]),
    ],
)
def test_the_result_is_what_the_predicate_has_of_it(
    world: World, at: At, criteria: Any, expected: list[str]
) -> None:
    place = at()
    with seeing("open"):
        query = place.find(*criteria)
        found = list(query)
        assert names(found) == expected
        assert len(query) == len(expected) and bool(query) == bool(expected)
        assert list(reversed(query)) == found[::-1]
        assert all(one in query for one in found)
        assert [one.name for one in query[1:]] == [one.name for one in found[1:]]
        assert list(query[-2:]) == found[-2:] and len(query[:1]) == len(found[:1])
        assert query[tuple(range(len(found)))] == tuple(found)
        with pytest.raises(IndexError, match=f"gives {len(found)} objects"):
            query[len(found),]
        assert [next(query) for _ in found] == found


def test_a_handle_that_may_not_be_seen_is_in_no_query_and_finds_nothing(world: World) -> None:
    denied = world.docs[2]
    with seeing("open"):
        assert denied not in db0.find(Doc)
        assert not db0.find(denied) and not db0.find(Doc, denied) and not list(db0.find([denied, world.docs[0]]))[1:]
        assert denied.name == "denied_doc"  # the handle itself remains usable


def test_an_iterator_started_for_one_account_is_not_continued_for_another(world: World) -> None:
    with seeing("even"):
        query = db0.find(Doc)
        assert next(query).name == "seen_doc"
    with seeing("open"):
        assert next(query).name == "seen_doc"
        assert next(query).name == "seen_page"


def test_an_iterator_in_hand_gives_what_could_be_seen_when_it_was_begun(world: World) -> None:
    """As objects in hand stay usable; collections are asked for each element."""
    with seeing("x"):
        found = iter(db0.find(Doc))
        elements = iter(world.root.all)
        assert next(found).name == next(elements).name == "seen_doc"
    with seeing("no such tag"):
        assert [one.name for one in found] == ["seen_page", "denied_doc", "denied_page"]
        with pytest.raises(PermissionError):
            next(elements)


def test_without_filter_a_query_of_no_type_is_as_ever(started: Callable[..., None], at: At) -> None:
    started()
    world = World()
    assert names(at().find("x")) == names(world.all)


# -- evaluated when it is used -----------------------------------------------------------------------------


def test_a_query_made_before_the_filter_is_filtered_when_used(started: Callable[..., None]) -> None:
    started()
    world = World()
    query, selected = db0.find("x"), world.index.select(0, 3)
    db0._init_data_filter(SEEN)
    with pytest.raises(PermissionError):
        list(query)
    with seeing("open"):
        assert names(query) == world.seen
        assert names(selected) == ["seen_doc", "seen_page"]


def test_a_query_that_two_accounts_use_shows_each_what_is_theirs(world: World) -> None:
    with seeing("open"):
        query = db0.find(Doc)
        assert names(query) == ["seen_doc", "seen_page"]
    with seeing("odd"):
        assert names(query) == ["denied_page", "seen_page"]
    with pytest.raises(PermissionError):
        len(query)


def test_serialized_queries_are_those_of_the_caller_and_filtered_anew(world: World, at: At) -> None:
    with seeing("open"):
        data = db0.serialize(db0.find(Doc, "x"))
        bound = db0.serialize(world.index.sort(db0.find("x"))[:2])
    with seeing("odd"):
        assert db0.serialize(db0.find(Doc, "x")) == data
    place = at()
    with seeing("odd"):
        assert names(place.deserialize(data)) == ["denied_page", "seen_page"]
        assert names(place.deserialize(bound)) == ["denied_page", "seen_page"]
    with seeing("open"):
        assert names(place.deserialize(data)) == ["seen_doc", "seen_page"]
    query = place.deserialize(data)
    with pytest.raises(PermissionError):
        bool(query)


def test_queries_in_fields_are_filtered_when_used(world: World) -> None:
    with seeing("open"):
        world.root.query = db0.find(Doc, "x")
        db0.commit()
    with seeing("odd"):
        assert names(world.root.query) == ["denied_page", "seen_page"]


# -- by identity -------------------------------------------------------------------------------------------


def deleted_uuid() -> str:
    """The uuid of an object that was there and is deleted."""
    gone = Doc("gone")
    found = db0.uuid(gone)
    db0.commit()
    db0.delete(gone)
    del gone
    db0.commit()
    return found


def error_of(place: Any, uuid: str, *more: Any) -> tuple[type, str]:
    with pytest.raises(Exception) as caught:
        place.fetch(uuid, *more)
    return type(caught.value), str(caught.value).replace(uuid, "...")


@pytest.mark.parametrize("name", ["denied_doc", "denied_page", "denied_letter"])
@pytest.mark.parametrize("more", [(), (db0.MemoBase,), (Note,)])
def test_fetching_what_is_denied_fails_as_fetching_what_was_deleted(
    world: World, at: At, name: str, more: Any
) -> None:
    gone = deleted_uuid()
    place = at()
    expected = error_of(place, gone, *more)
    with seeing("open"):
        assert error_of(place, world.uuids[name], *more) == error_of(place, gone, *more) == expected
        assert not place.exists(world.uuids[name], *more) and not place.exists(gone, *more)
    assert error_of(place, world.uuids[name], *more) == expected  # no predicate
    assert not place.exists(world.uuids[name], *more)


def test_fetching_something_restricted_without_any_filter_fails_as_fetching_what_was_deleted(
    started: Callable[..., None], at: At
) -> None:
    started()
    world = World()
    gone = deleted_uuid()
    place = at()
    assert error_of(place, world.uuids["seen_doc"]) == error_of(place, gone)
    assert not place.exists(world.uuids["seen_doc"])
    assert place.fetch(world.uuids["seen_note"]).name == "seen_note"


def test_what_can_be_seen_and_what_is_not_restricted_is_fetched(world: World, at: At) -> None:
    place = at()
    with seeing("open"):
        for name in ("seen_doc", "seen_page", "seen_letter"):
            assert place.fetch(world.uuids[name]).name == name and place.exists(world.uuids[name], db0.MemoBase)
    for name in ("seen_note", "denied_note", "denied_paper"):
        assert place.fetch(world.uuids[name]).name == name and place.exists(world.uuids[name])


def test_a_snapshot_asks_the_predicate_of_its_state(world: World) -> None:
    before = db0.snapshot()
    db0.tags(world.docs[0]).remove("open")
    db0.tags(world.docs[2]).add("open")
    db0.commit()
    with seeing("open"):
        assert names(before.find(Doc)) == ["seen_doc", "seen_page"]
        assert names(db0.find(Doc)) == ["denied_doc", "seen_page"]
        assert before.exists(world.uuids["seen_doc"]) and not db0.exists(world.uuids["seen_doc"])
        assert db0.exists(world.uuids["denied_doc"]) and not before.exists(world.uuids["denied_doc"])
    before.close()


def test_changed_grants_count_at_the_next_use(world: World) -> None:
    with seeing("open"):
        query = db0.find(Doc)
        assert len(query) == 2
        db0.tags(world.docs[2]).add("open")
        assert len(query) == 3  # uncommitted changes of this process count too
        db0.tags(world.docs[0], world.docs[1]).remove("open")
        db0.commit()
        assert names(query) == ["denied_doc"]


def test_changes_of_grants_count_inside_of_a_block_and_are_undone_with_it(world: World) -> None:
    with seeing("open"):
        query = db0.find(Doc)
        with pytest.raises(KeyError), db0.atomic():
            db0.tags(world.docs[2]).add("open")
            db0.tags(world.docs[0]).remove("open")
            assert names(query) == ["denied_doc", "seen_page"]
            assert db0.exists(world.uuids["denied_doc"]) and not db0.exists(world.uuids["seen_doc"])
            raise KeyError
        assert names(query) == ["seen_doc", "seen_page"]
        assert not db0.exists(world.uuids["denied_doc"]) and db0.exists(world.uuids["seen_doc"])


def test_a_class_below_that_is_restricted_later_restricts_queries_made_before(release: None) -> None:
    @db0.memo(id="free at first")
    class Free:
        def __init__(self, name: str) -> None:
            self.name = name

    free = [Free("seen_free"), Free("denied_free")]
    db0.tags(*free).add("x")
    db0.tags(free[0]).add("open")
    query, other = db0.find(Free), db0.find(Free, "x")
    assert len(query) == 2 == len(other)

    @db0.memo(id="restricted below", access_control=True)
    class Secret(Free):
        pass

    db0.tags(made := Secret("denied_secret")).add("x")
    for use in (lambda: len(query), lambda: list(other), lambda: db0.find(Free)):
        with pytest.raises(PermissionError):
            use()
    with seeing("open"):  # the whole result is filtered, with what is not restricted
        assert names(query) == names(other) == names(db0.find(Free)) == ["seen_free"]
        assert db0.fetch(db0.uuid(free[1])) is free[1] and not db0.exists(db0.uuid(made))


# -- what is not filtered ----------------------------------------------------------------------------------


def test_making_and_tagging_objects_is_not_filtered(world: World) -> None:
    with seeing("open"):
        made = Doc("made")
        db0.tags(made).add("new")
        db0.commit()
        made.name = "changed"
        assert made not in db0.find(Doc)
        db0.tags(made).add("open")
        assert made in db0.find(Doc)
    other = Doc("without predicate")
    db0.tags(other).add("open")
    db0.commit()
    with seeing("open"):
        assert names(db0.find(Doc)) == ["changed", "seen_doc", "seen_page", "without predicate"]


def test_internal_work_goes_on_for_what_is_denied(world: World, tmp_path: Path) -> None:
    holder = Note("holder", Doc("held"))
    held = db0.uuid(holder)
    db0.tags(holder).add("keep")
    db0.commit()
    with seeing("open"):
        db0.tags(holder).remove("keep")
        del holder
        db0.clear_cache()
        db0.commit()  # drops the holder, and what only it held
    assert not db0.exists(held)
    db0.close()
    db0.init(tmp_path, data_filter={"context_var": SEEN, "mode": "DEBUG"})
    db0.open("main")
    assert len(db0.find(Doc)) == 4

"""All that works on queries sees what the predicate has, and no more: neither objects nor positions nor counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import perdure as db0

from .things import SEEN, Doc, Letter, Note, Page, Paper, Settings, World, names, seeing

At = Callable[[], Any]


# -- indexes -----------------------------------------------------------------------------------------------


def test_ranges_of_an_index_are_filtered_as_queries_of_no_type(world: World) -> None:
    whole, part = world.index.select(), world.index.select(0, 4)
    assert isinstance(world.index.range(1, 2), type(whole))
    with seeing("open"):
        assert names(whole) == world.seen and len(whole) == len(world.seen)
        assert names(part) == names(world.index.range(0, 4)) == ["seen_doc", "seen_note", "seen_page"]
        assert not world.index.select(2, 3) and len(world.index.select(2, 3)) == 0
        assert names(db0.find(Note, world.index.select())) == ["denied_note", "seen_note"]  # an unrestricted type
        assert names(db0.find(Doc, world.index.select())) == ["seen_doc", "seen_page"]
    for use in (list, len, bool, lambda one: list(one[:1])):
        with pytest.raises(PermissionError):
            use(part)


def test_sorting_slices_what_can_be_seen(world: World) -> None:
    with seeing("open"):
        query = world.index.sort(db0.find("x"), desc=True)
        expected = [one.name for one in reversed(world.all) if one.name in world.seen]
        assert [one.name for one in query] == expected
        assert [one.name for one in query[1:3]] == expected[1:3] and len(query[1:3]) == 2
        assert [one.name for one in query[-1:]] == expected[-1:]
        assert [one.name for one in world.index.sort(query[:2])] == expected[:2][::-1]
        assert [one.name for one in world.index.sort(db0.find(Note, "x"))] == ["seen_note", "denied_note"]


def test_an_index_shows_its_visible_pairs_only(world: World) -> None:
    with seeing("open"):
        assert [(key, one.name) for key, one in world.index] == [
            (number, one.name) for number, one in enumerate(world.all) if one.name in world.seen
        ]
        assert [key for key, _ in reversed(world.index)] == [key for key, _ in world.index][::-1]
        assert len(world.index) == len(world.seen) and bool(world.index)
    with seeing("no such tag"):
        assert len(world.index) == 0 and not world.index and not list(world.index)
        assert not world.index.select("a key of another type", None)  # as in an index without keys
    for use in (list, len, bool, reversed):
        with pytest.raises(PermissionError):
            use(world.index)


def test_adding_to_an_index_and_removing_own_handles_is_not_filtered(world: World) -> None:
    made = Doc("made")
    world.index.add(100, made)
    world.index.remove(0, world.docs[0])
    db0.commit()
    with seeing("x"):
        assert 100 not in dict(world.index) and 0 not in dict(world.index)
    db0.tags(made).add("x")
    with seeing("x"):
        assert dict(world.index)[100] is made


# -- positions and functions -------------------------------------------------------------------------------


def test_functions_meet_only_what_can_be_seen(world: World, at: At) -> None:
    place = at()
    met: list[str] = []

    def accept(one: Any) -> bool:
        met.append(one.name)
        return True

    with seeing("open"):
        for query in (place.find("x"), place.find(Doc), world.index.select()):
            filtered = db0.filter(accept, query)
            for use in (list, len, bool, lambda one: list(one[1:2]), lambda one: list(world.index.sort(one))):
                use(filtered)
            list(place.find(Note, filtered))
            list(db0.find("x", db0.no(filtered)))
            list(db0.find([filtered, "x"]))
    assert met and set(met) <= set(world.seen)


def test_slices_inside_of_queries_count_what_can_be_seen(world: World) -> None:
    with seeing("open"):
        first_two = world.index.sort(db0.find("x"))[:2]
        assert names(db0.find(first_two)) == names(db0.find("x", first_two)) == ["seen_doc", "seen_page"]
        assert names(db0.find("x", db0.no(first_two))) == ["seen_letter", "seen_note", "seen_paper"]
        assert names(db0.find(Note, world.index.sort(db0.find("x"))[:3])) == ["seen_note"]
        assert names(db0.find([first_two, db0.find("x")[3:]])) == names([*first_two, *db0.find("x")[3:]])


def test_splits_give_rows_of_what_can_be_seen(world: World) -> None:
    with seeing("open"):
        split = db0.split_by(["even", "odd"], db0.find("x"))
        assert sorted((one.name, tag) for one, tag in split) == [
            (name, "even" if number % 2 == 0 else "odd")
            for name, number in sorted((one.name, number) for number, one in enumerate(world.all))
            if name in world.seen
        ]
        assert len(split) == len(world.seen)
        assert len(db0.split_by(["even", "x"], db0.find("x"), exclusive=False)) == len(world.seen) + 3
        assert [one.name for one, _ in db0.find(split, "even")] == [one.name for one in db0.find("x", "even")]
        assert [one.name for one, _ in world.index.sort(split)[:2]] == ["seen_doc", "seen_page"]
        assert names(one for one, _ in db0.find(Doc, split)) == ["seen_doc", "seen_page"]
        assert names(one for one, _ in db0.filter(bool, split)) == world.seen


def test_joins_combine_what_can_be_seen(world: World) -> None:
    common = Note("common")
    db0.tags(*world.docs, *world.papers).add(db0.as_tag(common))
    db0.commit()
    with seeing("open"):
        found = {(doc.name, paper.name) for doc, paper in db0.join(Doc, Paper, on=Note)}
        assert found == {(doc, paper) for doc in names(db0.find(Doc)) for paper in names(db0.find(Paper))}
        assert len(db0.join(Doc, Paper, on=Note)) == len(found) == 4
        assert not db0.join(Doc, Paper, on=db0.find("x"))  # what they have in common cannot be seen there
        joined = db0.join(Doc, Letter, on=Note)
    for use in (list, len, bool):
        with pytest.raises(PermissionError):
            use(joined)


# -- groups ------------------------------------------------------------------------------------------------


def grouped(world: World) -> list[Any]:
    return [
        db0.group_by(["even", "odd"], db0.find("x")),
        db0.group_by(lambda one: one.name.split("_")[0], db0.find("x")),
        db0.group_by(lambda one: type(one).__name__, db0.find(Doc), (db0.count_op, db0.make_sum(lambda one: 1))),
        db0.group_by(lambda row: row[1], db0.split_by(["even", "odd"], db0.find("x"))),
        db0.group_by(["even", "odd"], db0.find(Note)),
    ]


def test_groups_are_of_what_each_account_can_see(world: World) -> None:
    db0.init_fast_query("cache")
    db0.open("main")
    for _ in range(2):
        with seeing("open"):
            assert grouped(world) == [
                {"even": 3, "odd": 2},
                {"seen": 5},
                {"Doc": (1, 1), "Page": (1, 1)},
                {"even": 3, "odd": 2},
                {"even": 1, "odd": 1},
            ]
        with seeing("odd"):
            assert grouped(world) == [
                {"odd": 5},
                {"seen": 2, "denied": 3},
                {"Page": (2, 2)},
                {"odd": 5},
                {"even": 1, "odd": 1},
            ]
    db0.tags(world.docs[0]).remove("open")
    db0.commit()
    with seeing("open"):
        assert grouped(world)[:2] == [{"even": 2, "odd": 2}, {"seen": 4}]
    db0.commit()
    db0.init_fast_query(None)


def test_groups_kept_before_a_filter_are_not_used_with_it(started: Callable[..., None]) -> None:
    started()
    World()
    by_name = lambda one: one.name.split("_")[0]  # noqa: E731 (the same function for both)
    assert db0.group_by(by_name, db0.find("x")) == {"seen": 5, "denied": 5}
    db0._init_data_filter(SEEN)
    with seeing("open"):
        assert db0.group_by(by_name, db0.find("x")) == {"seen": 5}
    with pytest.raises(PermissionError):
        db0.group_by(by_name, db0.find("x"))


# -- explain -----------------------------------------------------------------------------------------------


def sizes(explanation: db0.Explanation) -> list[int]:
    return [explanation.size, *[size for part in explanation.parts for size in sizes(part)]]


def test_explain_counts_what_the_query_could_give(world: World) -> None:
    hidden = [Doc(f"denied_{number}") for number in range(20)]
    db0.tags(*hidden).add("x", "only hidden")
    with seeing("open"):
        queries: list[Any] = [
            db0.find("x"),
            db0.find(Doc, "x", db0.no("only hidden")),
            db0.find(["only hidden", "even"]),
            db0.find(Note, "x"),
            db0.find(Note, db0.no("only hidden")),
            world.index.sort(db0.find("x"))[:3],
            world.index.select(),
            db0.find(world.docs[2]),
            db0.split_by(["x", "only hidden"], db0.find("x")),
            db0.filter(bool, db0.find(Doc)),
        ]
        with_hidden = [sizes(query.explain()) for query in queries]
        texts = [str(query.explain()) for query in queries]
        db0.tags(*hidden).remove("x", "only hidden")
        db0.commit()
        for one in hidden:
            db0.delete(one)
        assert [sizes(query.explain()) for query in queries] == with_hidden
        assert [str(query.explain()) for query in queries] == texts
        assert sizes(queries[0].explain()) == [5] and sizes(queries[7].explain()) == [0]


def test_the_rule_of_passive_tags_does_not_tell_of_what_is_denied(world: World) -> None:
    db0.tags(world.docs[2], passive=True).add("secret")
    db0.commit()
    with seeing("open"):
        assert not db0.find("secret") and not db0.find("secret", "never used")
        assert not db0.find(db0.tag_prefix("secret"))
        db0.tags(world.docs[0], passive=True).add("secret")
        with pytest.raises(RuntimeError, match="passive"):
            len(db0.find("secret"))


# -- changes -----------------------------------------------------------------------------------------------


def test_tags_of_a_query_change_what_can_be_seen(world: World) -> None:
    with seeing("open"):
        db0.tags(db0.find("x")).add("touched")
        db0.tags(db0.find(Doc)).remove("x")
    db0.commit()
    assert names(one for one in world.all if "touched" in db0.tags_of(one)) == world.seen
    assert names(one for one in world.all if "x" not in db0.tags_of(one)) == ["seen_doc", "seen_page"]
    with pytest.raises(PermissionError):
        db0.tags(db0.find("x"))


def test_selected_changes_are_of_what_could_be_seen_then(world: World) -> None:
    pre = db0.snapshot()
    db0.tags(world.docs[2]).add("open")  # granted
    db0.tags(world.docs[0]).remove("open")  # revoked
    world.docs[1].name, world.docs[3].name = "seen_changed", "denied_changed"
    new, hidden = Doc("seen_new"), Doc("denied_new")
    db0.tags(new).add("x", "open")
    db0.tags(hidden).add("x")
    db0.commit()
    last = db0.snapshot()
    for criteria in ((Doc,), ("x",)):
        with seeing("open"):
            query = db0.find(*criteria)
            created, removed = db0.select_new(query, pre, last), db0.select_deleted(query, pre, last)
            modified = db0.select_modified(query, pre, last)
            assert names(created) == ["denied_doc", "seen_new"] and len(created) == 2
            assert names(removed) == ["seen_doc"] and len(removed) == 1
            assert [(old.name, now.name) for old, now in modified] == [("seen_page", "seen_changed")]
            assert len(modified) == 1 and bool(modified)
            assert names(db0.select_new(query, None, last)) == names(last.find(*criteria))
        with seeing("no such tag"):
            assert not created and not removed and not modified and len(modified) == 0
        for use in (list, len, bool):
            for found in (created, removed, modified):
                with pytest.raises(PermissionError):
                    use(found)
    with db0.SnapshotWindow(1, None, "main") as (first, now), seeing("open"):
        assert names(db0.select_new(db0.find(Doc), first, now)) == ["denied_doc", "seen_changed", "seen_new"]
    pre.close()
    last.close()


# -- counts and classes ------------------------------------------------------------------------------------


def class_of(name: str) -> db0.MemoMetaClass:
    (found,) = [one for one in db0.get_memo_classes() if one.name.endswith(f".{name}")]
    return found


def test_instances_are_counted_as_far_as_they_can_be_seen(world: World) -> None:
    with seeing("open"):
        for cls, expected in ((Doc, 1), (Page, 1), (Letter, 1), (Note, 3)):
            found = class_of(cls.__name__)
            assert found.get_instance_count() == expected
            assert db0.get_type_stats(cls)["instances"] == expected
            assert db0.getrefcount(cls) == expected
        assert names(class_of("Doc").all()) == ["seen_doc", "seen_page"]
        with db0.snapshot() as taken:
            assert names(class_of("Doc").all(taken)) == ["seen_doc", "seen_page"]
    for use in (
        lambda: class_of("Doc").get_instance_count(),
        lambda: db0.get_type_stats(Doc),
        lambda: db0.getrefcount(Page),
        lambda: class_of("Letter").all(),
    ):
        with pytest.raises(PermissionError):
            use()


def test_a_denied_singleton_is_as_one_that_is_not_there(release: None, at: At) -> None:
    missing: list[str] = []
    for _ in range(2):
        place = at()
        with seeing("open"):
            with pytest.raises(RuntimeError) as caught:
                place.fetch(Settings)
            missing.append(str(caught.value))
            assert db0.find_singleton(Settings) is None and not place.exists(Settings)
        if len(missing) == 1:
            made = Settings("made")
            db0.commit()
            assert class_of("Settings").instance_uuid is None
    assert missing[0] == missing[1]
    with seeing("open"):
        with pytest.raises(PermissionError):
            Settings()
        with pytest.raises(RuntimeError):
            class_of("Settings").get_instance()
        db0.tags(made).add("open")
        db0.commit()
        assert Settings() is made is db0.find_singleton(Settings) is class_of("Settings").get_instance()
        assert class_of("Settings").instance_uuid == db0.uuid(made)
        assert at().fetch(Settings).name == "made"


def test_comparing_tags_of_own_handles_asks_no_predicate(world: World) -> None:
    one, other = Doc("same"), Doc("same")
    db0.tags(one).add("t")
    with seeing("open"):
        assert not db0.compare(one, other, tags=["t"])
        db0.tags(other).add("t")
        assert db0.compare(one, other, tags=["t"])


def test_interned_classes_cannot_be_restricted() -> None:
    with pytest.raises(RuntimeError, match="interned"):
        db0.memo(immutable=True, intern=True, access_control=True)(type("Interned", (), {}))

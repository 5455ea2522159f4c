"""Claims of the spec, sections 9.1 and 9.2: snapshots."""

import gc
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace
from tests.threads import together

from .conftest import reopen
from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")


def history() -> list[int]:
    """States in which the root's value was 0, 1, 2, with lists, dicts and tags that follow it."""
    kept = Root()
    node = Node()
    kept.node = node
    kept.items, kept.table = [], {}
    states = []
    for number in range(3):
        kept.value = node.name = number
        kept.items.append(number)
        kept.table[number] = Node(f"n{number}")
        db0.tags(node).add(f"t{number}")
        db0.commit()
        states.append(db0.get_state_num(finalized=True))
    return states


def test_every_state_stays_readable_also_after_reopening(main: Path) -> None:
    states = history()
    for _ in range(2):
        for number, state in enumerate(states):
            with db0.snapshot(state) as past:
                kept = past.fetch(Root)
                assert (kept.value, kept.node.name, list(kept.items)) == (number, number, list(range(number + 1)))
                assert {key: node.name for key, node in kept.table.items()} == {n: f"n{n}" for n in range(number + 1)}
                assert [len(past.find(f"t{n}")) for n in range(3)] == [int(n <= number) for n in range(3)]
                assert len(past.find(Node)) == number + 2
                assert past.get_state_num() == past.get_state_num("main") == state
        reopen(main)


def test_uncommitted_changes_are_not_seen_and_later_ones_neither() -> None:
    history()
    Root().value = "pending"
    with db0.snapshot() as now:
        assert now.fetch(Root).value == 2
        db0.commit()
        assert now.fetch(Root).value == 2
        assert Root().value == "pending"


def test_objects_of_a_snapshot_are_versions_of_their_own() -> None:
    history()
    live = Root()
    with db0.snapshot() as now:
        seen = now.fetch(Root)
        assert seen is not live and seen != live and now.fetch(Root) is seen
        assert db0.uuid(seen.node) == db0.uuid(live.node)
        assert now.fetch(db0.uuid(live.node)) is seen.node
        assert db0.get_snapshot_of(seen.node) is now and db0.get_snapshot_of(seen.items) is now
        assert db0.get_snapshot_of(live).fetch(Root) is live
        assert db0.get_prefix_of(seen).name == "main"


def test_objects_of_a_snapshot_cannot_be_changed() -> None:
    history()
    with db0.snapshot() as now:
        seen = now.fetch(Root)
        for change in (
            lambda: setattr(seen, "value", 1),
            lambda: setattr(seen, "new", 1),
            lambda: delattr(seen, "value"),
        ):
            with pytest.raises(AttributeError):
                change()
        for change in (
            lambda: seen.items.append(1),
            lambda: seen.table.update(a=1),
            lambda: db0.tags(seen.node).add("x"),
            lambda: db0.delete(seen),
            lambda: db0.touch(seen),
        ):
            with pytest.raises(RuntimeError):
                change()
        assert seen.value == 2 and list(seen.items) == [0, 1, 2]
    state = db0.get_state_num()
    db0.commit()
    assert db0.get_state_num() == state


def test_a_closed_snapshot_and_what_came_from_it_raise() -> None:
    history()
    now = db0.snapshot()
    seen, query = now.fetch(Root), now.find("t0")
    now.close()
    now.close()
    calls: list[Any] = [
        lambda: now.fetch(Root),
        lambda: now.find("t0"),
        lambda: now.exists(Root),
        now.get_state_num,
        lambda: "main" in now,
        lambda: seen.value,
        lambda: db0.uuid(seen),
        lambda: list(query),
    ]
    for call in calls:
        with pytest.raises(RuntimeError):
            call()
    with pytest.raises(RuntimeError, match="WorkspaceView is closed"):
        now.fetch(Root)


def test_closing_the_prefix_ends_its_snapshots(main: Path) -> None:
    history()
    now = db0.snapshot()
    seen = now.fetch(Root)
    reopen(main)
    for call in (lambda: seen.value, lambda: now.fetch(Root)):
        with pytest.raises(RuntimeError):
            call()


def test_a_query_keeps_its_snapshot_alive() -> None:
    history()
    query = db0.snapshot().find("t0")
    gc.collect()
    assert [node.name for node in query] == [2]


@pytest.mark.parametrize("state", [0, -1, 99, {"main": 99}, {"main": 0}])
def test_states_that_do_not_exist_are_refused_at_once(state: Any) -> None:
    history()
    with pytest.raises(ValueError, match="state"):
        db0.snapshot(state)


def test_a_state_is_a_number() -> None:
    with pytest.raises(TypeError):
        db0.snapshot({"main": "2"})  # type: ignore[dict-item]


def test_several_prefixes_are_seen_each_at_its_state() -> None:
    states = history()
    db0.open("other")
    others = history()
    with db0.snapshot({"main": states[0]}) as past:
        assert past.fetch(Root, prefix="main").value == 0 and past.fetch(Root).value == 2
        assert past.get_state_num("main") == states[0] and past.get_state_num("other") == others[2]
        assert "main" in past and "other" in past and "third" not in past
    with db0.snapshot(others[1]) as past:
        assert past.fetch(Root).value == 1 and past.fetch(Root, prefix="main").value == 2
    with pytest.raises(RuntimeError, match="not found"):
        db0.snapshot({"third": 1})


def test_references_between_prefixes_stay_in_the_snapshot() -> None:
    db0.open("other")
    far = Node("old")
    db0.tags(far).add("kept")
    db0.open("main")
    Root(far)
    db0.commit()
    with db0.snapshot() as past:
        far.name = "new"
        db0.commit()
        assert past.fetch(Root).value.name == "old" and past.fetch(Root).value is past.fetch(db0.uuid(far))
    assert Root().value is far


def test_an_object_that_did_not_exist_then_is_not_found() -> None:
    states = history()
    late = Node("late")
    db0.tags(late).add("kept")
    db0.commit()
    with db0.snapshot(states[2]) as past:
        assert not past.exists(db0.uuid(late))
        with pytest.raises(db0.ReferenceError):
            past.fetch(db0.uuid(late))
        assert not past.find("kept")
    with db0.snapshot(1) as first:
        assert not first.exists(Root)
        with pytest.raises(RuntimeError):
            first.fetch(Root)


def test_a_deleted_object_is_still_in_the_past() -> None:
    states = history()
    node = Root().node
    identity = db0.uuid(node)
    Root().node = None
    db0.tags(node).remove("t0", "t1", "t2")
    db0.delete(node)
    db0.commit()
    with db0.snapshot(states[0]) as past:
        assert past.fetch(identity).name == 0 and len(past.find("t0")) == 1


def test_a_frozen_snapshot_is_that_of_the_newest_one_of_the_head() -> None:
    with pytest.raises(RuntimeError):
        db0.snapshot(frozen=True)
    history()
    with db0.snapshot():
        Root().value = "later"
        db0.commit()
        with db0.snapshot(frozen=True) as again:
            assert again.fetch(Root).value == 2
    with db0.snapshot() as now:
        assert now.fetch(Root).value == "later"


def test_snapshots_and_live_queries_mix_by_identity() -> None:
    states = history()
    with db0.snapshot(states[0]) as past, db0.snapshot() as now:
        old = past.find(Node)
        assert {node.name for node in now.find(Node, db0.no(old))} == {"n1", "n2"}
        assert {node.name for node in db0.find(Node, old)} == {2, "n0"}


def test_the_head_may_change_while_a_snapshot_query_is_iterated() -> None:
    for number in range(300):
        db0.tags(Node(number)).add("many")
    db0.commit()
    seen = []
    with db0.snapshot() as now:
        for node in now.find("many"):
            seen.append(node.name)
            db0.tags(db0.fetch(db0.uuid(node))).remove("many")
            if node.name % 100 == 0:
                db0.commit()
    assert sorted(seen) == list(range(300)) and not db0.find("many")


def test_a_snapshot_keeps_its_state_from_being_packed_before_anything_was_read_in_it() -> None:
    history()
    database = workspace().current_prefix().database
    now, kept = db0.snapshot(), db0.get_state_num(finalized=True)
    Root().value = 100
    db0.commit()
    database.pack()
    assert database.storage.packed == kept and now.fetch(Root).value == 2
    later = db0.snapshot()
    now.close()
    later.close()
    database.pack()
    assert database.storage.packed == kept + 1


def test_a_snapshot_that_was_forgotten_unread_lets_its_state_go() -> None:
    history()
    database = workspace().current_prefix().database
    now = db0.snapshot()
    Root().value = 100
    db0.commit()
    del now
    database.pack()
    assert database.storage.packed == db0.get_state_num(finalized=True)


def test_threads_that_read_first_in_a_snapshot_at_once_get_the_same_objects() -> None:
    history()
    now, seen = db0.snapshot(), []
    together(*[lambda: seen.append(now.fetch(Root))] * 8)
    assert len(seen) == 8 and len({id(one) for one in seen}) == 1


def test_closing_the_prefix_ends_snapshots_that_were_not_read(main: Path) -> None:
    history()
    now = db0.snapshot()
    reopen(main)
    with pytest.raises(RuntimeError):
        now.fetch(Root)


def test_the_newest_snapshot_is_taken_again_when_its_state_is_packed_away_in_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history()
    database = workspace().current_prefix().database
    view = database.storage.view

    def commit_and_view(at: int | None = None) -> Any:
        monkeypatch.undo()
        Root().value = 100
        db0.commit()
        database.pack()
        return view(at)

    monkeypatch.setattr(database.storage, "view", commit_and_view)
    with db0.snapshot() as now:
        assert now.fetch(Root).value == 100

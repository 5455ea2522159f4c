"""Claims of the spec, section 9.1, and beyond: snapshots by time, by mappings, of several prefixes; mixing them."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace

from .conftest import reopen
from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")


def clock() -> datetime:
    """A time that lies strictly between the commits before and after the call."""
    time.sleep(0.002)
    found = datetime.now(UTC)
    time.sleep(0.002)
    return found


def history(count: int = 5) -> list[datetime]:
    """Times after which the root's value was 0, 1, 2, …"""
    kept, times = Root(), []
    for number in range(count):
        kept.value = number
        db0.commit()
        times.append(clock())
    return times


def test_a_time_stands_for_the_newest_state_then(main: Path) -> None:
    times = history(12)
    for _ in range(2):
        for number, moment in enumerate(times):
            with db0.snapshot(moment) as past:
                assert past.fetch(Root).value == number
            with db0.snapshot({"main": moment}) as past:
                assert past.fetch(Root).value == number
        reopen(main)


def test_times_may_be_naive_and_are_local_then_or_have_any_zone() -> None:
    times = history(3)
    local = times[1].astimezone().replace(tzinfo=None)
    with db0.snapshot(local) as past, db0.snapshot(times[1].astimezone()) as same:
        assert past.fetch(Root).value == same.fetch(Root).value == 1
    with db0.snapshot(times[-1] + timedelta(days=365)) as future:
        assert future.fetch(Root).value == 2


def test_a_time_before_everything_is_refused() -> None:
    history(2)
    with pytest.raises(ValueError, match="no state"):
        db0.snapshot(datetime(2001, 1, 1, tzinfo=UTC))


def test_every_prefix_is_seen_at_the_time_also_one_that_began_later_or_is_opened_later(main: Path) -> None:
    moments = history(3)
    db0.open("late")
    far = Node("far")
    db0.tags(far).add("far")
    Root(far)
    db0.commit()
    identity = db0.uuid(far)
    after = clock()
    far.name = "changed"
    db0.commit()
    with db0.snapshot(moments[1]) as past:
        assert past.fetch(Root, prefix="main").value == 1
        assert "main" in past and "late" not in past
        assert not past.exists(identity) and not past.find("far", prefix="late")
    reopen(main, "main")
    with db0.snapshot(after) as past:
        assert past.fetch(identity).name == "far" and past.get_state_num("late") < 4


def test_a_time_whose_history_was_packed_away_is_refused() -> None:
    times = history(5)
    workspace().current_prefix().database.pack(4)
    with pytest.raises(ValueError, match="history"):
        db0.snapshot(times[0])
    with db0.snapshot(times[4]) as past:
        assert past.fetch(Root).value == 4


def test_none_in_a_mapping_is_the_newest_state() -> None:
    history(3)
    with db0.snapshot({"main": None}) as newest:
        assert newest.fetch(Root).value == 2
    Root().value = "pending"
    with db0.snapshot({"main": None}) as newest:
        assert newest.fetch(Root).value == 2


@pytest.mark.parametrize("bad", ["2", 2.5, True])
def test_what_is_no_state_is_a_type_error(bad: Any) -> None:
    for spec in (bad, {"main": bad}):
        with pytest.raises(TypeError, match="int or a datetime"):
            db0.snapshot(spec)


def test_a_number_needs_a_current_prefix(main: Path) -> None:
    db0.close("main")
    with pytest.raises(RuntimeError, match="no default prefix"):
        db0.snapshot(1)
    with db0.snapshot() as empty:
        assert "main" not in empty


def test_a_frozen_snapshot_opens_prefixes_that_are_not_open_yet(main: Path) -> None:
    @db0.memo(singleton=True, prefix="scoped", id="test_moments:Scoped")
    class Scoped:
        def __init__(self) -> None:
            self.value = 1

    Scoped()
    db0.commit()
    reopen(main)
    with db0.snapshot(), db0.snapshot(frozen=True) as frozen:
        assert frozen.fetch(Scoped).value == 1


def test_using_a_snapshot_makes_no_classes_or_enums_in_the_head() -> None:
    history(1)

    @db0.memo(id="test_moments:Unused")
    class Unused:
        pass

    colours = db0.enum("UnusedColour", ["RED"])
    db0.commit()
    state = db0.get_state_num()
    with db0.snapshot() as now:
        assert not now.find(Unused) and not now.find(colours.RED)
        assert not now.exists("A" * 24)
    db0.commit()
    assert db0.get_state_num() == state


def test_queries_of_two_snapshots_mix_and_missing_objects_raise() -> None:
    kept = Root([Node("old"), Node("gone")])
    for node in kept.value:
        db0.tags(node).add("t")
    db0.commit()
    first = db0.get_state_num(finalized=True)
    gone = kept.value.pop()
    db0.tags(gone).remove("t")
    db0.delete(gone)
    del gone
    kept.value.append(Node("new"))
    db0.tags(kept.value[-1]).add("t")
    db0.commit()
    with db0.snapshot(first) as past, db0.snapshot() as now:
        old, new = past.find("t"), now.find("t")
        assert [node.name for node in past.find(old, new)] == ["old"]
        assert [node.name for node in now.find(new, db0.no(old))] == ["new"]
        assert [node.name for node in past.find(old, db0.no(new))] == ["gone"]
        assert [node.name for node in db0.find(old, Node)] == ["old"]
        for query in (past.find(new), now.find(old)):
            with pytest.raises(db0.ReferenceError, match="does not exist"):
                list(query)


def test_get_snapshot_of_knows_weak_proxies_and_queries_too() -> None:
    node = Node("a")
    Root(node)
    db0.tags(node).add("t")
    db0.commit()
    with db0.snapshot() as now:
        assert db0.get_snapshot_of(db0.weak_proxy(now.fetch(Root).value)) is now
        assert db0.get_snapshot_of(now.find("t")) is now
    assert "main" in db0.get_snapshot_of(db0.find("t")) and "main" in db0.get_snapshot_of(node)
    with pytest.raises(TypeError):
        db0.get_snapshot_of(5)


def test_a_snapshot_of_several_prefixes_shows_their_common_commits_whole(tmp_path: Path) -> None:
    db0.close()
    db0.init(tmp_path, autocommit=False)
    roots = []
    for name in ("one", "two", "three"):
        db0.open(name)
        roots.append(Root(0))
    db0.commit()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with db0.atomic():
                for one in roots:
                    one.value += 1
            db0.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(60):
            with db0.snapshot() as now:
                seen = {now.fetch(Root, prefix=name).value for name in ("one", "two", "three")}
                assert len(seen) == 1
    finally:
        stop.set()
        writer.join()

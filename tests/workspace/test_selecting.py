"""Claims of the spec, section 9.3: what changed between two snapshots."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perdure as db0
from perdure.workspace.functions import workspace

from .conftest import reopen
from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")


@db0.memo
class Item:
    def __init__(self, name: str, value: int) -> None:
        self.name = name
        self.value = value
        self.notes: list[int] = []


@db0.memo
class Special(Item):
    pass


def now() -> int:
    db0.commit()
    return db0.get_state_num(finalized=True)


def names(found: Any) -> list[str]:
    return sorted(item.name for item in found)


@pytest.fixture
def items() -> Iterator[dict[str, Any]]:
    """Three tagged items in the first state that has any."""
    made = {name: Item(name, 0) for name in "abc"}
    for item in made.values():
        db0.tags(item).add("t")
    db0.commit()
    yield made


def test_new_deleted_and_modified_members_between_two_states(items: dict[str, Any]) -> None:
    first = now()
    items["d"] = Item("d", 0)
    db0.tags(items["d"]).add("t")
    items["a"].value = 1
    db0.tags(items["b"]).remove("t")
    last = now()
    with db0.snapshot(first) as pre, db0.snapshot(last) as post:
        query = db0.find("t")
        assert names(db0.select_new(query, pre, post)) == ["d"]
        [gone] = db0.select_deleted(query, pre, post)
        assert gone.name == "b" and db0.get_snapshot_of(gone) is pre
        [(old, new)] = db0.select_modified(query, pre, post)
        assert (old.name, old.value, new.value) == ("a", 0, 1)
        assert db0.get_snapshot_of(old) is pre and db0.get_snapshot_of(new) is post
        assert names(db0.select_new(query, post, pre)) == ["b"], "the other way round"


def test_without_an_earlier_snapshot_all_is_new(items: dict[str, Any]) -> None:
    with db0.snapshot() as last:
        query = db0.find(Item)
        assert names(db0.select_new(query, None, last)) == ["a", "b", "c"]
        assert list(db0.select_deleted(query, None, last)) == [] == list(db0.select_modified(query, None, last))


def test_a_snapshot_that_does_not_know_the_prefix_counts_as_none(items: dict[str, Any]) -> None:
    with db0.snapshot() as pre:
        db0.open("other")
        db0.tags(Item("x", 1)).add("t")
        db0.commit()
        with db0.snapshot() as last:
            query = db0.find("t", prefix="other")
            assert names(db0.select_new(query, pre, last)) == ["x"]
            assert list(db0.select_deleted(query, pre, last)) == [] == list(db0.select_modified(query, pre, last))


def test_deleted_objects_are_given_as_they_were(items: dict[str, Any]) -> None:
    identity = db0.uuid(items["c"])
    first = now()
    db0.tags(items["c"]).remove("t")
    db0.delete(items.pop("c"))
    now()
    assert not db0.exists(identity)
    with db0.snapshot(first) as pre, db0.snapshot() as last:
        assert names(db0.select_deleted(db0.find(Item, "t"), pre, last)) == ["c"]


def test_later_changes_of_the_head_do_not_matter(items: dict[str, Any]) -> None:
    first = now()
    items["a"].value = 1
    last_state = now()
    with db0.snapshot(first) as pre, db0.snapshot(last_state) as last:
        query = db0.find("t")
        modified = db0.select_modified(query, pre, last)
        items["b"].value = 2
        db0.tags(Item("d", 0)).add("t")
        now()
        assert [new.value for _, new in modified] == [1] == [new.value for _, new in modified]
        assert names(db0.select_new(query, pre, last)) == []


def test_touched_objects_and_equal_assignments_are_there_unless_compared_away(items: dict[str, Any]) -> None:
    first = now()
    db0.touch(items["a"])
    items["b"].value = 0
    items["c"].value = 3
    with db0.snapshot(first) as pre, db0.snapshot(now()) as last:
        query = db0.find(Item)
        modified = db0.select_modified(query, pre, last)
        assert isinstance(modified, db0.ModIterable) and isinstance(iter(modified), db0.ModIterator)
        assert len(modified) == 3 and modified and names(new for _, new in modified) == ["a", "b", "c"]
        compared = db0.select_modified(query, pre, last, compare_with=db0.compare)
        assert len(compared) == 1 and [new.name for _, new in compared] == ["c"]
        nothing = db0.select_modified(query, pre, last, compare_with=lambda old, new: True)
        assert len(nothing) == 0 and not nothing
        iterator = iter(modified)
        assert iter(iterator) is iterator and len(list(iterator)) == 3 and next(iterator, None) is None


def test_objects_whose_collections_changed_are_not_modified_themselves(items: dict[str, Any]) -> None:
    first = now()
    items["a"].notes.append(1)
    items["b"].notes = [1]
    with db0.snapshot(first) as pre, db0.snapshot(now()) as last:
        assert names(new for _, new in db0.select_modified(db0.find(Item), pre, last)) == ["b"]


def test_only_what_the_log_names_is_looked_at(items: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Item(f"m{number}", 0) for number in range(3000)]
    db0.tags(*many).add("many")
    first = now()
    many[17].value = many[2900].value = 1
    last = now()
    reopen(Path(workspace().root), "main")
    with db0.snapshot(first) as pre, db0.snapshot(last) as post:
        found = list(db0.select_modified(db0.find("many"), pre, post))
        assert [new.name for _, new in found] == ["m17", "m2900"]
        assert all(len(one.objects) < 20 for snap in (pre, post) for one in snap._connections.values())


def test_types_indexes_slices_and_sorted_queries_serve_as_definitions(items: dict[str, Any]) -> None:
    root = Root()
    root.value = db0.index()
    for name, item in items.items():
        root.value.add(ord(name), item)
    first = now()
    items["s"] = Special("s", 0)
    root.value.add(ord("s"), items["s"])
    db0.tags(items["s"]).add("t")
    root.value.remove(ord("a"), items["a"])
    items["b"].value = 1
    with db0.snapshot(first) as pre, db0.snapshot(now()) as last:
        for query in (db0.find(Item), db0.find(Item, "t"), root.value.sort(db0.find("t")), root.value.select()):
            assert names(db0.select_new(query, pre, last)) == ["s"]
            assert names(new for _, new in db0.select_modified(query, pre, last)) == ["b"]
        assert names(db0.select_deleted(root.value.select(), pre, last)) == ["a"]
        assert names(db0.select_new(db0.find(Special), pre, last)) == ["s"]


def test_an_index_that_did_not_exist_then_had_no_members(items: dict[str, Any]) -> None:
    first = now()
    root = Root(db0.index())
    root.value.add(1, items["a"])
    with db0.snapshot(first) as pre, db0.snapshot(now()) as last:
        assert names(db0.select_new(root.value.select(), pre, last)) == ["a"]
        assert list(db0.select_deleted(root.value.select(), pre, last)) == []


def test_what_is_no_query_is_refused(items: dict[str, Any]) -> None:
    with db0.snapshot() as last:
        for call in (db0.select_new, db0.select_deleted, db0.select_modified):
            with pytest.raises(TypeError, match="query"):
                call("t", None, last)  # type: ignore[operator]


def test_closed_snapshots_are_refused_and_their_results_raise(items: dict[str, Any]) -> None:
    first = now()
    items["a"].value = 1
    pre, last = db0.snapshot(first), db0.snapshot(now())
    query = db0.find("t")
    results = [db0.select_new(query, pre, last), db0.select_modified(query, pre, last)]
    pre.close()
    last.close()
    for call in (db0.select_new, db0.select_deleted, db0.select_modified):
        with pytest.raises(RuntimeError, match="closed"):
            call(query, pre, last)  # type: ignore[operator]
    for result in results:
        with pytest.raises(RuntimeError):
            list(result)


# -- windows -----------------------------------------------------------------------------------------------


def test_a_window_gives_both_snapshots_and_closes_them(items: dict[str, Any]) -> None:
    first = now()
    items["a"].value = 1
    middle = now()
    items["b"].value = 2
    now()
    with db0.SnapshotWindow(first, middle) as (pre, last):
        assert pre is not None and (pre.get_state_num(), last.get_state_num()) == (first, middle)
        assert names(new for _, new in db0.select_modified(db0.find("t"), pre, last)) == ["a"]
    for snap in (pre, last):
        with pytest.raises(RuntimeError, match="closed"):
            snap.find("t")
    with db0.SnapshotWindow(first) as (pre, last):
        assert names(new for _, new in db0.select_modified(db0.find("t"), pre, last)) == ["a", "b"]


@pytest.mark.parametrize("start", [None, 0, 1])
def test_a_window_from_the_beginning_has_no_first_snapshot_or_with_a_prefix_its_first_state(
    items: dict[str, Any], start: int | None
) -> None:
    with db0.SnapshotWindow(start) as (pre, last):
        assert pre is None and names(db0.select_new(db0.find("t"), pre, last)) == ["a", "b", "c"]
    with db0.SnapshotWindow(start, prefix="main") as (pre, last):
        assert pre is not None and pre.get_state_num() == 1
        assert names(db0.select_new(db0.find("t"), pre, last)) == ["a", "b", "c"]


def test_a_window_of_a_prefix_that_is_not_the_current_one(items: dict[str, Any]) -> None:
    first = now()
    items["a"].value = 1
    last_state = now()
    db0.open("other")
    Root(1)
    db0.commit()
    with db0.SnapshotWindow(first, last_state, "main") as (pre, last):
        assert pre is not None and pre.get_state_num("main") == first and last.get_state_num("main") == last_state
        query = db0.find("t", prefix="main")
        assert names(new for _, new in db0.select_modified(query, pre, last)) == ["a"]


def test_bad_windows_are_refused_and_leave_nothing_open(items: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        db0.SnapshotWindow("1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="state"), db0.SnapshotWindow(2, 99):
        raise AssertionError("not entered")
    assert all(connection.is_closed() for connection in workspace().snapshots)


# -- against a model ---------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(st.sampled_from(["add", "set", "touch", "tag", "untag", "drop", "commit"]), st.integers(0, 7)),
    min_size=4,
    max_size=40,
)


class Twin:
    """Objects, and in plain Python what they hold: number, whether they are tagged, how often they were written."""

    def __init__(self) -> None:
        for old in list(db0.find("kept")):
            db0.tags(old).remove("kept", "t")
        self.live: dict[int, Any] = {}
        self.plain: dict[int, tuple[int, bool]] = {}
        self.writes: dict[int, int] = {}
        self.serial = 0
        self.mark()

    def mark(self) -> None:
        """Commit, and remember how things are."""
        self.state, self.before, self.written = now(), dict(self.plain), dict(self.writes)

    def run(self, step: str, which: int) -> None:
        """Do one step."""
        if step == "add":
            self.serial += 1
            self.live[self.serial] = Node(self.serial, number=0)
            db0.tags(self.live[self.serial]).add("kept", "t")
            self.plain[self.serial], self.writes[self.serial] = (0, True), 0
        elif step == "commit":
            db0.commit()
        elif self.live:
            self._change(step, sorted(self.live)[which % len(self.live)])

    def _change(self, step: str, key: int) -> None:
        node, (value, tagged) = self.live[key], self.plain[key]
        if step in ("set", "touch"):
            self.writes[key] += 1
            if step == "set":
                node.number, self.plain[key] = value + 1, (value + 1, tagged)
            else:
                db0.touch(node)
        elif step in ("tag", "untag"):
            getattr(db0.tags(node), "add" if step == "tag" else "remove")("t")
            self.plain[key] = (value, step == "tag")
        else:
            db0.tags(node).remove("kept", "t")
            db0.delete(self.live.pop(key))
            del self.plain[key]


@settings(max_examples=40)
@given(script=steps, mark=st.integers(0, 39))
def test_any_changes_between_two_states_are_found_as_plain_python_finds_them(
    script: list[tuple[str, int]], mark: int
) -> None:
    twin = Twin()
    for position, (step, which) in enumerate(script):
        if position == mark:
            twin.mark()
        twin.run(step, which)
    with db0.snapshot(twin.state) as pre, db0.snapshot(now()) as last:
        query = db0.find(Node, "t")
        had = {key for key, (_, tagged) in twin.before.items() if tagged}
        has = {key for key, (_, tagged) in twin.plain.items() if tagged}
        assert {one.name for one in db0.select_new(query, pre, last)} == has - had
        assert {one.name for one in db0.select_deleted(query, pre, last)} == had - has
        pairs = {new.name: (old.number, new.number) for old, new in db0.select_modified(query, pre, last)}
        assert set(pairs) == {key for key in had & has if twin.writes[key] != twin.written[key]}
        assert all(pairs[key] == (twin.before[key][0], twin.plain[key][0]) for key in pairs)

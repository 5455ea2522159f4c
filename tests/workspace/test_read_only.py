"""Blocks in which nothing may be changed."""

import asyncio
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

import perdure as db0

from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")

MESSAGE = "mutation.*read_only|read_only.*mutation"


@db0.memo
class Loud:
    """Tells when its `__init__` runs."""

    runs = 0

    def __init__(self) -> None:
        Loud.runs += 1


def full() -> Any:
    """A committed object with one of everything, the only one held."""
    data, index = db0.bytearray(b"ab"), db0.index()
    node = Node(1, items=[1, 2, 3], table={"a": 1}, marks={1}, pair=(1, 2), data=data, index=index)
    Root().value = node
    node.index.add(1, node)
    db0.tags(node).add("here")
    db0.commit()
    return node


CHANGES: dict[str, Callable[[Any], Any]] = {
    "assign": lambda node: setattr(node, "name", 2),
    "add a field": lambda node: setattr(node, "other", 2),
    "delete a field": lambda node: delattr(node, "name"),
    "assign helper": lambda node: db0.assign(node, name=2),
    "list append": lambda node: node.items.append(4),
    "list insert": lambda node: node.items.insert(0, 4),
    "list extend": lambda node: node.items.extend([4, 5]),
    "list set": lambda node: node.items.__setitem__(0, 9),
    "list slice": lambda node: node.items.__setitem__(slice(0, 2), [9]),
    "list delete": lambda node: node.items.__delitem__(0),
    "list pop": lambda node: node.items.pop(),
    "list clear": lambda node: node.items.clear(),
    "list sort": lambda node: node.items.sort(reverse=True),
    "list reverse": lambda node: node.items.reverse(),
    "dict set": lambda node: node.table.__setitem__("b", 2),
    "dict overwrite": lambda node: node.table.__setitem__("a", 2),
    "dict delete": lambda node: node.table.__delitem__("a"),
    "dict update": lambda node: node.table.update(b=2),
    "dict setdefault": lambda node: node.table.setdefault("b", 2),
    "dict pop": lambda node: node.table.pop("a"),
    "dict popitem": lambda node: node.table.popitem(),
    "dict clear": lambda node: node.table.clear(),
    "set add": lambda node: node.marks.add(2),
    "set remove": lambda node: node.marks.remove(1),
    "set discard": lambda node: node.marks.discard(1),
    "set update": lambda node: node.marks.update([2]),
    "set pop": lambda node: node.marks.pop(),
    "set clear": lambda node: node.marks.clear(),
    "bytearray append": lambda node: node.data.append(1),
    "bytearray set": lambda node: node.data.__setitem__(0, 1),
    "index add": lambda node: node.index.add(2, node),
    "index remove": lambda node: node.index.remove(1, node),
    "index clear": lambda node: node.index.clear(),
    "tag": lambda node: db0.tags(node).add("there"),
    "several tags": lambda node: db0.tags(node).add(["there", "elsewhere"]),
    "untag": lambda node: db0.tags(node).remove("here"),
    "tag all of a query": lambda node: db0.tags(db0.find("here")).add("there"),
    "untag all of a query": lambda node: db0.tags(db0.find("here")).remove("here"),
    "touch": lambda node: db0.touch(node),
    "create": lambda node: Node(2),
    "create a list": lambda node: setattr(node, "name", [1, 2]),
    "enum": lambda node: setattr(node, "name", date(2026, 1, 1)),
}


def looks(node: Any) -> Any:
    return (
        {name: value for name, value in vars(node).items() if name in ("name", "pair", "other")},
        list(node.items),
        dict(node.table),
        set(node.marks),
        bytes(node.data),
        len(node.index),
        [node in db0.find(tag) for tag in ("here", "there", "elsewhere")],
        db0.getrefcount(node),
    )


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("state", ["clean", "changed", "cold"])
def test_every_change_is_refused_and_changes_nothing(name: str, state: str) -> None:
    node = full()
    if state == "changed":
        node.name = 1
        node.items.append(3)
        node.items.pop()
    elif state == "cold":
        db0.clear_cache()
    uuid = db0.uuid(node)
    before = looks(node)
    with db0.read_only(), pytest.raises(RuntimeError, match=MESSAGE):
        CHANGES[name](node)
    assert looks(db0.fetch(uuid)) == before
    db0.commit()
    assert looks(db0.fetch(uuid)) == before
    CHANGES[name](node)


def test_nothing_is_created_and_init_does_not_run() -> None:
    Root(1)
    with db0.read_only(), pytest.raises(RuntimeError, match=MESSAGE):
        Loud()
    assert Loud.runs == 0
    db0.commit()
    assert len(db0.find(Loud)) == 0


def test_nothing_is_deleted() -> None:
    node = Node(1)
    db0.commit()
    with db0.read_only(), pytest.raises(RuntimeError, match=MESSAGE):
        db0.delete(node)
    assert node.name == 1
    db0.delete(node)


def test_a_new_object_that_was_not_stored_yet_is_not_changed() -> None:
    node = Node(1)
    with db0.read_only():
        with pytest.raises(RuntimeError, match=MESSAGE):
            node.name = 2
        with pytest.raises(RuntimeError, match=MESSAGE):
            db0.uuid(node)
    assert node.name == 1
    assert db0.uuid(node)


def test_reads_and_queries_work_also_where_changes_are_pending() -> None:
    node = full()
    node.items.extend(range(1000))
    node.index.add(5, node)
    other = Node(3)
    Root().value.name = other
    db0.tags(other).add("here")
    with db0.read_only():
        assert len(db0.find("here")) == 2
        assert [found.name for found in db0.find(Node, "here") if found is not node] == [3]
        assert len(node.items) == 1003 and list(node.index.select(5, 5)) == [node]
        assert db0.load(node.name)["name"] == 3
        assert db0.fetch(db0.uuid(node)) is node


def test_pending_changes_may_be_committed_inside() -> None:
    node = full()
    node.name = 7
    with db0.read_only():
        db0.commit()
        with db0.snapshot() as now:
            assert now.fetch(db0.uuid(node)).name == 7


def test_blocks_nest_and_an_exception_ends_one_level() -> None:
    assert not db0.in_read_only()
    with db0.read_only():
        with pytest.raises(ValueError, match="inner"), db0.read_only():
            raise ValueError("inner")
        assert db0.in_read_only()
        with pytest.raises(RuntimeError, match=MESSAGE):
            Node(1)
    assert not db0.in_read_only()
    Node(1)


def test_a_manager_can_be_begun_and_closed_by_hand_and_used_again() -> None:
    block = db0.begin_read_only()
    assert db0.in_read_only()
    block.close()
    block.close()
    assert not db0.in_read_only()
    with block:
        assert db0.in_read_only()
    assert not db0.in_read_only()


def test_atomic_inside_does_nothing_and_changes_stay_refused() -> None:
    node = full()
    with db0.read_only(), db0.atomic() as block:
        with pytest.raises(RuntimeError, match=MESSAGE):
            node.name = 2
        block.cancel()
        with pytest.raises(RuntimeError, match=MESSAGE):
            node.name = 2
        block.close()
    assert node.name == 1


def test_inside_of_atomic_it_refuses_and_the_block_goes_on_after_it() -> None:
    node = full()
    with db0.atomic():
        node.name = 2
        with db0.read_only(), pytest.raises(RuntimeError, match=MESSAGE):
            node.name = 3
        node.name = 4
    assert node.name == 4
    with db0.atomic() as block:
        node.name = 5
        with db0.read_only():
            block.cancel()
    assert node.name == 4


def test_other_threads_are_not_affected() -> None:
    node = full()
    errors: list[BaseException] = []
    stop, start = threading.Event(), threading.Event()

    def write() -> None:
        try:
            start.wait()
            for number in range(300):
                node.items.append(number)
                assert not db0.in_read_only()
        except BaseException as error:
            errors.append(error)
        finally:
            stop.set()

    thread = threading.Thread(target=write)
    thread.start()
    refused = 0
    while not stop.is_set():
        with db0.read_only():
            try:
                node.name = "never"
            except RuntimeError:
                refused += 1
            start.set()
    thread.join()
    assert errors == [] and refused and node.name == 1
    assert list(node.items) == [1, 2, 3, *range(300)]


def test_other_tasks_are_not_affected_but_child_tasks_are_while_the_block_is_open() -> None:
    node = full()
    seen: dict[str, bool] = {}

    async def child(name: str, gate: asyncio.Event) -> None:
        seen[name + " at first"] = db0.in_read_only()
        await gate.wait()
        seen[name + " later"] = db0.in_read_only()

    async def reader(inside: asyncio.Event, leave: asyncio.Event, gate: asyncio.Event) -> None:
        with db0.read_only():
            task = asyncio.create_task(child("child", gate))
            await asyncio.sleep(0)
            inside.set()
            await leave.wait()
            with pytest.raises(RuntimeError, match=MESSAGE):
                node.name = "reader"
        gate.set()
        await task

    async def main() -> None:
        inside, leave, gate = asyncio.Event(), asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(reader(inside, leave, gate))
        await inside.wait()
        assert not db0.in_read_only()
        node.name = "other"
        leave.set()
        await task

    asyncio.run(main())
    assert seen == {"child at first": True, "child later": False}
    assert node.name == "other"


def test_without_open_blocks_nothing_is_asked() -> None:
    from perdure.kernel import durable

    asked = []
    with db0.read_only():
        pass
    durable.guard_change()
    assert asked == []
    node = full()
    node.name = 5
    assert node.name == 5

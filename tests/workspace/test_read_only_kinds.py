"""Read-only blocks against kinds of classes, other prefixes, declarations, and the thread that commits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import eventually
from .things import Node, Root

MESSAGE = "mutation.*read_only|read_only.*mutation"
runs: list[str] = []


@db0.memo
@db0.tag_fields("status")
@db0.indexed_fields("due")
class Task:
    def __init__(self, status: str, due: int) -> None:
        runs.append("Task")
        self.status = status
        self.due = due


@db0.memo
@dataclass
class Point:
    x: int

    def __post_init__(self) -> None:
        runs.append("Point")


@db0.memo(immutable=True)
class Event:
    def __init__(self, name: str) -> None:
        runs.append("Event")
        self.name = name


@db0.memo(immutable=True, intern=True)
class Label:
    def __init__(self, text: str) -> None:
        runs.append("Label")
        self.text = text


@db0.memo(singleton=True)
class Only:
    def __init__(self) -> None:
        runs.append("Only")


class World:
    """One of each, committed."""

    def __init__(self) -> None:
        self.task, self.point = Task("open", 1), Point(1)
        self.weak = db0.weak_set([self.task])
        self.kept: Any = Root([self.task, self.point, Event("kept")])
        self.kept.weak = self.weak
        self.kept.array = db0.bytearray(b"ab")
        db0.tags(self.task).add("regular")
        db0.tags(self.task, passive=True).add("passive")
        db0.commit()


CHANGES: dict[str, Callable[[World], Any]] = {
    "tag field": lambda world: setattr(world.task, "status", "done"),
    "indexed field": lambda world: setattr(world.task, "due", 2),
    "field of a dataclass": lambda world: setattr(world.point, "x", 2),
    "field of a singleton": lambda world: setattr(world.kept, "value", None),
    "add a passive tag": lambda world: db0.tags(world.task, passive=True).add("new"),
    "remove a passive tag": lambda world: db0.tags(world.task).remove("passive"),
    "composite tag": lambda world: db0.tags(world.task).add(db0.as_tag("a", "b")),
    "weak set add": lambda world: world.weak.add(world.point),
    "weak set discard": lambda world: world.weak.discard(world.task),
    "bytearray extend": lambda world: world.kept.array.extend(b"c"),
    "list in place": lambda world: world.kept.value.__iadd__([1]),
    "atomic assign": lambda world: db0.atomic_assign(world.point, x=2),
    "rename a field": lambda world: db0.rename_field(Task, "due", "deadline"),
    "delete": lambda world: db0.delete(Point(3)),
    "make a dataclass": lambda world: Point(2),
    "make an object with declared fields": lambda world: Task("open", 2),
    "make an immutable object": lambda world: Event("new"),
    "make an interned object": lambda world: Label("new"),
    "make a singleton": lambda world: Only(),
}


def looks(world: World) -> Any:
    return (
        [world.task.status, world.task.due, world.point.x, len(world.kept.value), len(world.weak)],
        bytes(world.kept.array),
        db0.tags_of(world.task),
        [len(db0.find(cls)) for cls in (Task, Point, Event, Label, Only)],
        [len(db0.find(Task, status)) for status in ("open", "done")],
        [len(db0.find(Task, db0.index_of(Task, "due").select(due, due))) for due in (1, 2)],
    )


@pytest.mark.usefixtures("main")
@pytest.mark.parametrize("name", CHANGES)
def test_it_is_refused_has_no_effect_and_runs_no_init(name: str) -> None:
    world = World()
    before, committed = looks(world), db0.get_state_num(finalized=True)
    runs.clear()
    with db0.read_only(), pytest.raises(RuntimeError, match=MESSAGE):
        CHANGES[name](world)
    assert runs == [] and looks(world) == before
    db0.commit()
    assert looks(world) == before and db0.get_state_num(finalized=True) == committed


@pytest.mark.usefixtures("main")
def test_an_existing_singleton_may_be_asked_for() -> None:
    kept = Root(1)
    with db0.read_only():
        assert Root() is kept and db0.fetch(Root) is kept


def test_it_holds_in_every_prefix(root: Path) -> None:
    db0.open("one")
    first = Node(1)
    db0.tags(first).add("kept")
    db0.open("two")
    second = Node(2)
    db0.tags(second).add("kept")
    with db0.read_only():
        for node in (first, second):
            with pytest.raises(RuntimeError, match=MESSAGE):
                node.name = 3
        db0.open("three")
        with pytest.raises(RuntimeError, match=MESSAGE):
            Node(3)
    assert (first.name, second.name) == (1, 2)
    Node(3)


def test_pending_changes_are_committed_by_themselves_while_a_block_is_open(tmp_path: Path) -> None:
    db0.init(tmp_path / "data", prefix="auto", autocommit_interval=1)
    node = Node(1)
    db0.tags(node).add("kept")
    db0.commit()

    def committed() -> Any:
        with db0.snapshot() as now:
            return now.fetch(db0.uuid(node)).name

    with db0.locked():
        node.name = 2
        block = db0.begin_read_only()
    assert eventually(lambda: committed() == 2) and db0.in_read_only()
    block.close()

"""Claims of the spec, sections 2.3, 2.4 and 2.13: fields, `__init__`, dataclasses."""

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Point, Thing, Tools

pytestmark = pytest.mark.usefixtures("root")


# -- fields ------------------------------------------------------------------------------------------------


def test_fields_can_be_added_changed_removed_and_added_again(root: Path) -> None:
    thing = Thing("a", extra=1)
    db0.tags(thing).add("kept")
    identity = db0.uuid(thing)
    thing.extra = "text"
    thing.later = [1, 2]
    del thing.name
    reopen(root)
    thing = db0.fetch(identity)
    assert not hasattr(thing, "name")
    assert (thing.extra, list(thing.later)) == ("text", [1, 2])
    thing.name = "back"
    reopen(root)
    assert db0.fetch(identity).name == "back"


def test_a_missing_field_raises_also_when_it_is_deleted() -> None:
    thing = Thing()
    with pytest.raises(AttributeError):
        thing.nothing
    with pytest.raises(AttributeError):
        del thing.nothing


def test_class_attributes_are_defaults() -> None:
    thing = Thing()
    thing.kind = "mine"
    assert (thing.kind, Thing.kind, Thing().kind) == ("mine", "thing", "thing")
    del thing.kind
    assert thing.kind == "thing"


def test_dataclass_defaults_factories_and_equality_work(root: Path) -> None:
    point = Point(1)
    point.tags.append("x")
    assert (point.y, list(point.tags)) == (2, ["x"])
    assert Point(1, tags=[]) == Point(1, 2, [])
    assert Point(1) != Point(2)
    db0.tags(point).add("kept")
    identity = db0.uuid(point)
    reopen(root)
    assert repr(db0.fetch(identity)) == "Point(x=1, y=2, tags=['x'])"


def test_post_init_runs_once_and_not_on_loading(root: Path) -> None:
    runs: list[int] = []

    @db0.memo(id="test:counted")
    @dataclass
    class Counted:
        x: int

        def __post_init__(self) -> None:
            runs.append(self.x)

    counted = Counted(5)
    db0.tags(counted).add("kept")
    identity = db0.uuid(counted)
    del counted
    reopen(root)
    assert db0.fetch(identity).x == 5
    assert runs == [5]


def test_private_members_hold_anything_and_are_gone_after_loading(root: Path) -> None:
    thing = Thing()
    thing._X__lock = lock = object()
    db0.tags(thing).add("kept")
    identity = db0.uuid(thing)
    db0.commit()
    assert thing._X__lock is lock
    assert "_X__lock" not in vars(thing) and "_X__lock" not in dir(thing)
    reopen(root)
    assert not hasattr(db0.fetch(identity), "_X__lock")


@pytest.mark.parametrize("value", [object(), (n for n in ()), lambda: 1, Tools().method, open, memoryview(b"")])
def test_a_value_that_cannot_be_stored_is_refused_and_changes_nothing(value: object) -> None:
    thing = Thing("before")
    db0.tags(thing).add("kept")
    db0.commit()
    state = db0.get_state_num(finalized=True)
    with pytest.raises(AttributeError, match="Unsupported attribute type"):
        thing.name = value
    assert thing.name == "before"
    db0.commit()
    assert db0.get_state_num(finalized=True) == state


def test_switching_between_small_and_full_values_works_for_every_field(root: Path) -> None:
    values = [None, True, 1 << 40, "text", False, 2.5, None]
    names = [f"field{index}" for index in range(70)]
    thing = Thing()
    db0.tags(thing).add("kept")
    identity = db0.uuid(thing)
    for value in values:
        for name in names:
            setattr(thing, name, value)
        db0.commit()
        with db0.snapshot() as now:
            assert {getattr(now.fetch(identity), name) for name in names} == {value}
    assert thing.field69 is None


def test_reading_an_object_field_twice_gives_the_same_object(root: Path) -> None:
    parent = Thing("parent", child=Thing("child"))
    db0.tags(parent).add("kept")
    identity = db0.uuid(parent)
    reopen(root)
    parent = db0.fetch(identity)
    assert parent.child is parent.child
    assert db0.fetch(db0.uuid(parent.child)) is parent.child


# -- __init__ ----------------------------------------------------------------------------------------------


def test_an_init_that_raises_leaves_nothing() -> None:
    kept: list[Any] = []

    @db0.memo
    class Failing:
        def __init__(self) -> None:
            kept.append(self)
            self.part = Thing("part")
            self.me = self
            db0.tags(self).add("failing")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Failing()
    assert not db0.find("failing") and not db0.find(Failing)
    with pytest.raises(db0.ReferenceError):
        kept[0].part
    db0.commit()
    gc.collect()
    assert not db0.find("failing") and not db0.find(Failing)


def test_an_init_that_raises_after_materializing_leaves_nothing(root: Path) -> None:
    @db0.memo(id="test:failing")
    class Failing:
        def __init__(self, holder: Any, flush: bool) -> None:
            holder.items.append(db0.materialized(self))
            self.part = Thing("part")
            if flush:
                assert not db0.find("nothing")
            raise ValueError("no")

    holder = Thing(items=[])
    db0.tags(holder).add("kept")
    identity = db0.uuid(holder)
    for flush in (False, True):
        with pytest.raises(ValueError, match="no"):
            Failing(holder, flush)
    assert not db0.find(Failing)
    db0.commit()
    assert not [thing for thing in db0.find(Thing) if thing.name == "part"]
    reopen(root)
    assert len(db0.fetch(identity).items) == 2
    with pytest.raises(db0.ReferenceError):
        db0.fetch(identity).items[0].part


def test_the_uuid_of_self_needs_materialized() -> None:
    seen: list[str] = []

    @db0.memo
    class Early:
        def __init__(self, wait: bool) -> None:
            seen.append(db0.uuid(db0.materialized(self) if wait else self))

    with pytest.raises(RuntimeError, match="UUID"):
        Early(False)
    assert db0.uuid(Early(True)) == seen[0]


def test_self_may_be_a_field_a_constructors_argument_and_tagged() -> None:
    @db0.memo
    class Node:
        def __init__(self) -> None:
            self.me = self
            self.child = Thing("child", parent=self)
            assert self.child.parent is self
            db0.tags(self).add("node")
            assert db0.get_prefix_of(self).name == "main"
            assert not db0.find(Node)

    node = Node()
    assert node.me is node and node.child.parent is node
    assert list(db0.find("node")) == [node]


def test_materialized_returns_finished_objects_and_other_values_as_they_are() -> None:
    thing = Thing()
    assert db0.materialized(thing) is thing
    assert db0.materialized(3) == 3

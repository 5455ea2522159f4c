"""What the garbage collector looks at: not immutable objects that belong nowhere, but whatever may be in a cycle."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure import kernel
from perdure.kernel import durable

from .conftest import reopen
from .immutable_things import Holder, keep

pytestmark = pytest.mark.skipif(not kernel.COMPILED, reason="the pure kernel leaves this to Python")


@db0.memo(immutable=True)
class Leaf:
    def __init__(self, number: int) -> None:
        self.number = number


@db0.memo(immutable=True)
class Branch:
    def __init__(self, children: Any, extra: Any = None) -> None:
        self.children = children
        self.extra = extra


def graph() -> Any:
    return Branch([Leaf(1), Branch({"a": (Leaf(2), 3)})], {"key": [Leaf(4)], "set": {Leaf(5)}, "plain": [1]})


def holders(value: Any) -> Iterator[Any]:
    """A value and what is in it, as far as that can be in a cycle."""
    if isinstance(value, durable.Durable):
        yield value
        for name in ("children", "extra"):
            yield from holders(getattr(value, name, None))
        return
    inside = list(value.values()) if hasattr(value, "values") else list(value) if hasattr(value, "__len__") else []
    if any(not isinstance(one, int) for one in inside):
        yield value
        for one in inside:
            yield from holders(one)


def test_a_graph_that_belongs_nowhere_is_not_looked_at(root: Path) -> None:
    assert not [one for one in holders(graph()) if gc.is_tracked(one)]


def test_one_with_something_changeable_in_it_is(root: Path) -> None:
    inner = Branch([Holder(1)])
    assert gc.is_tracked(inner) and gc.is_tracked(Branch([inner])) and gc.is_tracked(Branch({"key": inner}))


def test_a_stored_graph_is_looked_at_with_all_that_is_in_it(root: Path) -> None:
    made = graph()
    keep(made)
    db0.commit()
    found = list(holders(made))
    assert len(found) == 12 and all(map(gc.is_tracked, found))


def test_so_is_a_loaded_one(root: Path) -> None:
    made = graph()
    keep(made)
    db0.commit()
    uuid = db0.uuid(made)
    del made
    reopen(root)
    found = list(holders(db0.fetch(uuid)))
    assert len(found) == 12 and all(map(gc.is_tracked, found))


def test_a_cycle_by_a_member_that_is_not_stored_is_found(root: Path) -> None:
    @db0.memo(immutable=True)
    class Child:
        def __init__(self, number: int) -> None:
            self.number = number

    def linked() -> weakref.ref[Any]:
        child = Child(1)
        parent = Branch([child])
        child._v_parent = parent
        return weakref.ref(parent)

    linked()  # the first of its class is left to those who made it
    later = linked()
    gc.collect()
    assert later() is None

"""Atomic blocks, nested in any way, against plain Python objects that are copied."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perdure as db0

from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")


class Twin:
    """A node and a plain copy of what it must look like."""

    def __init__(self, node: Any, kept: Any) -> None:
        self.node, self.kept = node, kept
        self.plain: dict[str, Any] = {"items": [], "table": {}, "tags": set(), "name": 0, "new": 0}

    def run(self, step: Any) -> None:
        """Run a step: a change, or a block of steps that is kept or reverted."""
        kind, value = step
        if kind not in ("keep", "revert", "raise"):
            getattr(self, kind)(value)
            return
        before = copy.deepcopy(self.plain)
        with contextlib.suppress(KeyError), db0.atomic() as block:
            for inner in value:
                self.run(inner)
            if kind == "raise":
                raise KeyError
            if kind == "revert":
                block.cancel()
        if kind != "keep":
            self.plain = before

    def append(self, value: int) -> None:
        self.node.items.append(value)
        self.plain["items"].append(value)

    def pop(self, value: int) -> None:
        if self.plain["items"]:
            assert self.node.items.pop(0) == self.plain["items"].pop(0)

    def put(self, value: int) -> None:
        self.node.table[value] = self.plain["table"][value] = value * 2

    def take(self, value: int) -> None:
        if value in self.plain["table"]:
            del self.node.table[value], self.plain["table"][value]

    def tag(self, value: int) -> None:
        db0.tags(self.node).add(str(value))
        self.plain["tags"].add(str(value))

    def untag(self, value: int) -> None:
        db0.tags(self.node).remove(str(value))
        self.plain["tags"].discard(str(value))

    def name(self, value: int) -> None:
        self.node.name = self.plain["name"] = value

    def new(self, value: int) -> None:
        self.kept.value.append(Node(value))
        self.plain["new"] += 1

    def check(self) -> None:
        """The node looks like the plain copy."""
        node, plain = self.node, self.plain
        assert (list(node.items), dict(node.table), node.name) == (plain["items"], plain["table"], plain["name"])
        assert {tag for tag in "012345" if node in db0.find(tag)} == plain["tags"]
        assert len(self.kept.value) == plain["new"] and db0.getrefcount(node) == len(plain["tags"]) + 1


steps = st.recursive(
    st.tuples(st.sampled_from(["append", "pop", "put", "take", "tag", "untag", "name", "new"]), st.integers(0, 5)),
    lambda inner: st.tuples(st.sampled_from(["keep", "revert", "raise"]), st.lists(inner, max_size=6)),
    max_leaves=25,
)


@settings(max_examples=60)
@given(script=st.lists(steps, max_size=8))
def test_any_nesting_of_blocks_leaves_what_plain_python_would(script: list[Any]) -> None:
    for old in list(db0.find("node")):
        db0.tags(old).remove("node", *"012345")
    node = Node(0, items=[], table={})
    db0.tags(node).add("node")
    kept = Root()
    kept.value = []
    twin = Twin(node, kept)
    for step in script:
        twin.run(step)
        twin.check()
    db0.commit()
    with db0.snapshot() as now:
        found = now.fetch(db0.uuid(node))
        assert list(found.items) == twin.plain["items"] and dict(found.table) == twin.plain["table"]

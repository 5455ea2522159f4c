"""The worker's access to a database through the memo face, with every kind of durable collection."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from crash_model import TAGS, Change, Entry, Model

import perdure as db0
from perdure.workspace.functions import workspace

_AUTOCOMMIT_MS = 10


@db0.memo(id="crash:MemoNode")
class Node:
    """An object of the graph."""

    def __init__(self, name: str, number: int, text: str) -> None:
        self.name = name
        self.number = number
        self.text = text
        self.links: list[Node] = []
        self.loop = Loop() if number % 4 == 0 else None


@db0.memo(id="crash:MemoLoop", no_default_tags=True)
class Loop:
    """An object that holds itself, so that only a pack finds that nothing else holds it any more."""

    def __init__(self) -> None:
        self.loop = [db0.materialized(self)]


@db0.memo(id="crash:MemoGraph", singleton=True)
class Graph:
    """What holds the objects, in three ways that must agree."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.names: set[str] = set()
        self.numbers = db0.index()
        self.log: list[str] = []


class MemoFace:
    """The graph in the prefix whose file is at `path`. It is the only one of its process."""

    is_shared = False

    def __init__(
        self, path: str, who: str, *, history: bool = True, check: bool = False, autocommit: bool = False
    ) -> None:
        del who
        directory, file = os.path.split(path)
        db0.init(directory, autocommit=autocommit, autocommit_interval=_AUTOCOMMIT_MS)
        db0.open(os.path.splitext(file)[0], history=history, check=check)
        self._block: Any = None

    @property
    def state(self) -> int:
        """The state that it sees."""
        return db0.get_state_num(finalized=True)

    def read(self, at: int | None = None) -> Model:
        """What the database holds, at the newest or a given state; AssertionError if parts of it disagree."""
        if at is not None:
            with db0.snapshot(at) as past:
                return _read(past.fetch(Graph), past) if past.exists(Graph) else Model()
        return _read(db0.fetch(Graph), db0) if db0.exists(Graph) else Model()

    def apply(self, changes: list[Change]) -> None:
        """Do the steps in an atomic block, which the commit or abort ends."""
        self._block = db0.atomic()
        self._block.__enter__()
        graph = Graph()
        for change in changes:
            _apply(graph, change)

    def keep(self) -> None:
        """Leave it to the next automatic commit."""
        self._block.__exit__(None, None, None)

    def commit(self) -> int:
        """Commit; the state."""
        self.keep()
        db0.commit()
        return self.state

    def abort(self) -> None:
        """Give the steps up."""
        self._block.cancel()
        self._block.__exit__(None, None, None)

    def prepare(self, transaction_id: bytes) -> Any:
        """The memo face has no commits in two phases."""
        raise NotImplementedError

    finish = settle = prepare

    def waiting(self) -> list[bytes]:
        """No transactions wait."""
        assert not _database().storage.prepared()
        return []

    def pack(self) -> None:
        """Forget the history before the newest state."""
        _database().pack(self.state)

    def problems(self) -> list[str]:
        """What is wrong with the database."""
        return [str(problem) for problem in _database().verify()]

    def close(self) -> None:
        """End the use of the database."""
        db0.close()


def _database() -> Any:
    return workspace().current_prefix().database


def _apply(graph: Graph, change: Change) -> None:
    name = change.name
    if change.kind == "add":
        node = graph.nodes[name] = Node(name, change.number, change.text)
        graph.names.add(name)
        graph.numbers.add(change.number, node)
        graph.log.append(name)
        return
    node = graph.nodes[name]
    if change.kind == "set":
        graph.numbers.remove(node.number, node)
        graph.numbers.add(change.number, node)
        node.number, node.text = change.number, change.text
    elif change.kind == "link":
        node.links[:] = [graph.nodes[target] for target in change.names]
    elif change.kind == "tag":
        db0.tags(node).add(*change.names)
    elif change.kind == "untag":
        db0.tags(node).remove(*change.names)
    else:
        _drop(graph, node)


def _drop(graph: Graph, node: Node) -> None:
    db0.tags(node).remove(*TAGS)
    graph.numbers.remove(node.number, node)
    graph.names.remove(node.name)
    graph.log.remove(node.name)
    for other in graph.nodes.values():
        if node in other.links:
            other.links[:] = [link for link in other.links if link is not node]
    del graph.nodes[node.name]


def _read(graph: Graph, face: Any) -> Model:
    tagged = {name: _names(face.find(Node, name)) for name in TAGS}
    entries = {
        name: Entry(
            node.number,
            node.text,
            tuple(link.name for link in node.links),
            frozenset(tag for tag in TAGS if name in tagged[tag]),
        )
        for name, node in graph.nodes.items()
    }
    assert len(graph.nodes) == len(entries), "the size of the dict is wrong"
    assert set(graph.names) == entries.keys(), "the set differs from the dict"
    assert list(graph.log) == list(entries), "the list differs from the dict"
    assert _names(face.find(Node)) == entries.keys(), "the instances of the class differ from the dict"
    indexed = [(number, node.name) for number, node in graph.numbers]
    assert sorted(indexed) == sorted((entry.number, name) for name, entry in entries.items()), "the index differs"
    assert [number for number, _ in indexed] == sorted(number for number, _ in indexed), "the index is out of order"
    assert all(names <= entries.keys() for names in tagged.values()), "a tag names objects that are gone"
    return Model(entries)


def _names(nodes: Iterable[Any]) -> set[str]:
    return {node.name for node in nodes}

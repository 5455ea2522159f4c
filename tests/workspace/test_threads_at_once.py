"""Eight threads change, query, iterate and commit at once, also over two prefixes; then everything agrees."""

import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace
from tests.threads import together

from .things import Node, Root

THREADS = 8

pytestmark = pytest.mark.usefixtures("frequent_switches")


class Worker:
    """One thread's random work: on objects of its own, which it knows exactly, and on shared ones."""

    def __init__(self, mine: int, kept: Any, far: Any, seed: int) -> None:
        self.mine, self.kept, self.far = mine, kept, far
        self.choices = random.Random(seed * 100 + mine)
        self.names: dict[int, int] = {}
        self.added = 0
        self.serial = 0
        self.done = 0

    def run(self, end: float) -> None:
        """Work until a time."""
        steps = [self.make, self.make, self.change, self.change, self.drop, self.block, self.query, self.iterate]
        steps += [self.revert, self.share, self.look_back, self.commit, self.section]
        while time.monotonic() < end:
            self.choices.choice(steps)()
            self.done += 1

    def tag(self) -> str:
        return f"thread{self.mine}"

    def nodes(self) -> Any:
        return self.kept.table[self.mine]

    def make(self) -> None:
        self.serial += 1
        node = Node(self.serial, owner=self.mine, number=self.serial, parts=[self.serial])
        self.nodes()[self.serial] = node
        db0.tags(node).add("all", self.tag())
        self.kept.index.add(self.serial, node)
        self.names[self.serial] = self.serial

    def pick(self) -> int:
        return self.choices.choice(list(self.names))

    def change(self) -> None:
        if self.names:
            name = self.pick()
            node = self.nodes()[name]
            assert node.number == self.names[name] and list(node.parts) == [node.number]
            self.names[name] = node.number = node.number + 1
            node.parts[0] = node.number

    def drop(self) -> None:
        if len(self.names) > 10:
            name = self.pick()
            node = self.nodes().pop(name)
            self.kept.index.remove(name, node)
            db0.tags(node).remove("all", self.tag())
            del self.names[name]

    def block(self) -> None:
        with db0.atomic():
            self.make()
            self.change()
            self.far.value[self.mine] = self.serial
            self.kept.small[self.mine] = self.serial

    def revert(self) -> None:
        before = dict(self.names), self.serial
        with db0.atomic() as atomic:
            self.make()
            self.change()
            self.drop()
            assert {node.name for node in db0.find(self.tag())} == set(self.names)
            atomic.cancel()
        self.names, self.serial = before

    def query(self) -> None:
        assert {node.name for node in db0.find(Node, self.tag())} == set(self.names)
        assert len(db0.find("all", self.tag())) == len(self.names)

    def iterate(self) -> None:
        assert {name: node.number for name, node in self.nodes().items()} == self.names
        for node in db0.find("all"):
            try:
                assert node.owner in range(THREADS) and node.number >= node.name
            except db0.ReferenceError:
                continue  # dropped by its thread meanwhile

    def share(self) -> None:
        with db0.atomic():
            self.kept.count += 1
            self.added += 1

    def look_back(self) -> None:
        with db0.snapshot() as now:
            small = dict(now.fetch(Root, prefix="main").small)
            assert small == dict(now.fetch(Root, prefix="far").value), "one commit shows in one prefix only"

    def commit(self) -> None:
        db0.commit()

    def section(self) -> None:
        with db0.locked() as section:
            self.change()
        assert not self.names or "main" in dict(section.get_mutation_log())


def work_at_once(root: Path, seconds: float, seed: int, autocommit: bool) -> None:
    db0.init(root, autocommit=autocommit, autocommit_interval=1, cache_size=400_000)
    db0.open("far")
    far: Any = Root(dict.fromkeys(range(THREADS), 0))
    db0.open("main")
    with db0.atomic():
        kept: Any = Root()
        kept.table, kept.index, kept.count = {mine: {} for mine in range(THREADS)}, db0.index(), 0
        kept.small = dict.fromkeys(range(THREADS), 0)
    db0.commit()
    workers = [Worker(mine, kept, far, seed) for mine in range(THREADS)]
    end = time.monotonic() + seconds
    together(*[partial(worker.run, end) for worker in workers])
    assert all(worker.done for worker in workers)
    db0.close()
    check(root, workers)


def check(root: Path, workers: list[Worker]) -> None:
    """After a restart all is as the threads left it, and the databases are sound."""
    db0.init(root, autocommit=False)
    for name in ("far", "main"):
        db0.open(name)
    kept: Any = Root()
    assert kept.count == sum(worker.added for worker in workers)
    for worker in workers:
        nodes = kept.table[worker.mine]
        assert {name: node.number for name, node in nodes.items()} == worker.names
        assert {node.name for node in db0.find(worker.tag())} == set(worker.names)
    assert dict(kept.small) == dict(db0.fetch(Root, prefix="far").value)
    expected = sorted(name for worker in workers for name in worker.names)
    assert [key for key, _ in kept.index] == expected and len(db0.find("all")) == len(expected) == len(db0.find(Node))
    for prefix in workspace().list_open():
        assert not list(prefix.database.verify()) and not prefix.database.storage.prepared()


@pytest.mark.parametrize("autocommit", [False, True])
def test_eight_threads_at_once_leave_everything_as_each_of_them_knows_it(tmp_path: Path, autocommit: bool) -> None:
    work_at_once(tmp_path, 1.5, 1, autocommit)


@pytest.mark.soak
@pytest.mark.parametrize("autocommit", [False, True])
def test_eight_threads_at_once_for_long(tmp_path: Path, autocommit: bool) -> None:
    work_at_once(tmp_path, 60, 2, autocommit)

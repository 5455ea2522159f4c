"""Atomic blocks of asyncio tasks."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import perdure as db0
from perdure.kernel import durable, keys
from perdure.workspace.functions import workspace

from .conftest import eventually
from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")


def test_it_needs_a_running_task_already_at_the_call() -> None:
    with pytest.raises(RuntimeError, match=r"db0\.async_atomic requires a running asyncio task"):
        db0.async_atomic()


def test_a_callback_of_the_loop_is_no_task(run: Any) -> None:
    async def main() -> None:
        future = asyncio.get_running_loop().create_future()

        def callback() -> None:
            try:
                db0.async_atomic()
            except RuntimeError as error:
                future.set_result(str(error))

        asyncio.get_running_loop().call_soon(callback)
        assert "requires a running asyncio task" in await future

    run(main())


def test_atomic_is_refused_in_a_task(run: Any) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"db0\.async_atomic"), db0.atomic():
            pass

    node = Node(1)
    run(main())
    node.name = 2
    with db0.atomic():
        node.name = 3
    assert node.name == 3


def test_changes_are_kept_over_awaits_and_not_committed(run: Any) -> None:
    node = Node(1, items=[])
    db0.commit()
    before = db0.get_state_num()

    async def main() -> None:
        async with db0.async_atomic():
            node.name = 2
            await asyncio.sleep(0)
            node.items.append(Node(3))
            db0.tags(node).add("seen")
            assert list(db0.find("seen")) == [node]

    run(main())
    assert (node.name, node.items[0].name, db0.get_state_num()) == (2, 3, before)
    db0.commit()
    assert db0.get_state_num() == before + 1


@pytest.mark.parametrize("how", ["exception", "cancel", "cancelled task"])
def test_changes_are_undone(run: Any, how: str) -> None:
    node = Node(1, items=[1])
    db0.tags(node).add("kept")
    created: list[Any] = []

    async def change() -> None:
        async with db0.async_atomic() as block:
            node.name = 2
            node.items.append(2)
            db0.tags(node).remove("kept")
            created.append(Node(9))
            await asyncio.sleep(0)
            if how == "exception":
                raise KeyError
            if how == "cancel":
                block.cancel()
                block.cancel()
            else:
                await asyncio.sleep(3600)

    async def main() -> None:
        task = asyncio.create_task(change())
        for _ in range(3):
            await asyncio.sleep(0)
        if how == "cancelled task":
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with db0.async_atomic():
            pass

    run(main())
    assert (node.name, list(node.items), list(db0.find("kept"))) == (1, [1], [node])
    with pytest.raises(db0.ReferenceError):
        _ = created[0].name


def test_after_cancel_the_rest_of_the_block_takes_effect(run: Any) -> None:
    node = Node(1)

    async def main() -> None:
        async with db0.async_atomic() as block:
            node.name = 2
            block.cancel()
            assert node.name == 1
            node.name = 3

    run(main())
    assert node.name == 3


def test_nested_blocks_of_a_task_undo_only_their_own(run: Any) -> None:
    node = Node(1, items=[])

    async def main() -> None:
        async with db0.async_atomic():
            node.name = 2
            async with db0.async_atomic() as inner:
                node.name = 3
                node.items.append(1)
                inner.cancel()
            assert (node.name, list(node.items)) == (2, [])
            async with db0.async_atomic():
                node.items.append(2)

    run(main())
    assert (node.name, list(node.items)) == (2, [2])


FOREIGN: dict[str, Callable[[Any], Any]] = {
    "assign": lambda node: setattr(node, "name", "foreign"),
    "list": lambda node: node.items.append("foreign"),
    "dict": lambda node: node.table.__setitem__("foreign", 1),
    "tag": lambda node: db0.tags(node).add("foreign"),
    "tag all of a query": lambda node: db0.tags(db0.find(Node)).add("foreign"),
    "create": lambda node: Node("foreign"),
    "touch": lambda node: db0.touch(node),
    "commit": lambda node: db0.commit(),
    "close": lambda node: db0.close(),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("kind", ["task", "callback"])
def test_what_another_task_changes_meanwhile_is_refused(run: Any, name: str, kind: str) -> None:
    node = Node(1, items=[1], table={})
    db0.commit()
    before = db0.get_state_num()
    found: list[str] = []

    def change() -> None:
        try:
            FOREIGN[name](node)
        except RuntimeError as error:
            found.append(str(error))

    async def other() -> None:
        change()

    async def main() -> None:
        async with db0.async_atomic():
            node.items.append(2)
            if kind == "task":
                await asyncio.create_task(other())
            else:
                asyncio.get_running_loop().call_soon(change)
                await asyncio.sleep(0)

    run(main())
    assert len(found) == 1 and "db0.async_atomic" in found[0]
    assert (node.name, list(node.items), dict(node.table)) == (1, [1, 2], {})
    assert len(db0.find("foreign")) == 0 and len(db0.find(Node)) == 1
    assert db0.get_state_num() == before
    node.name = 2
    db0.commit()


def test_other_tasks_may_read_meanwhile(run: Any) -> None:
    node = Node(1)
    db0.tags(node).add("there")
    db0.commit()
    db0.clear_cache()

    async def read() -> Any:
        return db0.fetch(db0.uuid(node)).name, len(db0.find("there"))

    async def main() -> None:
        async with db0.async_atomic():
            assert await asyncio.create_task(read()) == (1, 1)

    run(main())


@pytest.mark.parametrize("change", ["assign", "list", "tag", "create", "commit"])
def test_what_another_thread_changes_waits_and_is_not_undone(run: Any, change: str) -> None:
    node = Node(1, items=list(range(500)), table={})
    db0.commit()
    done = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            FOREIGN[change](node)
        except BaseException as error:
            errors.append(error)
        done.set()

    async def main() -> None:
        thread = threading.Thread(target=work)
        async with db0.async_atomic() as block:
            node.other = "mine"
            thread.start()
            await asyncio.sleep(0.05)
            assert not done.is_set()
            assert node.name == 1 and len(node.items) == 500
            block.cancel()
        while not done.is_set():
            await asyncio.sleep(0.001)
        thread.join()

    run(main())
    assert errors == [] and not hasattr(node, "other")
    shown = {
        "assign": lambda: node.name == "foreign",
        "list": lambda: node.items[-1] == "foreign",
        "tag": lambda: len(db0.find("foreign")) == 1,
        "create": lambda: True,
        "commit": lambda: True,
    }
    assert shown[change]()


class LateLock:
    """A connection's lock that a thread comes to only when a block has begun."""

    def __init__(self, lock: Any, asked: threading.Event, begun: threading.Event) -> None:
        self._lock, self._asked, self._begun = lock, asked, begun
        self._thread = threading.get_ident()

    def __enter__(self) -> Any:
        if threading.get_ident() != self._thread:
            self._asked.set()
            self._begun.wait()
        return self._lock.__enter__()

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)


@pytest.mark.parametrize("change", ["tag", "tag a set", "delete"])
def test_a_change_that_had_asked_before_the_block_began_is_not_undone_with_it(run: Any, change: str) -> None:
    node, gone = Node(1), Node(2)
    Root(node)
    db0.tags(node).add("node")
    db0.commit()
    connection: Any = workspace().current_prefix().connection
    lock, asked, begun = connection.lock, threading.Event(), threading.Event()
    oids, tags = [durable.oid_of(node)], (keys.encode((1, "foreign")),)
    work: dict[str, Callable[[], object]] = {
        "tag": lambda: connection.tagging.change(node, tags, True),
        "tag a set": lambda: connection.tagging.change_all(oids, tags, True),
        "delete": lambda: db0.delete(gone),
    }

    async def main() -> None:
        connection.lock = LateLock(lock, asked, begun)
        thread = threading.Thread(target=work[change])
        thread.start()
        assert asked.wait(60)
        async with db0.async_atomic() as block:
            node.name = "mine"
            begun.set()
            await asyncio.sleep(0.05)
            assert len(db0.find("node")) == 1
            assert thread.is_alive()
            block.cancel()
        while thread.is_alive():
            await asyncio.sleep(0.001)

    try:
        run(main())
    finally:
        connection.lock = lock
    assert node.name == 1
    if change == "delete":
        with pytest.raises(db0.ReferenceError):
            _ = gone.name
    else:
        assert list(db0.find("foreign")) == [node]


def test_in_an_atomic_block_of_the_same_thread_it_is_refused(run: Any) -> None:
    async def main() -> None:
        async with db0.async_atomic():
            pass

    with db0.atomic(), pytest.raises(RuntimeError, match="atomic"):
        run(main())


def test_in_a_read_only_block_it_does_nothing(run: Any) -> None:
    node = Node(1)

    async def main() -> None:
        with db0.read_only():
            async with db0.async_atomic() as block:
                with pytest.raises(RuntimeError, match="read_only"):
                    node.name = 2
                block.cancel()
        async with db0.async_atomic():
            with db0.read_only(), pytest.raises(RuntimeError, match="read_only"):
                node.name = 2
            node.name = 3

    run(main())
    assert node.name == 3


def test_autocommit_waits_for_the_block(tmp_path: Any, run: Any) -> None:
    db0.close()
    db0.init(tmp_path / "other", prefix="auto", autocommit_interval=1)
    kept = Root(0)
    db0.commit()
    before = db0.get_state_num()

    async def main() -> None:
        async with db0.async_atomic():
            kept.value = 1
            await asyncio.sleep(0.05)
            assert db0.get_state_num() == before
        return

    run(main())
    eventually(lambda: db0.get_state_num() > before)

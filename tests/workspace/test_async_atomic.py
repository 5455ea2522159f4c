"""Atomic blocks of asyncio tasks."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

import perdure as db0

from .conftest import eventually
from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")

try:
    import uvloop

    LOOPS: list[Any] = [asyncio.new_event_loop, uvloop.new_event_loop]
except ImportError:
    LOOPS = [asyncio.new_event_loop]


@pytest.fixture(params=LOOPS, ids=lambda loop: loop.__module__.partition(".")[0])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    def in_loop(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main)

    return in_loop


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


def test_tasks_get_their_turn_in_the_order_in_which_they_asked(run: Any) -> None:
    kept = Root([])

    async def work(number: int) -> None:
        async with db0.async_atomic():
            before = len(kept.value)
            await asyncio.sleep(0.001)
            assert len(kept.value) == before
            kept.value.append(number)

    async def main() -> None:
        tasks = []
        for number in range(20):
            tasks.append(asyncio.create_task(work(number)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    run(main())
    assert list(kept.value) == list(range(20))


def test_a_waiting_task_that_is_cancelled_leaves_the_queue(run: Any) -> None:
    kept = Root([])

    async def work(number: int, hold: asyncio.Event | None = None) -> None:
        async with db0.async_atomic():
            kept.value.append(number)
            if hold is not None:
                await hold.wait()

    async def main() -> None:
        hold = asyncio.Event()
        first = asyncio.create_task(work(1, hold))
        await asyncio.sleep(0)
        second, third = asyncio.create_task(work(2)), asyncio.create_task(work(3))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        hold.set()
        await asyncio.wait_for(asyncio.gather(first, third), 60)
        assert second.cancelled()

    run(main())
    assert list(kept.value) == [1, 3]


def test_a_task_that_is_cancelled_as_its_turn_comes_passes_it_on(run: Any) -> None:
    kept = Root([])

    async def work(number: int) -> None:
        async with db0.async_atomic():
            kept.value.append(number)

    async def main() -> None:
        async with db0.async_atomic():
            second, third = asyncio.create_task(work(2)), asyncio.create_task(work(3))
            await asyncio.sleep(0)
        second.cancel()  # its turn has come, but it has not run since
        await asyncio.wait_for(asyncio.gather(third), 60)
        await asyncio.gather(second, return_exceptions=True)

    run(main())
    assert list(kept.value) in ([3], [2, 3])


def test_a_child_task_has_to_queue(run: Any) -> None:
    order: list[str] = []

    async def child() -> None:
        async with db0.async_atomic():
            order.append("child")

    async def main() -> None:
        async with db0.async_atomic():
            task = asyncio.create_task(child())
            await asyncio.sleep(0.01)
            order.append("parent")
        await task

    run(main())
    assert order == ["parent", "child"]


FOREIGN: dict[str, Callable[[Any], Any]] = {
    "assign": lambda node: setattr(node, "name", "foreign"),
    "list": lambda node: node.items.append("foreign"),
    "dict": lambda node: node.table.__setitem__("foreign", 1),
    "tag": lambda node: db0.tags(node).add("foreign"),
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


def test_it_waits_for_an_atomic_block_of_a_thread_without_blocking_the_loop(run: Any) -> None:
    node = Node(1)
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with db0.atomic():
            node.name = 2
            inside.set()
            leave.wait()

    async def main() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        while not inside.is_set():
            await asyncio.sleep(0.001)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while not leave.is_set():
                ticks += 1
                if ticks == 20:
                    leave.set()
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        async with db0.async_atomic():
            assert ticks == 20 and node.name == 2
            node.name = 3
        await ticking
        thread.join()

    run(main())
    assert node.name == 3


def test_a_thread_waits_with_atomic_for_the_block_of_a_task(run: Any) -> None:
    kept = Root([])
    waiting = threading.Event()

    def work() -> None:
        waiting.set()
        with db0.atomic():
            kept.value.append("thread")

    async def main() -> None:
        thread = threading.Thread(target=work)
        async with db0.async_atomic():
            thread.start()
            waiting.wait()
            await asyncio.sleep(0.02)
            kept.value.append("task")
        while thread.is_alive():
            await asyncio.sleep(0.001)

    run(main())
    assert list(kept.value) == ["task", "thread"]


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


def soak(run: Any, tasks: int, seconds: float) -> None:
    """Tasks move amounts between accounts, some fail; the sum stays, and all is as if one came after the other."""
    kept = Root(dict.fromkeys(range(10), 100))
    model = dict.fromkeys(range(10), 100)
    applied: list[tuple[int, int, int]] = []
    longest = 0.0

    async def move(choices: random.Random, end: float) -> None:
        while time.monotonic() < end:
            source, target, amount = choices.randrange(10), choices.randrange(10), choices.randrange(20)
            try:
                async with db0.async_atomic() as block:
                    kept.value[source] -= amount
                    if choices.random() < 0.3:
                        await asyncio.sleep(0)
                    kept.value[target] += amount
                    if choices.random() < 0.2:
                        raise KeyError
                    if choices.random() < 0.2:
                        block.cancel()
                    else:
                        applied.append((source, target, amount))
            except KeyError:
                pass
            await asyncio.sleep(0)

    async def watch(end: float) -> None:
        nonlocal longest
        while time.monotonic() < end:
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    async def main() -> None:
        end = time.monotonic() + seconds
        work: list[Awaitable[None]] = [move(random.Random(number), end) for number in range(tasks)]
        await asyncio.gather(watch(end), *work)

    run(main())
    for source, target, amount in applied:
        model[source] -= amount
        model[target] += amount
    assert dict(kept.value) == model and sum(model.values()) == 1000 and applied
    print(f"{len(applied)} blocks kept; longest turn of the loop {longest * 1000:.1f} ms")


def test_many_tasks_are_as_if_one_came_after_the_other(run: Any) -> None:
    soak(run, 50, 1.0)


@pytest.mark.soak
def test_a_thousand_tasks_for_a_minute_are_as_if_one_came_after_the_other(run: Any) -> None:
    soak(run, 1000, 60.0)

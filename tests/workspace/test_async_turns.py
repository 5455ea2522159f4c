"""Whose turn it is: tasks and threads that wait for each other's atomic blocks."""

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Awaitable
from typing import Any

import pytest

import perdure as db0

from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")


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


Moved = list[tuple[int, int, int]]


async def move(accounts: Any, applied: Moved, choices: random.Random, end: float) -> None:
    """Move amounts from account to account in blocks, of which some fail and some are cancelled."""
    while time.monotonic() < end:
        source, target, amount = choices.randrange(10), choices.randrange(10), choices.randrange(20)
        with contextlib.suppress(KeyError):
            async with db0.async_atomic() as block:
                accounts[source] -= amount
                if choices.random() < 0.3:
                    await asyncio.sleep(0)
                accounts[target] += amount
                if choices.random() < 0.2:
                    raise KeyError
                if choices.random() < 0.2:
                    block.cancel()
                else:
                    applied.append((source, target, amount))
        await asyncio.sleep(0)


def soak(run: Any, tasks: int, seconds: float) -> None:
    """Tasks move amounts between accounts, some fail; the sum stays, and all is as if one came after the other."""
    kept = Root(dict.fromkeys(range(10), 100))
    model = dict.fromkeys(range(10), 100)
    applied: Moved = []
    longest = 0.0

    async def watch(end: float) -> None:
        nonlocal longest
        while time.monotonic() < end:
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    async def main() -> None:
        end = time.monotonic() + seconds
        work: list[Awaitable[None]] = [move(kept.value, applied, random.Random(number), end) for number in range(tasks)]
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

"""A loop goes on while its tasks wait for atomic blocks: what waits is a future, never the thread of the loop."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import Node, Root
from .watched_lock import WatchedLock, watch


def test_a_watched_lock_notes_waits_of_its_thread() -> None:
    watched = WatchedLock(threading.RLock(), threading.get_ident())
    taken, go = threading.Event(), threading.Event()

    def hold() -> None:
        with watched:
            taken.set()
            go.wait()

    with watched, watched:
        pass
    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    assert not watched.acquire(blocking=False)
    assert watched.seconds == []
    threading.Timer(0.01, go.set).start()
    with watched:
        assert len(watched.seconds) == 1
    thread.join()


@pytest.mark.usefixtures("main")
def test_turns_of_the_loop_go_on_while_tasks_wait_for_the_block_of_one(run: Any) -> None:
    kept = Root([])

    async def hold(leave: asyncio.Event) -> None:
        async with db0.async_atomic():
            kept.value.append("holder")
            await leave.wait()
            assert list(kept.value) == ["holder"]

    async def wait(number: int) -> None:
        async with db0.async_atomic():
            kept.value.append(number)

    async def main() -> None:
        watched, leave = watch(), asyncio.Event()
        holder = asyncio.create_task(hold(leave))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(wait(number)) for number in range(50)]
        for _ in range(500):
            await asyncio.sleep(0)
            assert list(kept.value) == ["holder"]
        leave.set()
        await asyncio.gather(holder, *waiting)
        assert watched.seconds == []

    run(main())
    assert list(kept.value) == ["holder", *range(50)]


@pytest.mark.usefixtures("main")
def test_no_lock_of_a_thread_s_block_is_waited_for_by_the_thread_of_the_loop(run: Any) -> None:
    kept = Root([])

    def hold(inside: threading.Event, leave: threading.Event) -> None:
        with db0.atomic():
            inside.set()
            leave.wait()
            kept.value.append("thread")

    async def wait(number: int) -> None:
        async with db0.async_atomic():
            kept.value.append(number)

    async def main() -> None:
        watched = watch()
        inside, leave = threading.Event(), threading.Event()
        thread = threading.Thread(target=hold, args=(inside, leave))
        thread.start()
        while not inside.is_set():
            await asyncio.sleep(0.001)
        waiting = [asyncio.create_task(wait(number)) for number in range(5)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert watched.seconds == [] and not any(task.done() for task in waiting)
        leave.set()
        await asyncio.gather(*waiting)
        thread.join()
        assert watched.seconds == []

    run(main())
    assert list(kept.value) == ["thread", *range(5)]


@pytest.mark.usefixtures("main")
def test_loops_of_two_threads_take_turns_and_neither_stops_for_the_other(run: Any) -> None:
    kept = Root([])
    inside, turned = threading.Event(), threading.Event()

    async def add(name: str, number: int) -> None:
        async with db0.async_atomic():
            kept.value.append(name)
            await asyncio.sleep(0)
            kept.value.append(number)

    async def first() -> None:
        async with db0.async_atomic():
            inside.set()
            while not turned.is_set():
                await asyncio.sleep(0.001)
            kept.value.append("first")
        await asyncio.gather(*(add("one", number) for number in range(20)))

    async def second() -> None:
        while not inside.is_set():
            await asyncio.sleep(0.001)
        waiting = [asyncio.create_task(add("two", number)) for number in range(20)]
        for _ in range(200):
            await asyncio.sleep(0)
        assert list(kept.value) == []
        turned.set()
        await asyncio.gather(*waiting)

    thread = threading.Thread(target=run, args=(first(),))
    thread.start()
    run(second())
    thread.join()
    values = list(kept.value)
    assert values[0] == "first"
    pairs = list(zip(values[1::2], values[2::2], strict=True))
    for name in ("one", "two"):
        assert [number for one, number in pairs if one == name] == list(range(20))


@pytest.mark.usefixtures("main")
def test_inside_of_read_only_blocks_it_waits_for_nobody(run: Any) -> None:
    node = Node(1)

    async def main() -> None:
        async def reader() -> Any:
            with db0.read_only():
                async with db0.async_atomic():
                    return node.name

        async with db0.async_atomic():
            node.name = 2
            assert await asyncio.wait_for(asyncio.create_task(reader()), 60) == 2

    run(main())
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with db0.atomic():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    with db0.read_only(), db0.atomic():
        assert node.name == 2
    leave.set()
    thread.join()


class Work:
    """A loop whose tasks hold blocks for long, beside threads that do too and commits every millisecond."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept
        self.turns = 0
        self.done = {"task": 0, "thread": 0, "change": 0, "read": 0, "plain": 0, "refused": 0}
        self.waited: list[float] = []
        """How long the loop's thread waited in all for each of the things that a task did outside of any block."""
        self.longest_held = 0.0

    async def hold(self, end: float, pause: float) -> None:
        while time.monotonic() < end:
            async with db0.async_atomic():
                self.kept.table["task"] = self.kept.table["task"] + 1
                self.done["task"] += 1
                await asyncio.sleep(pause)
                assert len(db0.find("kept")) == 1
            await asyncio.sleep(0)

    async def read(self, end: float) -> None:
        while time.monotonic() < end:
            assert self.kept.table["task"] <= self.done["task"]
            self.done["read"] += 1
            await asyncio.sleep(0.001)

    async def plain(self, end: float, watched: WatchedLock, change: bool) -> None:
        """Reads, queries, and changes unless another task is in a block."""
        while time.monotonic() < end:
            before = len(watched.seconds)
            try:
                if change:
                    self.kept.table["plain"] = self.kept.table["plain"] + 1
                    self.done["plain"] += 1
                    db0.tags(self.kept).add("kept")
                else:
                    assert list(db0.find(Node, "kept")) == [self.kept] and len(db0.find("kept")) == 1
            except RuntimeError as error:
                assert "async_atomic" in str(error)
                self.done["refused"] += 1
            self.waited.append(sum(watched.seconds[before:]))
            await asyncio.sleep(0.001)

    async def count(self, end: float) -> None:
        while time.monotonic() < end:
            self.turns += 1
            await asyncio.sleep(0)

    def block(self, end: float, pause: float) -> None:
        while time.monotonic() < end:
            with db0.atomic():
                self.kept.table["thread"] = self.kept.table["thread"] + 1
                self.done["thread"] += 1
                time.sleep(pause)
            time.sleep(pause)

    def change(self, end: float) -> None:
        while time.monotonic() < end:
            self.kept.table["change"] = self.kept.table["change"] + 1
            self.done["change"] += 1
            time.sleep(0.001)


def soak(path: Path, run: Any, seconds: float, pause: float, *, plain: int = 0) -> tuple[Work, list[float]]:
    """The work, and the waits of the loop's thread for locks; with so many tasks that use no blocks."""
    db0.close()
    db0.init(path, prefix="auto", autocommit_interval=1)
    kept = Node(0, table={"task": 0, "thread": 0, "change": 0, "plain": 0})
    db0.tags(kept).add("kept")
    work = Work(kept)
    waits: list[float] = []

    async def main() -> None:
        watched, end = watch(), time.monotonic() + seconds
        threads = [threading.Thread(target=work.block, args=(end, pause))]
        threads.append(threading.Thread(target=work.change, args=(end,)))
        for thread in threads:
            thread.start()
        others = [work.plain(end, watched, number % 2 == 0) for number in range(plain)]
        holding = [work.hold(end, pause) for _ in range(2 if plain else 20)]
        await asyncio.gather(work.count(end), work.read(end), *holding, *others)
        while any(thread.is_alive() for thread in threads):
            await asyncio.sleep(0.001)
        waits.extend(watched.seconds)
        work.longest_held = watched.longest_held

    run(main())
    for name in ("task", "thread", "change", *["plain"] * bool(plain)):
        assert kept.table[name] == work.done[name] > 0
    longest = max(waits, default=0.0) * 1000
    print(f"{work.turns} turns, {work.done}; the loop's thread waited {len(waits)} times, at most {longest:.2f} ms")
    if plain:
        longest, held = max(work.waited) * 1000, work.longest_held * 1000
        print(f"{len(work.waited)} times outside of blocks, at most {longest:.2f} ms; the lock was held for {held:.2f}")
    return work, waits


def test_turns_of_the_loop_go_on_beside_threads_and_commits(tmp_path: Path, run: Any) -> None:
    work, _ = soak(tmp_path / "data", run, 1.0, 0.02)
    assert work.turns > sum(work.done.values())


def test_what_tasks_do_outside_of_blocks_is_answered_beside_threads_and_commits(tmp_path: Path, run: Any) -> None:
    work, _ = soak(tmp_path / "data", run, 1.0, 0.02, plain=10)
    assert len(work.waited) > work.done["refused"]


@pytest.mark.soak
def test_for_a_minute_what_tasks_do_outside_of_blocks_waits_for_one_block_or_commit(tmp_path: Path, run: Any) -> None:
    work, _ = soak(tmp_path / "data", run, 60.0, 0.02, plain=1000)
    assert max(work.waited) < work.longest_held + 0.03  # which is more than 20 ms where the machine is busy


@pytest.mark.soak
def test_for_a_minute_no_turn_of_the_loop_waits_for_a_lock_for_50_ms(tmp_path: Path, run: Any) -> None:
    _, waits = soak(tmp_path / "data", run, 60.0, 0.2)
    assert max(waits, default=0.0) < 0.05

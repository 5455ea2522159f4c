"""Whose turn it is to have atomic blocks: one thread's or one task's at a time, in the order in which they asked."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from types import TracebackType

from perdure.errors import WorkspaceError

__all__ = ["Turn", "current_task", "refuse_foreign"]

Task = asyncio.Task[object]


def current_task() -> Task | None:
    """The asyncio task that is running in this thread, or None."""
    if asyncio._get_running_loop() is None:
        return None
    return asyncio.current_task()


def refuse_foreign() -> WorkspaceError:
    """The error of code that is not part of the open block of another task on its thread."""
    return WorkspaceError(
        "another task of this thread has an open db0.async_atomic() block; use `async with db0.async_atomic()` here too"
    )


class _Waiter:
    """A thread or task that waits for its turn."""

    def __init__(self, owner: int | Task) -> None:
        self.owner = owner
        self.thread = threading.get_ident()
        if isinstance(owner, int):
            self.event = threading.Event()
        else:
            self.loop = asyncio.get_running_loop()
            self.future: asyncio.Future[None] = self.loop.create_future()

    def wake(self) -> bool:
        """Tell it that its turn has come; False when its loop has been closed."""
        if isinstance(self.owner, int):
            self.event.set()
            return True
        try:
            self.loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:
            return False
        return True

    def _resolve(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Turn:
    """A lock that a thread or an asyncio task owns, and may take again; use it with `with` in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Waiter] = deque()
        self._depth = 0
        self._owner: int | Task | None = None
        self._thread = 0

    def is_mine(self) -> bool:
        """Whether the calling thread or task has the turn."""
        owner = self._owner
        if owner is None:
            return False
        return owner == threading.get_ident() if isinstance(owner, int) else owner is current_task()

    def owner_task(self) -> Task | None:
        """The task that has the turn, if it is a task's."""
        return None if isinstance(self._owner, int) else self._owner

    def is_foreign(self) -> bool:
        """Whether a task of this thread has the turn, and something else is running in the thread now."""
        task = self.owner_task()
        return task is not None and self._thread == threading.get_ident() and task is not current_task()

    def acquire(self) -> None:
        """Wait for the turn of the calling thread. RuntimeError: a task of the same thread has it."""
        waiter = self._take(threading.get_ident())
        if waiter is not None:
            waiter.event.wait()

    async def acquire_task(self) -> None:
        """Wait for the turn of the running task, without blocking its loop."""
        task = current_task()
        assert task is not None
        waiter = self._take(task)
        if waiter is None:
            return
        try:
            await waiter.future
        except BaseException:
            with self._lock:
                mine = self._owner is task
                if not mine:
                    self._waiting.remove(waiter)
            if mine:
                self.release()
            raise

    def _take(self, owner: int | Task) -> _Waiter | None:
        """Take the turn if it is free or the owner's already; else a place in the queue."""
        with self._lock:
            if self._owner is None:
                self._owner, self._depth, self._thread = owner, 1, threading.get_ident()
                return None
            if self._owner == owner:
                self._depth += 1
                return None
            if self._thread == threading.get_ident() and (isinstance(owner, int) or isinstance(self._owner, int)):
                raise refuse_foreign() if isinstance(owner, int) else WorkspaceError(
                    "this thread has an open db0.atomic() block; leave it before async_atomic()"
                )
            waiter = _Waiter(owner)
            self._waiting.append(waiter)
            return waiter

    def release(self) -> None:
        """Give up the turn, or one level of it; the next in the queue gets it."""
        with self._lock:
            self._depth -= 1
            if self._depth:
                return
            self._owner = None
            while self._waiting:
                waiter = self._waiting.popleft()
                self._owner, self._depth, self._thread = waiter.owner, 1, waiter.thread
                if waiter.wake():
                    return
                self._owner, self._depth = None, 0

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


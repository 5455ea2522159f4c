"""A lock that tells who waited for it, and for how long."""

from __future__ import annotations

import threading
import time
from typing import Any

from perdure.workspace.functions import workspace


class WatchedLock:
    """A connection's lock that notes each time when one thread found it taken by another, and for how long.

    And the longest time for which any other thread had it.
    """

    def __init__(self, lock: Any, thread: int) -> None:
        self._lock = lock
        self._thread = thread
        self.seconds: list[float] = []
        self.longest_held = 0.0
        self._depth, self._since = 0, 0.0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if threading.get_ident() != self._thread:
            taken = bool(self._lock.acquire(blocking, timeout))
            if taken:
                self._depth += 1
                if self._depth == 1:
                    self._since = time.perf_counter()
            return taken
        if not blocking:
            return bool(self._lock.acquire(blocking, timeout))
        if self._lock.acquire(blocking=False):
            return True
        before = time.perf_counter()
        taken = bool(self._lock.acquire(blocking, timeout))
        self.seconds.append(time.perf_counter() - before)
        return taken

    def __enter__(self) -> bool:
        return self.acquire()

    def release(self) -> None:
        self._note_end()
        self._lock.release()

    def hand_over(self) -> None:
        self._note_end()
        self._lock.hand_over()

    def _note_end(self) -> None:
        if threading.get_ident() != self._thread:
            self._depth -= 1
            if not self._depth:
                self.longest_held = max(self.longest_held, time.perf_counter() - self._since)

    def _release_save(self) -> Any:
        depth, self._depth = self._depth, 1
        self._note_end()
        return depth, self._lock._release_save()

    def _acquire_restore(self, state: Any) -> None:
        self._lock._acquire_restore(state[1])
        self._depth, self._since = state[0], time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)


def watch() -> WatchedLock:
    """Watch the lock of the current prefix for waits of the calling thread."""
    connection = workspace().current_prefix().connection
    watched: Any = WatchedLock(connection.lock, threading.get_ident())
    connection.lock = watched
    return watched  # type: ignore[no-any-return]

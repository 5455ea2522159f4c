"""Pure-Python twin of `kernel/locks.pyx`: the standard library's lock, beside which stands who waits for it."""

from __future__ import annotations

import time
from _thread import RLock, get_ident
from types import TracebackType
from typing import Any, cast

__all__ = ["RecursiveLock"]

_PAUSE_SECONDS = 0.00005
_PAUSES = 1000


class RecursiveLock:
    """See `kernel/locks.pyi`."""

    def __init__(self) -> None:
        lock = cast(Any, RLock())
        self._lock = lock
        self._waiting: set[int] = set()
        self._is_owned = lock._is_owned
        self._release_save = lock._release_save
        self._acquire_restore = lock._acquire_restore

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; whether that was possible at once, or within `timeout` seconds (-1: waits for ever)."""
        if timeout == -1 and self._lock.acquire(blocking=False):
            return True
        self._waiting.add(get_ident())
        try:
            return bool(self._lock.acquire(blocking, timeout))
        finally:
            self._waiting.discard(get_ident())

    def release(self) -> None:
        """Let go of the lock as often as it was taken."""
        self._lock.release()

    def hand_over(self) -> None:
        """`release`, after which those who wait for the lock have it before this thread can take it again."""
        waiting = self._waiting.copy()
        self.release()
        pauses = 0
        while waiting and pauses < _PAUSES and not self._is_owned():
            time.sleep(_PAUSE_SECONDS)
            waiting &= self._waiting
            pauses += 1

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        """In a forked child: nobody holds the lock, or waits for it."""
        self._lock._at_fork_reinit()
        self._waiting.clear()

"""Pure-Python twin of `kernel/locks.pyx`: the standard library's lock."""

from __future__ import annotations

from _thread import RLock as RecursiveLock

__all__ = ["RecursiveLock"]

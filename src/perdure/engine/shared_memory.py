"""What the processes on one file tell each other without touching the disk.

The file `<path>-shared` is mapped by every process that opens the database; it holds nothing that has to
survive one.

    0   8 bytes   magic
    8   4 bytes   bell: another value after each commit; watchers sleep on it (a futex)
    64  512 * 8   pins: the smallest state that a process reads, plus one; 0: none
    ..  512 * 8   nonces: a random number for the process that took the slot

A slot belongs to the process that holds the file lock on its first byte, so one that died leaves nothing
behind. Without futexes (not Linux, or an unknown machine) a watcher looks at the bell in memory every few
milliseconds.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

from perdure.errors import StorageError

from .lmdb_errors import allocate, disk_full

__all__ = ["SharedMemory"]

_MAGIC = b"perdureS"
_BELL = 8
_SLOT_COUNT = 512
_PINS = 64
_NONCES = _PINS + 8 * _SLOT_COUNT
_SIZE = _NONCES + 8 * _SLOT_COUNT
_NAP_SECONDS_MAX = 1.0
_POLL_SECONDS_MAX = 0.02
_FUTEX_CALL = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}
_FUTEX_WAIT, _FUTEX_WAKE = 0, 1
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def _find_futex() -> tuple[int, ctypes.CDLL] | None:
    number = _FUTEX_CALL.get(platform.machine()) if sys.platform == "linux" and sys.maxsize > 1 << 32 else None
    if number is None:
        return None
    return number, ctypes.CDLL(None, use_errno=True)


_futex = _find_futex()


def _wake_call(bell: ctypes.c_uint32) -> Callable[[], object] | None:
    """What wakes all that sleep on `bell`; its arguments are made once, as it runs with every commit."""
    if _futex is None:
        return None
    number, library = _futex
    arguments = (ctypes.c_long(number), ctypes.byref(bell), ctypes.c_int(_FUTEX_WAKE), ctypes.c_int(0x7FFFFFFF))
    return partial(library.syscall, *arguments, None, None, 0)


def _private_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class SharedMemory:
    """The mapped file; a private one where the directory cannot be written to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._slot: int | None = None
        self._closed = False
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if error.errno not in _DENIED:
                raise
            self._descriptor = _private_file()
        try:
            allocate(self._descriptor, _SIZE)
        except OSError as error:
            os.close(self._descriptor)
            raise disk_full(path) from error
        self._map = mmap.mmap(self._descriptor, _SIZE)
        self._map[: len(_MAGIC)] = _MAGIC
        self._bell = ctypes.c_uint32.from_buffer(self._map, _BELL)
        self._wake = _wake_call(self._bell)
        self._pins = memoryview(self._map)[_PINS:_NONCES].cast("Q")
        self._nonces = memoryview(self._map)[_NONCES:_SIZE].cast("Q")

    def ring(self) -> None:
        """Wake the watchers of all processes: there was a commit."""
        # A random value, not a count: the steps of two processes at once could undo each other.
        self._bell.value = random.getrandbits(32)
        if self._wake is not None:
            self._wake()

    def ticket(self) -> int:
        """The present value of the bell."""
        return self._bell.value

    def wait(self, ticket: int, timeout: float) -> bool:
        """Sleep until the bell differs from `ticket`, at most `timeout` seconds; whether it does."""
        end = time.monotonic() + timeout
        nap = 0.001
        while not self._closed and self._bell.value == ticket:
            left = end - time.monotonic()
            if left <= 0:
                return False
            if _futex is None:
                time.sleep(min(nap, left))
                nap = min(nap * 1.5, _POLL_SECONDS_MAX)
                continue
            part = min(left, _NAP_SECONDS_MAX)
            span = _Timespec(int(part), int(part % 1 * 1e9))
            number, library = _futex
            library.syscall(number, ctypes.byref(self._bell), _FUTEX_WAIT, ticket, ctypes.byref(span), None, 0)
        return True

    def pin(self, state: int | None) -> None:
        """Say the smallest state that this process reads, or None."""
        if self._closed or (self._slot is None and state is None):
            return
        self._pins[self._own_slot()] = 0 if state is None else state + 1

    def pinned(self) -> int | None:
        """The smallest state that a living process reads, or None."""
        smallest: int | None = None
        for slot, value in enumerate(self._pins.tolist()):
            if not value:
                continue
            if slot != self._slot and self._clear(slot):
                continue
            smallest = value - 1 if smallest is None else min(smallest, value - 1)
        return smallest

    def owner(self) -> bytes:
        """What names this process to the others: its slot and a number drawn for it."""
        slot = self._own_slot()
        return struct.pack(">HQ", slot, self._nonces[slot])

    def is_alive(self, owner: bytes) -> bool:
        """Whether the process that `owner` names still has the file open."""
        if len(owner) != struct.calcsize(">HQ"):
            return False
        slot, nonce = struct.unpack(">HQ", owner)
        if slot >= _SLOT_COUNT or self._nonces[slot] != nonce:
            return False
        return slot == self._slot or not self._is_free(slot)

    def _own_slot(self) -> int:
        if self._slot is None:
            for slot in range(_SLOT_COUNT):
                if self._lock(slot):
                    self._slot = slot
                    self._nonces[slot] = random.getrandbits(64)
                    break
            else:
                raise StorageError(f"more than {_SLOT_COUNT} processes use the database of {self.path!r}")
        return self._slot

    def _lock(self, slot: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _PINS + 8 * slot)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(self, slot: int) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _PINS + 8 * slot)

    def _is_free(self, slot: int) -> bool:
        if not self._lock(slot):
            return False
        self._unlock(slot)
        return True

    def _clear(self, slot: int) -> bool:
        """Remove the pin of a process that has gone; whether it has."""
        if not self._lock(slot):
            return False
        # Before the lock is released: then another process may take the slot and pin its own state.
        self._pins[slot] = 0
        self._unlock(slot)
        return True

    def close(self) -> None:
        """Give the slot back and wake this process's watchers."""
        if self._closed:
            return
        self.pin(None)
        self._closed = True
        self.ring()
        os.close(self._descriptor)

    def disown(self) -> None:
        """In a forked child: the slot stays the parent's."""
        self._closed = True
        os.close(self._descriptor)

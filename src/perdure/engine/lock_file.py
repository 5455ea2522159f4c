"""The lock that keeps other writers out of a database: an operating-system lock on `<path>.lock`.

Writers that share hold it shared, one that wants the database for itself holds it alone; pure readers take
none. It vanishes with the process; the file stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import weakref

from perdure.errors import DatabaseLockedError, ReadOnlyError

__all__ = ["LockFile"]

_NAP_SECONDS = 0.01
_held: weakref.WeakSet[LockFile] = weakref.WeakSet()


class LockFile:
    """Holds the lock of the database at `path` from construction to `release`.

    `exclusive`: alone. `blocking`: wait for it, at most `timeout` seconds. `force_unlock`: take it from
    whoever holds it. DatabaseLockedError: another holds it.
    """

    def __init__(
        self,
        path: str,
        exclusive: bool,
        blocking: bool = False,
        timeout: float | None = None,
        force_unlock: bool = False,
    ) -> None:
        self.path = path + ".lock"
        self._database = path
        self._kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        self._descriptor: int | None = None
        if force_unlock:
            # The holder keeps its lock on the file that was here; a new file is a new lock.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
        end = time.monotonic() + (timeout if timeout is not None else float("inf")) if blocking else 0.0
        while not self._try():
            if time.monotonic() >= end:
                raise DatabaseLockedError(f"failed to acquire lock: {path!r} is in use elsewhere; close it there first")
            time.sleep(_NAP_SECONDS)
        _held.add(self)

    def _try(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError as error:
            raise ReadOnlyError(f"no permission to lock {self._database!r}: {error}") from error
        try:
            fcntl.flock(descriptor, self._kind | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                self._descriptor = descriptor
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return False

    def release(self) -> None:
        """Let others have it; harmless when released."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _after_fork_in_child() -> None:
    # The child's copy of the descriptor would hold the parent's lock beyond the parent's end.
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_after_fork_in_child)

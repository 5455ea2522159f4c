"""Opening a storage by path."""

from __future__ import annotations

import os
from collections.abc import Mapping

from perdure.engine import MemoryEngine
from perdure.engine.lmdb import LmdbEngine
from perdure.engine.lmdb_file import check_structure, damaged, inspect, summary
from perdure.engine.lock_file import LockFile

from .spaces import SPACES
from .versioned import VersionedStorage

__all__ = ["open_storage"]

_LOCK_FLAGS = ("blocking", "timeout", "force_unlock")


def open_storage(
    path: str | os.PathLike[str] | None,
    *,
    create: bool = True,
    read_only: bool = False,
    exclusive: bool = False,
    history: bool = True,
    check: bool = False,
    map_bytes: int | None = None,
    lock_flags: Mapping[str, object] | None = None,
) -> VersionedStorage:
    """The storage in the file `path`, or one in memory for None.

    `create`: make it if it is not there. `read_only`: refuse writes. `exclusive`: refuse other writers, in
    every process. `history`: keep what was; without it only what open views see. `check`: have the structure
    of the file verified before it is trusted, which reads all of it. `map_bytes`: first size of the memory
    map, which grows by itself. `lock_flags`: `blocking` (wait for the lock), `timeout` (at most so many
    seconds), `force_unlock` (break it).

    Errors, before anything was changed: NotADatabaseError, FormatVersionError, ReadOnlyError,
    NetworkFilesystemError, DatabaseLockedError (another has it exclusively, or has it at all with
    `exclusive`), CorruptRecordError.

    ```
    with open_storage("example.db") as storage:
        print(storage.last_state)
    ```
    """
    if path is None:
        return VersionedStorage(MemoryEngine(SPACES), history=history)
    path = os.path.abspath(os.fspath(path))
    inspect(path, create and not read_only, read_only)
    flags = {name: value for name, value in (lock_flags or {}).items() if name in _LOCK_FLAGS}
    lock = None if read_only else LockFile(path, exclusive, **flags)  # type: ignore[arg-type]
    try:
        sound = not check or not os.path.exists(path) or not os.path.getsize(path) or check_structure(path)
        engine = LmdbEngine(path, SPACES, create=create, read_only=read_only, map_bytes=map_bytes)
        try:
            if check and (findings := engine.search_findings() if sound else engine.structure_findings()):
                raise damaged(path, summary(findings))
            return VersionedStorage(engine, history=history, on_close=None if lock is None else lock.release)
        except BaseException:
            engine.close()
            raise
    except BaseException:
        if lock is not None:
            lock.release()
        raise

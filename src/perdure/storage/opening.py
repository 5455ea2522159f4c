"""Opening a storage by path."""

from __future__ import annotations

import os

from perdure.engine import MemoryEngine
from perdure.engine.lmdb import LmdbEngine

from .spaces import SPACES
from .versioned import VersionedStorage

__all__ = ["open_storage"]


def open_storage(
    path: str | os.PathLike[str] | None,
    *,
    create: bool = True,
    read_only: bool = False,
    exclusive: bool = False,
    history: bool = True,
    check: bool = False,
    map_bytes: int | None = None,
) -> VersionedStorage:
    """The storage in the file `path`, or one in memory for None."""
    if path is None:
        return VersionedStorage(MemoryEngine(SPACES), history=history)
    engine = LmdbEngine(path, SPACES, create=create, read_only=read_only, map_bytes=map_bytes)
    try:
        return VersionedStorage(engine, history=history)
    except BaseException:
        engine.close()
        raise

"""Makes a new LMDB file so that nobody, and no crash, ever sees a part of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator

import lmdb

from . import lmdb_file
from .lmdb_errors import translate

__all__ = ["make_file"]

_MAP_BYTES = 1 << 22


def make_file(path: str, spaces: Iterable[int]) -> None:
    """Make the file `path` with empty spaces, unless there is one with content.

    LMDB writes the first pages of a file in place, and a power failure could leave a part of them. So the file is
    made under the name `<path>-new`, synced, and then renamed; what an earlier attempt left there is removed.

    ```
    make_file("/tmp/example.db", range(2))
    ```
    """
    target = os.path.realpath(path)
    with _directory_lock(os.path.dirname(target)):
        if os.path.exists(target) and os.path.getsize(target):
            return
        attempt = target + "-new"
        _remove(attempt)
        try:
            _write(attempt, spaces)
            os.replace(attempt, target)
        except lmdb.Error as error:
            raise translate(error, path) from error
        finally:
            _remove(attempt)
        lmdb_file.sync_directory(target)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _write(path: str, spaces: Iterable[int]) -> None:
    environment = lmdb.open(path, map_size=_MAP_BYTES, subdir=False, lock=False, max_dbs=64, mode=0o644)
    try:
        with environment.begin(write=True) as transaction:
            for space in spaces:
                environment.open_db(b"%d" % space, txn=transaction)
    finally:
        environment.close()


@contextlib.contextmanager
def _directory_lock(directory: str) -> Iterator[None]:
    """Keep other processes from making a file in the directory at the same time."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

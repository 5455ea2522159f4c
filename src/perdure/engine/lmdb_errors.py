"""What LMDB's errors mean in terms of perdure's: the one place that maps them."""

from __future__ import annotations

import errno
import os
import resource
import tempfile

import lmdb

from perdure.errors import (
    CorruptRecordError,
    DiskFullError,
    NotADatabaseError,
    ReadOnlyError,
    StorageError,
    StorageFailedError,
)

__all__ = ["allocate", "disk_full", "lacks_space", "translate"]

_PROBE_BYTES = 1 << 16
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


def disk_full(path: str) -> DiskFullError:
    """The error for a file that cannot grow."""
    return DiskFullError(f"no space left for {path!r}; nothing was written; free some and try again")


def translate(error: lmdb.Error, path: str) -> StorageError:
    """The perdure error for what LMDB said about the file at `path`."""
    kind, text = _meaning(error, path)
    return kind(text)


def allocate(descriptor: int, size: int) -> None:
    """Give a file at least `size` bytes that are really there: touching a hole in a mapped file can kill a process."""
    if os.fstat(descriptor).st_size < size:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        else:
            os.pwrite(descriptor, bytes(size), 0)


def lacks_space(path: str) -> bool:
    """Whether the file system of `path` is full, or the file as large as this process may make it.

    LMDB reports a write that was cut short, which is how a disk becomes full, as an input/output error.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        if limit != resource.RLIM_INFINITY and os.path.getsize(path) >= limit - _PROBE_BYTES:
            return True
        with tempfile.TemporaryFile(dir=os.path.dirname(path)) as probe:
            allocate(probe.fileno(), _PROBE_BYTES)
    except OSError as error:
        return error.errno in _FULL
    return False


def _meaning(error: lmdb.Error, path: str) -> tuple[type[StorageError], str]:
    kind: type[StorageError]
    code = abs(getattr(error, "code", 0) or 0)
    if code in _FULL or (code == errno.EIO and lacks_space(path)):
        kind = DiskFullError
        text = str(disk_full(path))
    elif code == errno.EIO or isinstance(error, lmdb.PanicError):
        kind = StorageFailedError
        text = f"input/output failure on {path!r}: {error}; check the disk, then reopen"
    elif isinstance(error, lmdb.ReadonlyError) or code in _DENIED:
        kind = ReadOnlyError
        text = f"no permission to write to {path!r} or its directory: {error}"
    elif isinstance(error, lmdb.InvalidError | lmdb.VersionMismatchError):
        kind = NotADatabaseError
        text = f"{path!r} is not a perdure database: {error}"
    elif isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError):
        kind = CorruptRecordError
        text = f"the file {path!r} is damaged: {error}; run `perdure verify` on it"
    elif isinstance(error, lmdb.BadValsizeError):
        kind = StorageError
        text = f"a key for {path!r} is empty or longer than the engine's capabilities.key_bytes_max"
    else:
        kind = StorageError
        text = f"the engine of {path!r} refuses: {error}"
    return kind, text

"""What LMDB's errors mean in terms of perdure's: the one place that maps them."""

from __future__ import annotations

import errno

import lmdb

from perdure.errors import (
    CorruptRecordError,
    DiskFullError,
    NotADatabaseError,
    ReadOnlyError,
    StorageError,
    StorageFailedError,
)

__all__ = ["translate"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


def translate(error: lmdb.Error, path: str) -> StorageError:
    """The perdure error for what LMDB said about the file at `path`."""
    code = abs(getattr(error, "code", 0) or 0)
    if code in _FULL:
        return DiskFullError(f"no space left for {path!r}; the transaction was not made; free space and try again")
    if code == errno.EIO or isinstance(error, lmdb.PanicError):
        return StorageFailedError(f"input/output failure on {path!r}: {error}; check the disk, then reopen")
    if isinstance(error, lmdb.ReadonlyError) or code in _DENIED:
        return ReadOnlyError(f"no permission to write to {path!r} or its directory: {error}")
    if isinstance(error, lmdb.InvalidError | lmdb.VersionMismatchError):
        return NotADatabaseError(f"{path!r} is not a perdure database: {error}")
    if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError):
        return CorruptRecordError(f"the file {path!r} is damaged: {error}; run `perdure verify` on it")
    if isinstance(error, lmdb.BadValsizeError):
        return StorageError(f"a key for {path!r} is empty or too long: {error}")
    return StorageError(f"the engine of {path!r} refuses: {error}")

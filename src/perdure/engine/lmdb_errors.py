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
    kind, text = _meaning(error, path)
    return kind(text)


def _meaning(error: lmdb.Error, path: str) -> tuple[type[StorageError], str]:
    kind: type[StorageError]
    code = abs(getattr(error, "code", 0) or 0)
    if code in _FULL:
        kind = DiskFullError
        text = f"no space left for {path!r}; nothing was written; free some and try again"
    elif code == errno.EIO or isinstance(error, lmdb.PanicError | lmdb.DiskError):
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
    else:
        kind = StorageError
        text = f"the engine of {path!r} refuses: {error}"
    return kind, text

"""Looks at a path before LMDB is trusted with it: kind of file, structure, file system."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from perdure.errors import (
    CorruptRecordError,
    NetworkFilesystemError,
    NotADatabaseError,
    ReadOnlyError,
    StorageError,
)

__all__ = [
    "check_structure",
    "damaged",
    "identity",
    "inspect",
    "missing_spaces",
    "network_filesystem",
    "structure_findings",
    "sync_directory",
]

_MAGIC = struct.pack("=I", 0xBEEFC0DE)
_NETWORK_TYPES = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
    "orangefs", "smb2", "smb3", "smbfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
}  # fmt: skip


def identity(path: str) -> tuple[int, int]:
    """Device and inode of the file."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def inspect(path: str, create: bool, read_only: bool) -> None:
    """Refuse a path that cannot be a database, before anything touches it.

    NotADatabaseError: missing and not to be created, a directory, or another kind of file. ReadOnlyError: it cannot be
    written to where that is asked. NetworkFilesystemError: locks and shared maps do not work there.
    """
    directory = os.path.dirname(path)
    kind = network_filesystem(directory)
    if kind is not None:
        raise NetworkFilesystemError(f"{path!r} is on a network file system ({kind}); put the database on a local disk")
    if not os.path.exists(path):
        if not create:
            raise NotADatabaseError(f"no database at {path!r}")
        if not os.path.isdir(directory):
            raise NotADatabaseError(f"no directory {directory!r} to make a database in")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise ReadOnlyError(f"no permission to make a database in {directory!r}")
        return
    if not os.path.isfile(path):
        raise NotADatabaseError(f"{path!r} is not a file")
    if not read_only and not os.access(path, os.W_OK):
        raise ReadOnlyError(f"no permission to write to {path!r}; open it for reading only")
    if not read_only and not os.path.exists(path + "-lock") and not os.access(directory, os.W_OK):
        raise ReadOnlyError(f"no permission to write in {directory!r}, where the lock file has to be")
    _check_head(path, create)


def _check_head(path: str, create: bool) -> None:
    try:
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError as error:
        raise StorageError(f"cannot read {path!r}: {error}") from error
    if not head and create:
        return
    if _MAGIC not in head:
        raise NotADatabaseError(f"{path!r} is not a perdure database")
    if os.path.getsize(path) < _expected_size(path):
        # Pages that were never written to may be missing at the end; the walk tells that from a file cut short.
        check_structure(path)


def _expected_size(path: str) -> int:
    """Bytes that the newer meta page speaks of; it decides where LMDB will look."""
    from lmdb import verify

    try:
        walker = verify._Verifier(path)
        return int((walker.meta.last_pgno + 1) * walker.psize)
    except Exception:
        return 1 << 62


def structure_findings(path: str) -> list[str]:
    """What LMDB's offline verifier finds wrong in the file; nothing of it is opened by LMDB itself."""
    from lmdb import verify

    try:
        return [str(finding) for finding in verify.verify(path, subdir=False)]
    except verify.VerifyError as error:
        return [str(error)]


def check_structure(path: str) -> None:
    """CorruptRecordError if the verifier finds anything wrong."""
    findings = structure_findings(path)
    if findings:
        raise damaged(path, f"{findings[0]}" + (f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""))


def damaged(path: str, what: str) -> CorruptRecordError:
    """The error for a file whose structure is wrong."""
    return CorruptRecordError(f"the file {path!r} is damaged: {what}; restore it from a backup")


def missing_spaces(path: str, missing: Iterable[int], empty: bool) -> StorageError:
    """The error for a file without some of the spaces."""
    if empty:
        return NotADatabaseError(f"{path!r} is an empty file, no perdure database")
    return NotADatabaseError(f"{path!r} is not a perdure database, or damaged: spaces {sorted(missing)} are missing")


def sync_directory(path: str) -> None:
    """Make the directory entry of a new file durable."""
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def network_filesystem(directory: str, mounts: str | None = None) -> str | None:
    """The type of the network file system that `directory` is on; None for a local one.

    `mounts` is the text of `/proc/self/mountinfo`, read when not given; elsewhere than on Linux nothing is found.
    """
    if mounts is None:
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
                mounts = file.read()
        except OSError:
            return None
    best, found = "", None
    real = os.path.realpath(directory)
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or not kinds:
            continue
        point = fields[4].encode().decode("unicode_escape")
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= len(best):
            best, found = point, kinds[0]
    return found if found in _NETWORK_TYPES else None

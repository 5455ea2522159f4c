"""Looks at a path before LMDB is trusted with it: kind of file, structure, file system."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterable

from lmdb import verify as lmdb_verify

from perdure.errors import (
    CorruptRecordError,
    NetworkFilesystemError,
    NotADatabaseError,
    ReadOnlyError,
    StorageError,
)

from .lmdb_meta import MAGIC

__all__ = [
    "check_structure",
    "damaged",
    "identity",
    "inspect",
    "missing_spaces",
    "network_filesystem",
    "structure_findings",
    "summary",
    "sync_directory",
]

_walk: Callable[..., list[object]] = lmdb_verify.verify
_OCTAL = re.compile(r"\\([0-7]{3})")
_BIRTH_BYTES = 2 * 65536  # both meta pages, of the largest size
_QUIET_TRIES = 3
_NETWORK_TYPES = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4",
    "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
}  # fmt: skip


def identity(path: str) -> tuple[int, int]:
    """Device and inode of the file."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def inspect(path: str, create: bool, read_only: bool) -> None:
    """Refuse a path that cannot be a database, before anything touches it.

    NotADatabaseError: missing and not to be created, a directory, or another kind of file.
    ReadOnlyError: it cannot be written to where that is asked.
    NetworkFilesystemError: locks and shared maps do not work there.
    CorruptRecordError: the file was cut short.
    """
    directory = os.path.dirname(path)
    kind = network_filesystem(directory)
    if kind is not None:
        raise NetworkFilesystemError(
            f"{path!r} is on a network file system ({kind}), where locks are not safe; use a local disk"
        )
    if not os.path.exists(path):
        _inspect_new(path, directory, create)
        return
    if not os.path.isfile(path):
        raise NotADatabaseError(f"{path!r} is not a file")
    if not read_only and not os.access(path, os.W_OK):
        raise ReadOnlyError(f"no permission to write to {path!r}; open it for reading only")
    if not os.path.exists(path + "-lock") and not os.access(directory, os.W_OK):
        raise ReadOnlyError(f"no permission to write in {directory!r}, where the lock file has to be")
    _inspect_head(path, create)


def _inspect_new(path: str, directory: str, create: bool) -> None:
    if not create:
        raise NotADatabaseError(f"no database at {path!r}")
    if not os.path.isdir(directory):
        raise NotADatabaseError(f"no directory {directory!r} to make a database in")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ReadOnlyError(f"no permission to make a database in {directory!r}")


def _inspect_head(path: str, create: bool) -> None:
    metas = _read_metas(path)
    if create and _is_unborn(path, metas):
        os.truncate(path, 0)
        return
    end = _expected_end(metas)
    if end is None:
        raise NotADatabaseError(f"{path!r} is not a perdure database")
    if os.path.getsize(path) < end:
        # Pages never written to may be missing at the end; the walk tells that from a file cut short.
        check_structure(path)


def _is_unborn(path: str, metas: bytes) -> bool:
    """Whether making the file broke off before anything could be stored in it."""
    if os.path.getsize(path) > _BIRTH_BYTES:
        return False
    if not metas.strip(b"\0"):
        with open(path, "rb") as file:
            return not file.read().strip(b"\0")
    start = metas.find(MAGIC)
    return 0 <= start <= 32 and len(metas) < 2 * (start + 136) and not any(metas[start + 128 : start + 136])


def _read_metas(path: str) -> bytes:
    """The bytes of both meta pages; empty for an empty file."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            start = head.find(MAGIC)
            if start < 0:
                return head
            page = int.from_bytes(head[start + 24 : start + 28], "little")
            file.seek(0)
            first = file.read(start + 136)
            file.seek(page)
            return first + file.read(start + 136)
    except OSError as error:
        raise StorageError(f"cannot read {path!r}: {error}") from error


def _expected_end(metas: bytes) -> int | None:
    """Bytes that the newer meta page speaks of, where LMDB will look; None if these are no meta pages."""
    start = metas.find(MAGIC)
    if start < 0 or start > 32 or start % 4:
        return None
    size = start + 136
    if len(metas) < 2 * size or metas.find(MAGIC, size) != size + start:
        return 1 << 62
    page = struct.unpack_from("=I", metas, start + 24)[0]
    ends = [struct.unpack_from("=QQ", metas, base + start + 120) for base in (0, size)]
    last_page, _ = max(ends, key=lambda end: end[1])
    return int((last_page + 1) * page)


def structure_findings(path: str) -> list[str]:
    """What the offline verifier finds wrong in the file, without LMDB opening any of it.

    It holds for a file at rest, or one of which a read transaction keeps the pages.
    """
    try:
        return [str(finding) for finding in _walk(path, subdir=False)]
    except lmdb_verify.VerifyError as error:
        return [str(error)]
    except Exception as error:
        # The walker reads fields of damaged pages; whatever it trips over is a finding.
        return [f"the structure cannot be read: {error!r}"]


def check_structure(path: str) -> bool:
    """CorruptRecordError if the verifier finds anything wrong in a file at rest.

    False if it found something, but other processes kept writing: then only a look at the opened file can tell.
    """
    for _ in range(_QUIET_TRIES):
        before = _read_metas(path)
        findings = structure_findings(path)
        if not findings:
            return True
        if _read_metas(path) == before:
            raise damaged(path, summary(findings))
    return False


def summary(findings: list[str]) -> str:
    """The first finding, and how many more there are."""
    return findings[0] + (f" (and {len(findings) - 1} more findings)" if len(findings) > 1 else "")


def damaged(path: str, what: str) -> CorruptRecordError:
    """The error for a file whose structure is wrong."""
    return CorruptRecordError(f"the file {path!r} is damaged: {what}; restore it from a backup")


def missing_spaces(path: str, missing: Iterable[int], empty: bool) -> StorageError:
    """The error for a file without some of the spaces."""
    if empty:
        return NotADatabaseError(f"{path!r} is an empty file, no perdure database")
    numbers = [int(space) for space in sorted(missing)]
    return NotADatabaseError(f"{path!r} is not a perdure database, or damaged: spaces {numbers} are missing")


def sync_directory(path: str) -> None:
    """Make the directory entry of a new file durable."""
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def network_filesystem(directory: str, mounts: str | None = None) -> str | None:
    """The type of the network file system that `directory` is on; None for a local one.

    `mounts` is the text of `/proc/self/mountinfo`, read when not given; elsewhere than on Linux nothing is
    found.
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
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])
        if len(point) >= len(best) and (real + "/").startswith(point.rstrip("/") + "/"):
            best, found = point, kinds[0]
    return found if found in _NETWORK_TYPES else None

"""The log: one entry a commit, with what it changed, small even for bulk commits.

An entry is `flags, time, [user], [description], [extension], [transaction], changes`. Changes of a space
whose keys start with an object id are runs of ids; of the others the keys themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perdure.errors import CorruptRecordError
from perdure.kernel import versions

from .numbers import ByteReader, put_bytes, put_varint
from .spaces import SPACES

__all__ = ["Changes", "LogEntry", "Runs", "decode", "decode_time", "encode", "merge_changes"]

Runs = list[tuple[int, int]]
Changes = dict[int, "Runs | list[bytes]"]
"""By space: runs `(first id, count)` in order where `Space.log` is "ids", else the keys in order."""

_TIME_BYTES = 8
_USER, _DESCRIPTION, _EXTENSION, _TRANSACTION = 1, 2, 4, 8


@dataclass(slots=True)
class LogEntry:
    """One commit: its state, time (microseconds since 1970), metadata, and what it changed.

    `transaction` is the id under which the batch was prepared; empty for a plain commit.
    """

    state: int
    time: int
    user: str = ""
    description: str = ""
    extension: bytes = b""
    transaction: bytes = b""
    changes: Changes = field(default_factory=dict)


def encode(entry: LogEntry, written: Mapping[int, list[bytes]]) -> bytes:
    """The stored form of an entry whose changes are the sorted keys `written`, by space; the state is its key."""
    out = bytearray(1)
    out += entry.time.to_bytes(_TIME_BYTES, "big")
    if entry.user or entry.description or entry.extension or entry.transaction:
        texts = (entry.user.encode(), entry.description.encode(), entry.extension, entry.transaction)
        for bit, text in enumerate(texts):
            if text:
                out[0] |= 1 << bit
                put_bytes(out, text)
    for space, keys in sorted(written.items()):
        kind = SPACES[space].log
        if not keys or kind is None:
            continue
        out.append(space)
        if kind == "ids":
            out += versions.encode_runs(keys)
        else:
            put_varint(out, len(keys))
            for key in keys:
                put_bytes(out, key)
    return bytes(out)


def decode(state: int, data: bytes) -> LogEntry:
    """The entry of `state` from its stored form; CorruptRecordError if it is none."""
    reader = ByteReader(data)
    flags = reader.take(1)[0]
    time = int.from_bytes(reader.take(_TIME_BYTES), "big")
    user = reader.text() if flags & _USER else ""
    description = reader.text() if flags & _DESCRIPTION else ""
    extension = reader.sized() if flags & _EXTENSION else b""
    transaction = reader.sized() if flags & _TRANSACTION else b""
    changes: Changes = {}
    while not reader.done:
        space = reader.take(1)[0]
        if space >= len(SPACES):
            raise CorruptRecordError(f"damaged database: the log entry of state {state} names no known space")
        if SPACES[space].log == "ids":
            changes[space] = reader.runs()
        else:
            changes[space] = [reader.sized() for _ in range(reader.varint())]
    return LogEntry(state, time, user, description, extension, transaction, changes)


def decode_time(data: bytes) -> int:
    """The time of an entry without the rest."""
    return int.from_bytes(data[1 : 1 + _TIME_BYTES], "big")


def merge_changes(entries: Iterable[LogEntry]) -> Changes:
    """The changes of several commits as one: runs joined, keys once each, in order."""
    gathered: dict[int, list[Any]] = {}
    for entry in entries:
        for space, changed in entry.changes.items():
            gathered.setdefault(space, []).append(changed)
    merged: Changes = {}
    for space, parts in gathered.items():
        if len(parts) == 1:
            merged[space] = parts[0]
        elif SPACES[space].log == "ids":
            merged[space] = _join_runs(sorted(run for part in parts for run in part))
        else:
            merged[space] = sorted({key for part in parts for key in part})
    return merged


def _join_runs(runs: Runs) -> Runs:
    out: Runs = []
    for first, count in runs:
        if out and first <= out[-1][0] + out[-1][1]:
            start, length = out[-1]
            out[-1] = (start, max(length, first + count - start))
        else:
            out.append((first, count))
    return out

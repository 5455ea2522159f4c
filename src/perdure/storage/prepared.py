"""Two-phase commit: a batch that was checked and stored, and waits for the word.

A prepared batch lies in META and survives a crash. While it waits, no other commit may take from it what it
was promised: `Promises.refuse` turns such a commit away with a ConflictError, so that finishing cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from perdure.engine import EngineTransaction
from perdure.errors import ConflictError
from perdure.kernel import versions

from .batch import Batch, Committed, PostingDelta
from .merge import posting_bytes, posting_value
from .numbers import ByteReader, put_bytes, put_varint, unzigzag, zigzag
from .spaces import META, SPACES

__all__ = [
    "Prepared",
    "PreparedRecord",
    "PromiseReader",
    "Promises",
    "decode_record",
    "encode_record",
    "prepared_key",
    "read_prepared",
]

_PREFIX = b"prepared/"
_PREFIX_END = b"prepared0"


def prepared_key(transaction_id: bytes) -> bytes:
    """The META key under which the batch of a transaction waits."""
    return _PREFIX + transaction_id


@dataclass(slots=True)
class PreparedRecord:
    """What META holds of a prepared transaction; `time` in microseconds, `owner` names the process."""

    transaction_id: bytes
    time: int
    owner: bytes
    batch: Batch


class Prepared:
    """A prepared transaction: `finish` or `abort` it. Either may come from another process, after a crash.

    `transaction_id` and `time` (microseconds since 1970) tell which it is; `orphaned` whether the process
    that prepared it has gone.
    """

    def __init__(
        self,
        record: PreparedRecord,
        orphaned: Callable[[], bool],
        settle: Callable[[bytes, bool], Committed | None],
    ) -> None:
        self.transaction_id = record.transaction_id
        self.time = record.time
        self._orphaned = orphaned
        self._settle = settle

    @property
    def orphaned(self) -> bool:
        """Whether the process that prepared it no longer has the database open."""
        return self._orphaned()

    def finish(self) -> Committed:
        """Commit it as the next state. StorageError: it was settled before."""
        committed = self._settle(self.transaction_id, True)
        assert committed is not None
        return committed

    def abort(self) -> None:
        """Forget it; harmless when it was aborted before. StorageError: it was finished."""
        self._settle(self.transaction_id, False)


def encode_record(record: PreparedRecord) -> bytes:
    """The stored form."""
    out = bytearray()
    put_varint(out, record.time)
    put_bytes(out, record.owner)
    batch = record.batch
    put_varint(out, batch.base)
    for text in (batch.user.encode(), batch.description.encode(), batch.extension):
        put_bytes(out, text)
    _put_spaces(out, batch.puts, _put_value)
    _put_spaces(out, batch.merges, _put_merge)
    _put_spaces(out, {space: dict.fromkeys(keys) for space, keys in batch.reads.items()}, _put_nothing)
    _put_spaces(out, {space: dict.fromkeys(keys) for space, keys in batch.required.items()}, _put_nothing)
    _put_spaces(out, batch.expected, lambda out, value: put_varint(out, zigzag(value)))
    return bytes(out)


def decode_record(transaction_id: bytes, data: bytes) -> PreparedRecord:
    """The inverse of `encode_record`."""
    reader = ByteReader(data)
    time, owner = reader.varint(), reader.sized()
    batch = Batch(reader.varint())
    batch.user, batch.description, batch.extension = reader.text(), reader.text(), reader.sized()
    batch.puts = _take_spaces(reader, _take_value)
    batch.merges = _take_spaces(reader, _take_merge)
    batch.reads = {space: set(keys) for space, keys in _take_spaces(reader, lambda _: None).items()}
    batch.required = {space: list(keys) for space, keys in _take_spaces(reader, lambda _: None).items()}
    batch.expected = _take_spaces(reader, lambda reader: unzigzag(reader.varint()))
    return PreparedRecord(transaction_id, time, owner, batch)


def _put_spaces(out: bytearray, spaces: Any, put: Callable[[bytearray, Any], None]) -> None:
    put_varint(out, len(spaces))
    for space, items in spaces.items():
        put_varint(out, space)
        put_varint(out, len(items))
        for key, value in items.items():
            put_bytes(out, key)
            put(out, value)


def _take_spaces(reader: ByteReader, take: Callable[[ByteReader], Any]) -> dict[int, dict[bytes, Any]]:
    spaces = {}
    for _ in range(reader.varint()):
        space = reader.varint()
        spaces[space] = {reader.sized(): take(reader) for _ in range(reader.varint())}
    return spaces


def _put_nothing(out: bytearray, value: object) -> None:
    del out, value


def _put_value(out: bytearray, value: bytes | None) -> None:
    out.append(value is not None)
    put_bytes(out, value or b"")


def _take_value(reader: ByteReader) -> bytes | None:
    present, value = reader.take(1)[0], reader.sized()
    return value if present else None


def _put_merge(out: bytearray, change: int | PostingDelta) -> None:
    out.append(isinstance(change, PostingDelta))
    if isinstance(change, PostingDelta):
        put_bytes(out, posting_bytes(change.adds) or b"")
        put_bytes(out, posting_bytes(change.removes) or b"")
    else:
        put_varint(out, zigzag(change))


def _take_merge(reader: ByteReader) -> int | PostingDelta:
    if not reader.take(1)[0]:
        return unzigzag(reader.varint())
    return PostingDelta(posting_value(reader.sized() or None), posting_value(reader.sized() or None))


def read_prepared(transaction: EngineTransaction) -> Iterator[PreparedRecord]:
    """All prepared transactions, by id."""
    for key, stored in transaction.scan(META, _PREFIX, _PREFIX_END):
        yield decode_record(key[len(_PREFIX) :], versions.open_head(key, stored, int(META)))


class PromiseReader:
    """Reads the waiting transactions, each only once."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[bytes, PreparedRecord]] = {}

    def read(self, transaction: EngineTransaction) -> Promises:
        """What is promised at this moment."""
        first = transaction.seek(META, _PREFIX)
        if first is None or not first[0].startswith(_PREFIX):
            self._known = {}
            return Promises([])
        known = {}
        for key, stored in transaction.scan(META, _PREFIX, _PREFIX_END):
            before = self._known.get(key)
            if before is None or before[0] != stored:
                before = (
                    stored,
                    decode_record(key[len(_PREFIX) :], versions.open_head(key, stored, int(META))),
                )
            known[key] = before
        self._known = known
        return Promises([record for _, record in known.values()])


class Promises:
    """What the waiting transactions were promised, as sets of keys by space."""

    def __init__(self, records: list[PreparedRecord]) -> None:
        self._records = records

    def refuse(self, batch: Batch) -> None:
        """ConflictError if committing `batch` now would break a promise."""
        for record in self._records:
            for space, key in _broken(batch, record.batch):
                raise ConflictError(
                    f"conflict in {SPACES[space]!r}: the key 0x{key.hex()} is held by the prepared "
                    f"transaction 0x{record.transaction_id.hex()} until that is finished or aborted"
                )


def _broken(batch: Batch, held: Batch) -> Iterator[tuple[int, bytes]]:
    """Keys over which `batch` and the held one collide."""
    for space, changed in _touched(batch).items():
        promised = {*held.puts.get(space, ()), *held.reads.get(space, ()), *held.expected.get(space, ())}
        for key in sorted(promised & changed):
            yield space, key
    for space, puts in batch.puts.items():
        promised = {*held.merges.get(space, ())}
        promised |= {key for key in held.required.get(space, ()) if key in puts and puts[key] is None}
        for key in sorted(promised & puts.keys()):
            yield space, key
    for space, changed in _touched(held).items():
        needed = {*batch.expected.get(space, ())}
        deleted = {key for key, value in held.puts.get(space, {}).items() if value is None}
        for key in sorted((needed & changed) | deleted.intersection(batch.required.get(space, ()))):
            yield space, key


def _touched(batch: Batch) -> dict[int, set[bytes]]:
    touched = {space: set(puts) for space, puts in batch.puts.items()}
    for space, merges in batch.merges.items():
        touched.setdefault(space, set()).update(merges)
    return touched

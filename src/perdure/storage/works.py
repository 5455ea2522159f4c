"""What the storage does inside an engine write transaction; see `group.Work`."""

from __future__ import annotations

from dataclasses import replace
from time import time_ns

from perdure.engine import EngineTransaction
from perdure.errors import StateUnavailableError, StorageError
from perdure.kernel import keys

from .batch import Batch, Committed, Resolve
from .meta import CLOSED_KEY, PACKED_KEY, get_meta, get_number, make_database, put_meta, put_number
from .prepared import PreparedRecord, decode_record, encode_record, prepared_key
from .spaces import LOG, META
from .writing import Writer

__all__ = ["Abandon", "Commit", "Delete", "Finish", "Make", "Prepare", "Raise", "Reserve", "Seal"]


class Make:
    """Makes empty spaces a database."""

    def run(self, writer: Writer) -> None:
        """Write format and identity unless they are there."""
        make_database(writer.transaction)


class Commit:
    """Writes a batch as the next state."""

    def __init__(self, batch: Batch, resolve: Resolve | None) -> None:
        self._batch = batch
        self._resolve = resolve

    def run(self, writer: Writer) -> Committed:
        """Check, then write."""
        return writer.apply(writer.plan(self._batch, self._resolve))


class Reserve:
    """Takes numbers from a counter."""

    def __init__(self, key: bytes, count: int) -> None:
        self._key = key
        self._count = count

    def run(self, writer: Writer) -> int:
        """The first of the numbers."""
        last = get_number(writer.transaction, self._key)
        put_number(writer.transaction, self._key, last + self._count)
        return last + 1


class Prepare:
    """Checks a batch and stores it to be finished or aborted later."""

    def __init__(self, batch: Batch, resolve: Resolve | None, transaction_id: bytes, owner: bytes) -> None:
        self._batch = batch
        self._resolve = resolve
        self._id = transaction_id
        self._owner = owner

    def run(self, writer: Writer) -> PreparedRecord:
        """The stored record. StorageError: the transaction id is in use."""
        if get_meta(writer.transaction, prepared_key(self._id)) is not None:
            raise StorageError(f"the transaction 0x{self._id.hex()} is prepared already")
        plan = writer.plan(self._batch, self._resolve, merged=False)
        record = PreparedRecord(self._id, time_ns() // 1000, self._owner, replace(self._batch, puts=plan.puts))
        put_meta(writer.transaction, prepared_key(self._id), encode_record(record))
        writer.promises_changed()
        return record


class Finish:
    """Commits a prepared transaction."""

    def __init__(self, transaction_id: bytes) -> None:
        self._id = transaction_id

    def run(self, writer: Writer) -> Committed:
        """Write it as the next state and forget that it waited."""
        record = _take(writer.transaction, self._id)
        plan = writer.plan(record.batch, None, self._id, checked=True)
        committed = writer.apply(plan)
        writer.transaction.delete_many(META, [prepared_key(self._id)])
        writer.promises_changed()
        return committed


class Abandon:
    """Forgets a prepared transaction."""

    def __init__(self, transaction_id: bytes) -> None:
        self._id = transaction_id

    def run(self, writer: Writer) -> None:
        """Delete what was stored of it."""
        writer.transaction.delete_many(META, [prepared_key(self._id)])
        writer.promises_changed()


def _take(transaction: EngineTransaction, transaction_id: bytes) -> PreparedRecord:
    data = get_meta(transaction, prepared_key(transaction_id))
    if data is None:
        raise StorageError(f"the transaction 0x{transaction_id.hex()} is not prepared; it was settled before")
    return decode_record(transaction_id, data)


class Raise:
    """Sets the oldest state that can be viewed, and cuts the log."""

    def __init__(self, floor: int, back: bool = False) -> None:
        self._floor = floor
        self._back = back

    def run(self, writer: Writer) -> int:
        """The oldest state from now on; never lower than before unless `back`."""
        if self._floor > writer.head.state:
            raise StateUnavailableError(f"there is no state {self._floor} yet, the newest is {writer.head.state}")
        present = get_number(writer.transaction, PACKED_KEY)
        if self._floor > present or self._back:
            put_number(writer.transaction, PACKED_KEY, self._floor)
            return self._floor
        return present


class Delete:
    """Removes entries that nothing can see any more."""

    def __init__(self, space: int, physical: list[bytes]) -> None:
        self._space = space
        self._physical = physical

    def run(self, writer: Writer) -> int:
        """How many there were."""
        return writer.transaction.delete_many(self._space, self._physical)


class CutLog:
    """Removes log entries up to a state; that of the newest state stays."""

    def __init__(self, floor: int) -> None:
        self._floor = floor

    def run(self, writer: Writer) -> int:
        """How many there were."""
        end = keys.encode_uint(min(self._floor + 1, writer.head.state))
        return writer.transaction.delete_range(LOG, b"", end)


class Seal:
    """Ends a session of writing with a commit that changes nothing a reader sees.

    So the engine's last two commits hold the same data, and damage to the choice between them does no harm.
    """

    def run(self, writer: Writer) -> None:
        """Note the newest state."""
        put_number(writer.transaction, CLOSED_KEY, writer.head.state)

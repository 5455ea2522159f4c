"""The multi-version key-value store over any engine."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import suppress

from perdure.engine import Engine, EngineTransaction
from perdure.errors import NotADatabaseError, ReadOnlyError, StateUnavailableError, StorageError
from perdure.kernel import keys, versions

from . import log
from .batch import Batch, Committed, Problem, Resolve
from .group import Group
from .log import Changes, LogEntry
from .meta import COUNTER_PREFIX, PACKED_KEY, UUID_KEY, check_format, get_meta, get_number
from .packing import pack
from .pins import Pins
from .prepared import Prepared, PreparedRecord, read_prepared
from .reader import Reader
from .spaces import LOG
from .trimming import Trimmer
from .verifying import verify
from .view import View
from .works import Abandon, Commit, Finish, Make, Prepare, Reserve, Seal
from .writing import Head

__all__ = ["VersionedStorage"]

_LOG_PART = 256
_CATCH_UP_TRIES, _CATCH_UP_SECONDS = 100, 0.002
_WATCH_SECONDS_MAX = 1.0


class VersionedStorage:
    """States 1, 2, 3, … of the key spaces over one engine; every commit makes the next.

    Views read as of a state, batches are checked and written atomically, a log tells what each commit
    changed. With `history=False` only the versions that open views need are kept.

    ```
    storage = VersionedStorage(MemoryEngine(SPACES))
    storage.commit(Batch(base=0, puts={RECORDS: {encode_uint(1): b"one"}}))
    ```
    """

    def __init__(self, engine: Engine, history: bool = True, on_close: Callable[[], None] | None = None) -> None:
        self.engine = engine
        self._on_close = on_close
        self.history = history
        self.read_only = engine.capabilities.read_only
        self._reader = Reader(engine)
        self._packed = (-1, 0)  # a moment of the engine, and the oldest state in it
        self._pins = Pins(engine)
        self._group = Group(engine, self._reader, None if history else Trimmer(self._smallest_pin))
        self._closed = False
        if not self._reader.run(lambda transaction: check_format(transaction, self._name)):
            if self.read_only:
                raise NotADatabaseError(f"{self._name} is empty, no perdure database")
            self._group.run(Make())

    def _smallest_pin(self) -> int | None:
        pins = [pin for pin in (self.engine.pinned(), self._pins.smallest) if pin is not None]
        return min(pins, default=None)

    @property
    def _name(self) -> str:
        return repr(getattr(self.engine, "path", "the memory database"))

    @property
    def uuid(self) -> bytes:
        """16 bytes that name this database."""
        value = self._reader.run(lambda transaction: get_meta(transaction, UUID_KEY))
        if value is None:
            raise NotADatabaseError(f"{self._name} has no identity")
        return value

    @property
    def last_state(self) -> int:
        """The newest committed state, of any process; 0 before the first commit."""
        return self._reader.last_state()

    @property
    def last_commit(self) -> Committed:
        """State and time of the newest commit."""
        head = self._reader.run(Head.read, fresh=True)
        return Committed(head.state, head.time)

    @property
    def packed(self) -> int:
        """The oldest state that can be viewed."""
        known = self._packed
        if known[0] != self.engine.moment():
            known = self._packed = self._reader.run(_read_packed, fresh=True)
        return known[1]

    def view(self, at: int | None = None) -> View:
        """What is stored as of state `at`, by default the newest.

        StateUnavailableError: there is no such state yet, or its history was packed away.
        """
        self._check_open()
        if at is not None:
            return self._view_at(at)
        while True:
            state = self.last_state
            # Once the pin shows, a commit begun later spares the state; one begun earlier made a newer state.
            if not self._pins.add(state) or self.last_state == state:
                return View(self._reader, state, self._pins.remove)
            self._pins.remove(state)

    def later_view(self, view: View, state: int) -> View:
        """What is stored as of `state`, known to be committed, later than `view`, which spares it until it is
        released.
        """
        self._check_open()
        if state < view.state:
            return self._view_at(state)
        self._pins.add(state)
        return View(self._reader, state, self._pins.remove)

    def _view_at(self, at: int) -> View:
        self._pins.add(at)
        view = View(self._reader, at, self._pins.remove)
        last, packed = self.last_state, self.packed
        if not packed <= at <= last:
            view.release()
            raise StateUnavailableError(f"state {at} of {self._name} is not there; states {packed} to {last} are")
        return view

    def commit(self, batch: Batch, resolve: Resolve | None = None) -> Committed:
        """Write a batch durably as the next state.

        `resolve` settles keys that were changed since the batch's base; it may be called more than once.
        ConflictError: such a key, without a way to settle it; nothing was written.
        """
        self._check_writable()
        committed: Committed = self._group.run(Commit(batch, resolve))
        return committed

    def prepare(self, batch: Batch, transaction_id: bytes, resolve: Resolve | None = None) -> Prepared:
        """Check a batch and store it durably, so that finishing it cannot fail; the first of two phases.

        Until it is settled, commits that would get in its way raise ConflictError. It survives a crash: see
        `prepared`. ConflictError: as for `commit`. StorageError: `transaction_id` is in use.
        """
        self._check_writable()
        return self._hand_out(self._group.run(Prepare(batch, resolve, transaction_id, self.engine.owner())))

    def prepared(self) -> list[Prepared]:
        """The prepared transactions that wait to be finished or aborted, also those of other processes."""
        records = self._reader.run(lambda transaction: list(read_prepared(transaction)), fresh=True)
        return [self._hand_out(record) for record in records]

    def catch_up(self) -> bool:
        """Let reads see every commit, also the last one of a process that was killed on its way out of it.

        LMDB shows a commit to readers after it is durable; when its process dies in between, the next writer does that.
        False: this storage is open for reading only, and no writer has done it in time.
        """
        wanted = self.engine.moment()
        for _ in range(_CATCH_UP_TRIES):
            if self._reader.run(lambda transaction: transaction.moment, fresh=True) >= wanted:
                return True
            if self.read_only:
                clock.sleep(_CATCH_UP_SECONDS)
            else:
                self.engine.begin(write=True).abort()
        return False

    def finished(self, transaction_id: bytes, since: int = 0) -> Committed | None:
        """The commit that finished a prepared transaction, if it was made at or after time `since`."""
        for entry in self.log(self.packed):
            if entry.time >= since and entry.transaction == transaction_id:
                return Committed(entry.state, entry.time)
        return None

    def _hand_out(self, record: PreparedRecord) -> Prepared:
        return Prepared(record, lambda: not self.engine.is_alive(record.owner), self._settle)

    def _settle(self, transaction_id: bytes, finish: bool) -> Committed | None:
        self._check_writable()
        committed: Committed | None = self._group.run(Finish(transaction_id) if finish else Abandon(transaction_id))
        return committed

    def reserve(self, counter: str, count: int) -> range:
        """The next `count` numbers of `counter`, from 1 on; durable, never given twice, in no process."""
        self._check_writable()
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        first: int = self._group.run(Reserve(COUNTER_PREFIX + counter.encode(), count))
        return range(first, first + count)

    def log(self, after: int, upto: int | None = None) -> Iterator[LogEntry]:
        """The commits with `after < state <= upto`, oldest first.

        StateUnavailableError: the log does not reach back to `after`.
        """
        position = keys.encode_uint(after + 1)
        end = None if upto is None else keys.encode_uint(upto + 1)
        if after < self.packed:
            raise StateUnavailableError(f"the log of {self._name} begins after state {self.packed}, not {after}")
        while True:
            part, resume = self._reader.run(
                lambda transaction, lo=position: versions.open_scan(  # type: ignore[misc]
                    transaction.scan(LOG, lo, end), lo, end, int(LOG), _LOG_PART
                )
            )
            for key, value in part:
                yield log.decode(keys.decode_uint(key)[0], value)
            if resume is None:
                return
            position = resume

    def changes(self, after: int, upto: int | None = None) -> Changes:
        """What the commits with `after < state <= upto` changed together."""
        return log.merge_changes(self.log(after, upto))

    def each_change(self, after: int, upto: int) -> list[Changes]:
        """What each of the commits with `after < state <= upto` changed, for invalidating caches.

        StateUnavailableError: the log does not reach back to `after`, nor does the memory of this process.
        """
        recent = self._group.recent.changes(after, upto)
        return [entry.changes for entry in self.log(after, upto)] if recent is None else recent

    def watch(self, after: int, timeout: float | None = None) -> int:
        """Wait until the newest state is later than `after`, at most `timeout` seconds; the newest state."""
        watcher = self.engine.watch()
        end = None if timeout is None else clock.monotonic() + timeout
        while True:
            ticket = watcher.ticket()
            self._check_open()
            last = self.last_state
            self.relax()
            left = _WATCH_SECONDS_MAX if end is None else min(end - clock.monotonic(), _WATCH_SECONDS_MAX)
            if last > after or left <= 0:
                return last
            watcher.wait(ticket, left)

    def pack(self, before: int) -> int:
        """Forget what only states before `before` see; the oldest state that can be viewed from now on.

        Open views are spared, in every process. StateUnavailableError: there is no state `before` yet.
        """
        self._check_writable()
        return pack(self._reader, self._group, self._smallest_pin, before)

    def verify(self) -> Iterator[Problem]:
        """Everything wrong that can be found in structure, checksums, versions, chains and log."""
        with self._view_oldest():  # so that no packing comes between
            yield from verify(self.engine, self._reader)

    def _view_oldest(self) -> View:
        while True:
            with suppress(StateUnavailableError):  # another process has packed it just now
                return self._view_at(self.packed)

    def relax(self) -> None:
        """Hold on to nothing of the engine until the next read; views stay as they are."""
        self._reader.relax()

    def close(self) -> None:
        """End the use of the storage; harmless when closed."""
        if self._closed:
            return
        if self._group.wrote:
            # A full disk is no reason not to close; the seal only guards against damage.
            with suppress(StorageError):
                self._group.run(Seal())
        self._closed = True
        self._reader.close()
        self.engine.close()
        if self._on_close is not None:
            self._on_close()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"the database {self._name} is closed")

    def _check_writable(self) -> None:
        self._check_open()
        if self.read_only:
            raise ReadOnlyError(f"the database {self._name} is open for reading only")

    def __enter__(self) -> VersionedStorage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read_packed(transaction: EngineTransaction) -> tuple[int, int]:
    return transaction.moment, get_number(transaction, PACKED_KEY)

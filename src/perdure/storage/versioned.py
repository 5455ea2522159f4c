"""The multi-version key-value store over any engine."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator

from perdure.engine import Engine, EngineTransaction
from perdure.errors import NotADatabaseError, ReadOnlyError, StateUnavailableError, StorageError
from perdure.kernel import keys, versions

from . import log
from .batch import Batch, Committed, Resolve
from .group import Group
from .log import Changes, LogEntry
from .meta import (
    COUNTER_PREFIX,
    PACKED_KEY,
    UUID_KEY,
    check_format,
    get_meta,
    get_number,
    make_database,
    put_number,
)
from .pins import Pins
from .reader import Reader
from .spaces import LOG
from .view import View
from .writing import Head, Writer

__all__ = ["VersionedStorage"]

_LOG_PART = 256
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

    def __init__(self, engine: Engine, history: bool = True) -> None:
        self.engine = engine
        self.history = history
        self.read_only = engine.capabilities.read_only
        self._reader = Reader(engine)
        self._pins = Pins(engine)
        self._group = Group(engine, self._reader)
        self._closed = False
        if not self._reader.run(lambda transaction: check_format(transaction, self._name)):
            if self.read_only:
                raise NotADatabaseError(f"{self._name} is empty, no perdure database")
            self._group.run(_Make())

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
        return self._reader.run(_last_state, fresh=True)

    @property
    def last_commit(self) -> Committed:
        """State and time of the newest commit."""
        head = self._reader.run(Head.read, fresh=True)
        return Committed(head.state, head.time)

    @property
    def packed(self) -> int:
        """The oldest state that can be viewed."""
        return self._reader.run(lambda transaction: get_number(transaction, PACKED_KEY), fresh=True)

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

    def _view_at(self, at: int) -> View:
        self._pins.add(at)
        view = View(self._reader, at, self._pins.remove)
        last, packed = self.last_state, self.packed
        if not packed <= at <= last:
            view.release()
            raise StateUnavailableError(
                f"state {at} of {self._name} is not there; states {packed} to {last} are"
            )
        return view

    def commit(self, batch: Batch, resolve: Resolve | None = None) -> Committed:
        """Write a batch durably as the next state.

        `resolve` settles keys that were changed since the batch's base; it may be called more than once.
        ConflictError: such a key, without a way to settle it; nothing was written.
        """
        self._check_writable()
        committed: Committed = self._group.run(_Commit(batch, resolve))
        return committed

    def reserve(self, counter: str, count: int) -> range:
        """The next `count` numbers of `counter`, from 1 on; durable, never given twice, in no process."""
        self._check_writable()
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        first: int = self._group.run(_Reserve(COUNTER_PREFIX + counter.encode(), count))
        return range(first, first + count)

    def log(self, after: int, upto: int | None = None) -> Iterator[LogEntry]:
        """The commits with `after < state <= upto`, oldest first.

        StateUnavailableError: the log does not reach back to `after`.
        """
        position = keys.encode_uint(after + 1)
        end = None if upto is None else keys.encode_uint(upto + 1)
        if after < self.packed:
            raise StateUnavailableError(
                f"the log of {self._name} begins after state {self.packed}, not {after}"
            )
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
        """What the commits with `after < state <= upto` changed together, for invalidating caches."""
        return log.merge_changes(self.log(after, upto))

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

    def relax(self) -> None:
        """Hold on to nothing of the engine until the next read; views stay as they are."""
        self._reader.relax()

    def close(self) -> None:
        """End the use of the storage; harmless when closed."""
        if self._closed:
            return
        self._closed = True
        self._reader.close()
        self.engine.close()

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


def _last_state(transaction: EngineTransaction) -> int:
    last = transaction.last(LOG)
    return 0 if last is None else keys.decode_uint(last[0])[0]


class _Make:
    def run(self, writer: Writer) -> None:
        make_database(writer.transaction)


class _Commit:
    def __init__(self, batch: Batch, resolve: Resolve | None) -> None:
        self.batch = batch
        self.resolve = resolve

    def run(self, writer: Writer) -> Committed:
        return writer.apply(writer.plan(self.batch, self.resolve))


class _Reserve:
    def __init__(self, key: bytes, count: int) -> None:
        self.key = key
        self.count = count

    def run(self, writer: Writer) -> int:
        last = get_number(writer.transaction, self.key)
        put_number(writer.transaction, self.key, last + self.count)
        return last + 1

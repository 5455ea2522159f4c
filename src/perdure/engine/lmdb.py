"""The engine on one LMDB file: crash-safe by shadow paging, readers without locks, several processes.

Each space is a sub-database of its own, so that ascending keys append and pages fill up. Within a process a file is opened
once, however many engines stand on it, because LMDB's locks belong to process and file. The map grows by itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import lmdb

from perdure.errors import ReadOnlyError, StorageError, StorageFailedError

from . import lmdb_file
from .lmdb_errors import translate
from .protocol import Capabilities, Pair, RetryTransaction, TransactionClosed
from .shared_memory import SharedMemory

__all__ = ["LmdbEngine", "LmdbTransaction"]

MAP_BYTES_MIN = 1 << 30
MAP_BYTES_MARGIN = 4  # the first map is so many times the file
READERS_MAX = 510

_open_files: dict[tuple[int, int], _File] = {}
_registry = threading.RLock()


class LmdbEngine:
    """An ordered map of bytes in the LMDB file at `path`.

    `spaces` are the numbers of all spaces; missing ones are made. `create` allows a new file, `read_only` refuses write
    transactions, `map_bytes` is the first size of the memory map. Errors: those named in `lmdb_file.inspect`.

    ```
    engine = LmdbEngine("/tmp/example.db", spaces=range(2))
    ```
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        spaces: Iterable[int],
        create: bool = True,
        read_only: bool = False,
        map_bytes: int | None = None,
    ) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self._read_only = read_only
        with _registry:
            self._file = _attach(self.path, sorted(spaces), create and not read_only, read_only, map_bytes)
        self.guard = self._file.guard
        self._pin: int | None = None
        self._closed = False
        self._file.engines.add(self)
        self.capabilities = Capabilities(
            name="lmdb",
            key_bytes_max=self._file.env.max_key_size(),
            value_bytes_max=(1 << 32) - 1,
            durable=True,
            processes=True,
            read_only=read_only,
        )

    def begin(self, write: bool = False) -> LmdbTransaction:
        """Start a transaction; a writer waits for writers of this and other processes."""
        if self._closed:
            raise StorageError(f"the database {self.path!r} is closed")
        if write and self._read_only:
            raise ReadOnlyError(f"the database {self.path!r} is open for reading only")
        return self._file.begin(write)

    def watch(self) -> SharedMemory:
        """What tells that another thread or process committed."""
        return self._file.shared

    def pin(self, state: int | None) -> None:
        """Tell all processes that this engine reads states from `state` on; None: it reads none."""
        with self.guard:
            self._pin = state
            self._file.publish_pins()

    @property
    def own_pin(self) -> int | None:
        """What `pin` was last given."""
        return self._pin

    def pinned(self) -> int | None:
        """The smallest state that any process reads, or None."""
        return self._file.shared.pinned()

    def size_bytes(self) -> int:
        """Size of the data file."""
        return os.stat(self.path).st_size

    def copy(self, target: str) -> None:
        """Write a compact copy of the newest committed state to the new file `target`."""
        try:
            self._file.env.copy(target, compact=True)
        except lmdb.Error as error:
            raise translate(error, target) from error

    def close(self) -> None:
        """End the use of the file; harmless when closed."""
        with _registry:
            if self._closed:
                return
            self._closed = True
            self._file.detach(self)


def _attach(path: str, spaces: list[int], create: bool, read_only: bool, map_bytes: int | None) -> _File:
    """The file at `path`, opened unless this process has it open already."""
    lmdb_file.inspect(path, create, read_only)
    file = None
    with contextlib.suppress(FileNotFoundError):
        file = _open_files.get(lmdb_file.identity(path))
    if file is None:
        file = _File(path, spaces, create, map_bytes)
        _open_files[file.identity] = file
    file.users += 1
    return file


class _File:
    """One LMDB environment of this process, shared by the engines on it."""

    def __init__(self, path: str, spaces: list[int], create: bool, map_bytes: int | None) -> None:
        self.path = path
        self.guard = threading.RLock()
        self.users = 0
        self.engines: weakref.WeakSet[LmdbEngine] = weakref.WeakSet()
        self.failure: str | None = None
        self._writing = threading.Lock()
        self._readers: weakref.WeakSet[LmdbTransaction] = weakref.WeakSet()
        fresh = not os.path.exists(path)
        self.env = self._open(create, map_bytes)
        try:
            self.tables = self._open_tables(spaces, create)
            self.shared = SharedMemory(path + "-shared")
        except BaseException:
            self.env.close()
            raise
        self.identity = lmdb_file.identity(path)
        if fresh:
            lmdb_file.sync_directory(path)

    def _open(self, create: bool, map_bytes: int | None) -> lmdb.Environment:
        size = os.path.getsize(self.path) if os.path.exists(self.path) else 0
        writable = create or os.access(self.path, os.W_OK)
        try:
            return lmdb.open(
                self.path,
                map_size=max(size, map_bytes or max(MAP_BYTES_MIN, size * MAP_BYTES_MARGIN)),
                subdir=False,
                readonly=not writable,
                max_dbs=64,
                max_readers=READERS_MAX,
                mode=0o644,
            )
        except lmdb.Error as error:
            raise translate(error, self.path) from error

    def _open_tables(self, spaces: list[int], create: bool) -> list[Any]:
        tables: list[Any] = [None] * (spaces[-1] + 1)
        try:
            missing = set()
            with self.env.begin() as transaction:
                names = {bytes(name) for name, _ in transaction.cursor()}
                missing = {space for space in spaces if b"%d" % space not in names}
            if missing and (not create or len(missing) < len(spaces)):
                raise lmdb_file.missing_spaces(self.path, missing, not names)
            if missing:
                with self.env.begin(write=True) as transaction:
                    for space in spaces:
                        tables[space] = self.env.open_db(b"%d" % space, txn=transaction, create=space in missing)
            else:
                # Without `txn`: py-lmdb keeps a read transaction as a spare rather than commit it, and the handles die.
                for space in spaces:
                    tables[space] = self.env.open_db(b"%d" % space, create=False)
        except lmdb.Error as error:
            raise translate(error, self.path) from error
        if any(any(table.flags(None).values()) for table in tables if table is not None):
            raise lmdb_file.damaged(self.path, "a space has flags that perdure never sets")
        return tables

    def begin(self, write: bool) -> LmdbTransaction:
        if write:
            self._writing.acquire()
        try:
            if write and self.failure is not None:
                raise StorageFailedError(
                    f"an earlier failure left {self.path!r} refusing writes until it is reopened: {self.failure}"
                )
            return self._begin(write)
        except BaseException:
            if write:
                self._writing.release()
            raise

    def _begin(self, write: bool) -> LmdbTransaction:
        while True:
            try:
                raw = self.env.begin(write=write)
                break
            except lmdb.MapResizedError:
                self.resize(0)
            except lmdb.Error as error:
                self.fail(error)
        transaction = LmdbTransaction(self, raw, write)
        if not write:
            self._readers.add(transaction)
        return transaction

    def resize(self, size: int) -> None:
        """Give the map a new size (0: what another process chose); no transaction may stand on the old one."""
        with self.guard:
            for reader in list(self._readers):
                reader.abort()
            self.env.set_mapsize(size)

    def grow(self) -> None:
        self.resize(2 * self.env.info()["map_size"])

    def fail(self, error: lmdb.Error) -> NoReturn:
        """Raise what `error` means; an I/O failure ends all writing."""
        translated = translate(error, self.path)
        if isinstance(translated, StorageFailedError):
            self.failure = str(error)
        raise translated from error

    def end_write(self) -> None:
        self._writing.release()

    def publish_pins(self) -> None:
        pins = [engine.own_pin for engine in self.engines if engine.own_pin is not None]
        self.shared.pin(min(pins, default=None))

    def detach(self, engine: LmdbEngine) -> None:
        self.engines.discard(engine)
        self.users -= 1
        if self.users:
            self.publish_pins()
            return
        with self.guard:
            _open_files.pop(self.identity, None)
            for reader in list(self._readers):
                reader.abort()
            self.shared.close()
            self.env.close()


class _Closed:
    """Stands for the cursors of an ended transaction."""

    def __getitem__(self, space: int) -> NoReturn:
        raise TransactionClosed


class LmdbTransaction:
    """A transaction over all spaces, with one cursor a space."""

    __slots__ = ("__weakref__", "_cursors", "_file", "_raw", "_write")

    def __init__(self, file: _File, raw: Any, write: bool) -> None:
        self._file = file
        self._raw = raw
        self._write = write
        self._cursors: Any = [None] * len(file.tables)

    def _cursor(self, space: int) -> Any:
        cursor = self._cursors[space]
        if cursor is None:
            cursor = self._cursors[space] = self._raw.cursor(self._file.tables[space])
        return cursor

    def get(self, space: int, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        cursor = self._cursors[space] or self._cursor(space)
        try:
            value: bytes | None = cursor.get(key)
            return value
        except lmdb.Error as error:
            self._file.fail(error)

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, in their order."""
        get = self._cursor(space).get
        try:
            return [get(key) for key in keys]
        except lmdb.Error as error:
            self._file.fail(error)

    def seek(self, space: int, key: bytes) -> Pair | None:
        """The first entry at or after `key`, or None."""
        cursor = self._cursors[space] or self._cursor(space)
        try:
            return cursor.item() if cursor.set_range(key) else None
        except lmdb.Error as error:
            self._file.fail(error)

    def seek_many(self, space: int, keys: Sequence[bytes]) -> list[Pair | None]:
        """`seek` for each of `keys`."""
        cursor = self._cursor(space)
        set_range, item = cursor.set_range, cursor.item
        try:
            return [item() if set_range(key) else None for key in keys]
        except lmdb.Error as error:
            self._file.fail(error)

    def last(self, space: int) -> Pair | None:
        """The entry with the greatest key, or None."""
        cursor = self._cursors[space] or self._cursor(space)
        try:
            return cursor.item() if cursor.last() else None
        except lmdb.Error as error:
            self._file.fail(error)

    def scan(self, space: int, lo: bytes = b"", hi: bytes | None = None, reverse: bool = False) -> Iterator[Pair]:
        """Entries with `lo <= key < hi`, in order or reversed."""
        self._cursor(space)
        cursor = self._raw.cursor(self._file.tables[space])
        try:
            yield from _backward(cursor, lo, hi) if reverse else _forward(cursor, lo, hi)
        except lmdb.Error as error:
            if self._raw is None:
                raise TransactionClosed from error
            self._file.fail(error)

    def put_many(self, space: int, items: Sequence[Pair]) -> None:
        """Write entries sorted by key; those behind the last key of the space are appended."""
        if not items:
            return
        cursor = self._cursor(space)
        try:
            start = bisect_right(items, cursor.key(), key=_first) if cursor.last() else 0
            if start:
                cursor.putmulti(items if start == len(items) else items[:start])
            if start < len(items):
                cursor.putmulti(items[start:] if start else items, append=True)
        except lmdb.Error as error:
            self._refuse(error)

    def delete_many(self, space: int, keys: Iterable[bytes]) -> int:
        """Remove entries; how many were there."""
        cursor = self._cursor(space)
        count = 0
        try:
            for key in keys:
                if cursor.set_key(key):
                    count += cursor.delete()
        except lmdb.Error as error:
            self._refuse(error)
        return count

    def delete_range(self, space: int, lo: bytes, hi: bytes | None) -> int:
        """Remove entries with `lo <= key < hi`; how many there were."""
        cursor = self._cursor(space)
        count = 0
        try:
            found = cursor.set_range(lo)
            while found and (hi is None or cursor.key() < hi):
                count += cursor.delete()
                found = bool(cursor.key())
        except lmdb.Error as error:
            self._refuse(error)
        return count

    def commit(self) -> None:
        """Make the writes durable and visible."""
        self._cursor(0)
        try:
            self._raw.commit()
        except lmdb.Error as error:
            self._refuse(error)
        self._end()
        if self._write:
            self._file.shared.ring()

    def _refuse(self, error: lmdb.Error) -> NoReturn:
        """End the transaction after a failed write, with room made if that was missing."""
        if self._raw is None:
            raise TransactionClosed from error
        with contextlib.suppress(lmdb.Error):
            self._raw.abort()
        try:
            if isinstance(error, lmdb.MapFullError) and self._write:
                self._file.grow()
                raise RetryTransaction from error
            self._file.fail(error)
        finally:
            self._end()

    def abort(self) -> None:
        """Forget the writes; harmless when ended."""
        if self._raw is not None:
            self._raw.abort()
            self._end()

    def _end(self) -> None:
        self._raw = None
        self._cursors = _Closed()
        if self._write:
            self._file.end_write()

    def __del__(self) -> None:
        self.abort()


def _first(pair: Pair) -> bytes:
    return pair[0]


def _forward(cursor: Any, lo: bytes, hi: bytes | None) -> Iterator[Pair]:
    if not cursor.set_range(lo):
        return iter(())
    pairs: Iterator[Pair] = cursor.iternext()
    return pairs if hi is None else _until(pairs, hi)


def _until(pairs: Iterator[Pair], hi: bytes) -> Iterator[Pair]:
    for pair in pairs:
        if pair[0] >= hi:
            return
        yield pair


def _backward(cursor: Any, lo: bytes, hi: bytes | None) -> Iterator[Pair]:
    if hi is None:
        found = cursor.last()
    else:
        found = cursor.prev() if cursor.set_range(hi) else cursor.last()
    if not found:
        return iter(())
    pairs: Iterator[Pair] = cursor.iterprev()
    return _since(pairs, lo)


def _since(pairs: Iterator[Pair], lo: bytes) -> Iterator[Pair]:
    for pair in pairs:
        if pair[0] < lo:
            return
        yield pair

"""The engine without a file: for tests and scratch databases; all is gone when it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge

from sortedcontainers import SortedDict

from perdure.errors import StorageError
from perdure.kernel import locks

from .protocol import Capabilities, Pair, TransactionClosed

__all__ = ["MemoryEngine", "MemoryTransaction"]

Tables = list["SortedDict[bytes, bytes]"]


class MemoryEngine:
    """Spaces as sorted dicts; a commit replaces those it changed, so that readers keep theirs.

    A space that no reader looks at is changed in place, which costs no copy.
    """

    capabilities = Capabilities(
        name="memory", key_bytes_max=1 << 31, value_bytes_max=1 << 31, durable=False, processes=False
    )

    def __init__(self, spaces: Iterable[int]) -> None:
        self.guard = locks.RecursiveLock()
        self._tables: Tables = [SortedDict() for _ in range(max(spaces) + 1)]
        self._readers = 0
        self._commits = 0
        self._writing = threading.Lock()
        self._watcher = _Watcher()
        self._pins: dict[int, int] = {}
        self._closed = False

    def begin(self, write: bool = False) -> MemoryTransaction:
        """Start a transaction; a writer waits for the writer before it."""
        if self._closed:
            raise StorageError("the database is closed")
        if write:
            self._writing.acquire()
        with self.guard:
            if not write:
                self._readers += 1
            return MemoryTransaction(self, list(self._tables), write)

    def install(self, changes: dict[int, SortedDict[bytes, bytes | None]]) -> None:
        """Make a writer's changes the present state."""
        with self.guard:
            for space, changed in changes.items():
                table = self._tables[space]
                if self._readers:
                    table = SortedDict(table)
                gone = [key for key, value in changed.items() if value is None]
                for key in gone:
                    table.pop(key, None)
                    del changed[key]
                table.update(changed)
                self._tables[space] = table
            self._commits += 1
        self._watcher.ring()

    def end(self, write: bool) -> None:
        """A transaction has ended."""
        if write:
            self._writing.release()
            return
        with self.guard:
            self._readers -= 1

    def moment(self) -> int:
        """How many commits there were."""
        if self._closed:
            raise StorageError("the database is closed")
        return self._commits

    def watch(self) -> _Watcher:
        """What tells that another thread committed."""
        return self._watcher

    def pin(self, state: int | None) -> None:
        """Nothing to tell: no other process reads this."""

    def pinned(self) -> int | None:
        """No other process reads this."""
        return None

    def owner(self) -> bytes:
        """Only this process uses the data."""
        return b"memory"

    def is_alive(self, owner: bytes) -> bool:
        """Only this process uses the data."""
        return owner == b"memory"

    def structure_findings(self) -> list[str]:
        """There is no file that could be damaged."""
        return []

    def search_findings(self) -> list[str]:
        """Nothing: there are no keys beside those of the data."""
        return []

    def size_bytes(self) -> int:
        """Bytes of the keys and values, without what Python adds."""
        with self.guard:
            return sum(len(key) + len(value) for table in self._tables for key, value in table.items())

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        with self.guard:
            self._tables = [SortedDict() for _ in self._tables]
        self._watcher.ring()


class _Watcher:
    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0

    def ring(self) -> None:
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def ticket(self) -> int:
        return self._count

    def wait(self, ticket: int, timeout: float) -> bool:
        with self._condition:
            return self._condition.wait_for(lambda: self._count != ticket, timeout)


class _Cursor:
    def __init__(self, transaction: MemoryTransaction, space: int) -> None:
        self._transaction = transaction
        self._space = space
        self._found: Pair | None = None

    def move(self, key: bytes) -> bool:
        self._found = self._transaction.seek(self._space, key)
        return self._found is not None

    def item(self) -> Pair:
        assert self._found is not None
        return self._found


class MemoryTransaction:
    """A view of the tables of one moment, and the pending writes of a writer over it."""

    def __init__(self, engine: MemoryEngine, tables: Tables, write: bool) -> None:
        self._engine = engine
        self._tables: Tables | None = tables
        self.moment = engine.moment() + write
        self._write = write
        self._changes: dict[int, SortedDict[bytes, bytes | None]] = {}

    def _table(self, space: int) -> SortedDict[bytes, bytes]:
        if self._tables is None:
            raise TransactionClosed
        return self._tables[space]

    def get(self, space: int, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        table = self._table(space)
        changed = self._changes.get(space)
        if changed is not None and key in changed:
            value: bytes | None = changed[key]
            return value
        found: bytes | None = table.get(key)
        return found

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, in their order."""
        return [self.get(space, key) for key in keys]

    def seek(self, space: int, key: bytes) -> Pair | None:
        """The first entry at or after `key`, or None."""
        if self._changes.get(space):
            return next(self.scan(space, key), None)
        table = self._table(space)
        found = next(table.irange(key), None)
        return None if found is None else (found, table[found])

    def cursor(self, space: int) -> tuple[Callable[[bytes], object], Callable[[], Pair]]:
        """`seek` in two steps: go to a key, give the entry found."""
        cursor = _Cursor(self, space)
        return cursor.move, cursor.item

    def seek_many(self, space: int, keys: Sequence[bytes]) -> list[Pair | None]:
        """`seek` for each of `keys`."""
        return [self.seek(space, key) for key in keys]

    def last(self, space: int) -> Pair | None:
        """The entry with the greatest key, or None."""
        return next(self.scan(space, reverse=True), None)

    def scan(self, space: int, lo: bytes = b"", hi: bytes | None = None, reverse: bool = False) -> Iterator[Pair]:
        """Entries with `lo <= key < hi`, in order or reversed."""
        table = self._table(space)
        changed = self._changes.get(space)
        limits = {"inclusive": (True, False), "reverse": reverse}
        if hi is not None and hi <= lo:
            return
        if not changed:
            for key in table.irange(lo, hi, **limits):
                yield key, table[key]
            return
        before = None
        for key in merge(table.irange(lo, hi, **limits), changed.irange(lo, hi, **limits), reverse=reverse):
            value = changed[key] if key in changed else table[key]
            if value is not None and key != before:
                yield key, value
            before = key

    def _changed(self, space: int) -> SortedDict[bytes, bytes | None]:
        self._table(space)
        if not self._write:
            raise StorageError("a read transaction cannot write")
        return self._changes.setdefault(space, SortedDict())

    def put_many(self, space: int, items: Sequence[Pair]) -> None:
        """Write entries sorted by key."""
        self._changed(space).update(items)

    def delete_many(self, space: int, keys: Iterable[bytes]) -> int:
        """Remove entries; how many were there."""
        changed = self._changed(space)
        count = 0
        for key in keys:
            count += self.get(space, key) is not None
            changed[key] = None
        return count

    def delete_range(self, space: int, lo: bytes, hi: bytes | None) -> int:
        """Remove entries with `lo <= key < hi`; how many there were."""
        return self.delete_many(space, [key for key, _ in self.scan(space, lo, hi)])

    def commit(self) -> None:
        """Make the writes visible to transactions begun from now on."""
        self._table(0)
        try:
            if self._changes:
                self._engine.install(self._changes)
        finally:
            self.abort()

    def abort(self) -> None:
        """Forget the writes; harmless when ended."""
        if self._tables is None:
            return
        self._tables = None
        self._changes = {}
        self._engine.end(self._write)

    def __del__(self) -> None:
        self.abort()

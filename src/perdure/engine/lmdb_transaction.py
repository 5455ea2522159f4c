"""Transactions of the LMDB engine."""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn

import lmdb

from .protocol import Pair, RetryTransaction, TransactionClosed

if TYPE_CHECKING:
    from .lmdb_environment import LmdbEnvironment

__all__ = ["LmdbTransaction"]

_key = itemgetter(0)


class _Closed:
    """Stands for the cursors of an ended transaction."""

    def __getitem__(self, space: int) -> NoReturn:
        raise TransactionClosed


class LmdbTransaction:
    """A transaction over all spaces, with one cursor a space."""

    __slots__ = ("__weakref__", "_cursors", "_environment", "_raw", "_write", "moment")

    def __init__(self, environment: LmdbEnvironment, raw: Any, write: bool) -> None:
        self._environment = environment
        self._raw = raw
        self._write = write
        self.moment: int = raw.id()
        self._cursors: Any = [None] * len(environment.tables)

    def _cursor(self, space: int) -> Any:
        cursor = self._cursors[space]
        if cursor is None:
            cursor = self._cursors[space] = self._raw.cursor(self._environment.tables[space])
        return cursor

    def get(self, space: int, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        cursor = self._cursors[space] or self._cursor(space)
        try:
            value: bytes | None = cursor.get(key)
            return value
        except lmdb.Error as error:
            self._fail(error)

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, in their order."""
        cursor = self._cursor(space)
        try:
            found = cursor.getmulti(keys)  # passes over those that are not there
            if len(found) == len(keys):
                return [value for _, value in found]
            values = dict(found)
            return [values.get(key) for key in keys]
        except lmdb.Error as error:
            self._fail(error)

    def seek(self, space: int, key: bytes) -> Pair | None:
        """The first entry at or after `key`, or None."""
        cursor = self._cursors[space] or self._cursor(space)
        try:
            return cursor.item() if cursor.set_range(key) else None
        except lmdb.Error as error:
            self._fail(error)

    def cursor(self, space: int) -> tuple[Callable[[bytes], object], Callable[[], Pair]]:
        """`seek` in two steps: go to a key, give the entry found."""
        cursor = self._cursor(space)
        return cursor.set_range, cursor.item

    def seek_many(self, space: int, keys: Sequence[bytes]) -> list[Pair | None]:
        """`seek` for each of `keys`."""
        cursor = self._cursor(space)
        set_range, item = cursor.set_range, cursor.item
        try:
            return [item() if set_range(key) else None for key in keys]
        except lmdb.Error as error:
            self._fail(error)

    def last(self, space: int) -> Pair | None:
        """The entry with the greatest key, or None."""
        cursor = self._cursors[space] or self._cursor(space)
        try:
            return cursor.item() if cursor.last() else None
        except lmdb.Error as error:
            self._fail(error)

    def scan(self, space: int, lo: bytes = b"", hi: bytes | None = None, reverse: bool = False) -> Iterator[Pair]:
        """Entries with `lo <= key < hi`, in order or reversed."""
        self._cursor(space)
        cursor = self._raw.cursor(self._environment.tables[space])
        try:
            yield from _backward(cursor, lo, hi) if reverse else _forward(cursor, lo, hi)
        except lmdb.Error as error:
            self._fail(error)

    def search_findings(self) -> list[str]:
        """Spaces with entries that a scan passes over and a search by key does not find.

        The keys between two leaf pages are no data, so nothing else would notice that one of them is damaged.
        """
        get = self._raw.get  # unlike a cursor, it searches from the root each time
        return [
            f"space {space}: entries that a search by key does not find"
            for space, table in enumerate(self._environment.tables)
            if any(get(key, db=table) is None for key in self._raw.cursor(table).iternext(values=False))
        ]

    def put_many(self, space: int, items: Sequence[Pair]) -> None:
        """Write entries sorted by key; those behind the last key of the space are appended."""
        if not items:
            return
        cursor = self._cursor(space)
        try:
            start = bisect_right(items, cursor.key(), key=_key) if cursor.last() else 0
            if start:
                cursor.putmulti(items if start == len(items) else items[:start])
            if start < len(items):
                _, added = cursor.putmulti(items[start:] if start else items, append=True)
                if added != len(items) - start:  # LMDB passes over what is out of order
                    raise ValueError(f"keys of space {space} are not written in ascending order")
        except lmdb.Error as error:
            self._fail(error)

    def delete_many(self, space: int, keys: Iterable[bytes]) -> int:
        """Remove entries; how many were there."""
        cursor = self._cursor(space)
        count = 0
        try:
            for key in keys:
                if cursor.set_key(key):
                    count += cursor.delete()
        except lmdb.Error as error:
            self._fail(error)
        return count

    def delete_range(self, space: int, lo: bytes, hi: bytes | None) -> int:
        """Remove entries with `lo <= key < hi`; how many there were."""
        cursor = self._cursor(space)
        count = 0
        try:
            found = cursor.set_range(lo)
            while found and (hi is None or cursor.key() < hi):
                cursor.delete()
                count += 1
                found = bool(cursor.key())
        except lmdb.Error as error:
            self._fail(error)
        return count

    def commit(self) -> None:
        """Make the writes durable and visible."""
        self._cursor(0)
        try:
            self._raw.commit()
        except lmdb.Error as error:
            self._fail(error)
        self._end()
        if self._write:
            self._environment.shared.ring()

    def _fail(self, error: lmdb.Error) -> NoReturn:
        """Raise what `error` means; a write transaction is over, with room made if that was missing."""
        if self._raw is None:
            raise TransactionClosed from error
        if not self._write:
            self._environment.fail(error)
        with contextlib.suppress(lmdb.Error):
            self._raw.abort()
        try:
            if isinstance(error, lmdb.MapFullError):
                self._environment.grow()
                raise RetryTransaction from error
            self._environment.fail(error)
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
            self._environment.end_write()

    def __del__(self) -> None:
        self.abort()


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
    before_hi = hi is not None and cursor.set_range(hi)
    if not (cursor.prev() if before_hi else cursor.last()):
        return iter(())
    pairs: Iterator[Pair] = cursor.iterprev()
    return _since(pairs, lo) if lo else pairs


def _since(pairs: Iterator[Pair], lo: bytes) -> Iterator[Pair]:
    for pair in pairs:
        if pair[0] < lo:
            return
        yield pair

"""One database: its storage, its catalog and the ids it gives out. A process opens each file once and shares it."""

from __future__ import annotations

import os
import secrets
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from perdure.errors import ConflictError, DatabaseLockedError, ReadOnlyError
from perdure.kernel import codec, durable
from perdure.session.catalog import Catalog
from perdure.session.classes import observe_definitions
from perdure.session.connection import Connection
from perdure.session.packing import collect_garbage
from perdure.session.verifying import verify
from perdure.storage import Batch, Problem, VersionedStorage, View, open_storage, spaces

__all__ = ["Database"]

_FIRST_BLOCK = 1 << 10
_LARGEST_BLOCK = 1 << 20
_RUN_BLOCK = 1 << 13
_IDENTITY_KEY = b"d"

_open: dict[str, Database] = {}
_open_lock = threading.RLock()


class Database:
    """A storage with its catalog. Use `Database.open`; each open is matched by one `close`.

    >>> database = Database.open(None)
    >>> connection = database.connect()
    >>> connection.close(); database.close()
    """

    def __init__(self, storage: VersionedStorage, name: str, *, read_only: bool = False) -> None:
        self.storage = storage
        self.name = name
        self.read_only = read_only
        self._lock = threading.Lock()
        self._next_oid = 1
        self._last_oid = 0
        self._block = _FIRST_BLOCK
        self._opened = 1
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._path: str | None = None
        self._options: dict[str, Any] = {}
        self.catalog = Catalog(storage)
        self.uuid = self._read_identity()
        observe_definitions(self)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None, *, name: str | None = None, **options: Any) -> Database:
        """Open the database file at `path`, or a new one in memory for None.

        `options` are those of `perdure.storage.open_storage`. The same file opened twice in a process is one
        `Database`; a second open for writing of one open for reading raises `DatabaseLockedError`.
        """
        if path is None:
            return cls(open_storage(None, **options), name or "memory")
        real = os.path.realpath(path)
        with _open_lock:
            found = _open.get(real)
            if found is not None:
                if found.read_only and not options.get("read_only", False):
                    raise DatabaseLockedError(f"{real} is open for reading in this process; close it before writing")
                if options.get("exclusive") and not found._options.get("exclusive"):
                    raise DatabaseLockedError(f"{real} is already open in this process, not exclusively")
                found._opened += 1
                return found
            storage = open_storage(real, **options)
            try:
                database = cls(storage, name or os.fspath(path), read_only=options.get("read_only", False))
            except BaseException:
                storage.close()
                raise
            database._path, database._options = real, options
            _open[real] = database
            return database

    @staticmethod
    def is_open(path: str | os.PathLike[str]) -> bool:
        """Whether this process has the database file at `path` open."""
        with _open_lock:
            return os.path.realpath(path) in _open

    @property
    def is_shared(self) -> bool:
        """Whether others may commit to it: other processes, or another part of this one."""
        return self._opened > 1 or not self._options.get("exclusive", False)

    def _read_identity(self) -> int:
        view = self.storage.view()
        try:
            found = view.get(spaces.CATALOG.id, _IDENTITY_KEY)
        finally:
            view.release()
        if found is not None:
            identity = codec.decode_value(found)
            assert isinstance(identity, int)
            return identity
        if self.read_only:
            return 0
        identity = secrets.randbits(63) | 1
        batch = Batch(base=view.state)
        batch.puts = {spaces.CATALOG.id: {_IDENTITY_KEY: codec.encode_value(identity)}}
        try:
            self.storage.commit(batch)
        except ConflictError:  # another process has opened the new file at the same time, and came first
            return self._read_identity()
        return identity

    def connect(self, at: int | View | None = None, *, writable: bool | None = None, **options: Any) -> Connection:
        """A connection at the newest state, or a read-only one at state `at`, or that of a view, which it releases.

        Raises `ValueError` when there is no such state.
        """
        if at is not None:
            writable = False
        elif writable is None:
            writable = not self.read_only
        elif writable and self.read_only:
            raise ReadOnlyError(f"{self.name} is open for reading only")
        view = at if isinstance(at, View) else self.storage.view(at)
        made = Connection(self, view, writable=writable, **options)
        made.is_fixed = at is not None
        self.join(made)
        return made

    def join(self, connection: Connection) -> None:
        """Count a connection among those that work on this database."""
        self._connections.add(connection)

    def defined(self, cls: type[durable.Durable]) -> None:
        """A class was defined: if it is another definition of one of those here, it takes the place of that."""
        class_ids = self.catalog.redefine(cls)
        for connection in list(self._connections):
            connection.redefined(class_ids, cls)

    def connections(self) -> list[Connection]:
        """The open connections of this process at the newest states; those of past states hold nothing."""
        return [one for one in self._connections if one.writable and not one.closed]

    def verify(self) -> Iterator[Problem]:
        """Everything wrong with the database at its newest state; nothing may write meanwhile."""
        return verify(self)

    def pack(self, before: int | None = None) -> int:
        """Drop unreachable objects, then history older than state `before` (default: the newest); how many objects.

        States that open views see are kept.
        """
        dropped = collect_garbage(self)
        self.storage.pack(self.storage.last_state if before is None else before)
        return dropped

    def new_oids(self, count: int) -> list[int]:
        """Object ids that no object has had or will get, ascending."""
        found: list[int] = []
        with self._lock:
            while True:
                end = min(self._last_oid, self._next_oid + count - len(found) - 1)
                found.extend(range(self._next_oid, end + 1))
                self._next_oid = end + 1
                if len(found) == count:
                    return found
                block = self.storage.reserve("oid", max(self._block, count - len(found)))
                self._next_oid, self._last_oid = block[0], block[-1]
                self._block = min(self._block * 2, _LARGEST_BLOCK)

    def new_run(self, count: int) -> int:
        """The first of `count` new object ids that follow each other."""
        with self._lock:
            if self._last_oid - self._next_oid + 1 < count:
                block = self.storage.reserve("oid", max(self._block, _RUN_BLOCK, count))
                if block[0] != self._last_oid + 1 or not self._last_oid:
                    self._next_oid = block[0]
                self._last_oid = block[-1]
                self._block = min(self._block * 2, _LARGEST_BLOCK)
            first = self._next_oid
            self._next_oid += count
            return first

    def new_oid(self) -> int:
        """One new object id."""
        return self.new_oids(1)[0]

    def close(self) -> None:
        """Close what the matching `open` opened; the last one closes the storage."""
        with _open_lock:
            self._opened -= 1
            if self._opened > 0:
                return
            if self._path is not None:
                _open.pop(self._path, None)
            self.storage.close()

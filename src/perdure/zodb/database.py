"""Databases of the ZODB face: a file or memory, its root, and a pool of connections."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import transaction

from perdure.errors import ConflictError
from perdure.model import scope
from perdure.session import Database, set_root
from perdure.session.roots import root_oid
from perdure.zodb.jar import Connection
from perdure.zodb.jar_session import JarSession
from perdure.zodb.persistent.mapping import PersistentMapping
from perdure.zodb.POSException import ConnectionStateError
from perdure.zodb.settling import settle

__all__ = ["DB", "ROOT_NAME", "connection"]

ROOT_NAME = "root"
_log = logging.getLogger("perdure.zodb")
_opened: weakref.WeakSet[DB] = weakref.WeakSet()


class DB:
    """A database in a file, or in memory for None.

    `pool_size`: how many connections are expected to be open at once; more are logged. `pool_timeout`: seconds after
    which an unused connection is dropped. `cache_size`: how many objects a connection keeps loaded (0: as many as
    `cache_size_bytes` allows). `databases`: a dict in which the databases of a process find each other by their
    `database_name`. Further options are those of `perdure.storage.open_storage`.

    >>> db = DB(None)
    >>> with db.transaction() as connection:
    ...     connection.root.answer = 42
    >>> db.open().root.answer
    42
    """

    def __init__(
        self,
        storage: str | os.PathLike[str] | None,
        pool_size: int = 7,
        pool_timeout: float = 1 << 31,
        cache_size: int = 0,
        cache_size_bytes: int = 0,
        *,
        database_name: str = "unnamed",
        databases: MutableMapping[str, DB] | None = None,
        **storage_args: Any,
    ) -> None:
        if storage is not None and not isinstance(storage, str | os.PathLike):
            raise TypeError(f"a database is opened by a path or None, not {type(storage).__name__}")
        self.database_name = database_name
        self.databases: MutableMapping[str, DB] = {} if databases is None else databases
        if database_name in self.databases:
            raise ValueError(f"there is already a database named {database_name!r}")
        self._database = Database.open(storage, **storage_args)
        self._lock = threading.RLock()
        self._idle: list[tuple[float, Connection]] = []
        self._open: set[Connection] = set()
        self._closed = False
        self._pool_size, self._pool_timeout = pool_size, pool_timeout
        self._cache_size, self._cache_size_bytes = cache_size, cache_size_bytes
        try:
            settle([self._database, *(db._database for db in _opened)])
            self._root_oid = self._find_root()
        except BaseException:
            self._database.close()
            raise
        self.databases[database_name] = self
        _opened.add(self)
        scope.elsewhere(1)

    def _find_root(self) -> int | None:
        session = self._database.connect()
        try:
            while True:
                found = root_oid(session, ROOT_NAME)
                if found is not None or self._database.read_only:
                    return found
                set_root(session, ROOT_NAME, PersistentMapping())
                try:
                    session.commit(description="initial database creation")
                except ConflictError:  # another process made it
                    session.abort()
        finally:
            session.close()

    # -- connections ---------------------------------------------------------------------------------------

    def open(self, transaction_manager: Any = None) -> Connection:
        """A connection that takes part in the transactions of a manager, by default those of the thread.

        One that was closed before is opened again, with its cache. `Connection.close` gives it back.
        """
        with self._lock:
            self._check_open()
            self._drop_old()
            found = self._idle.pop()[1] if self._idle else self._make()
            self._open.add(found)
            count = len(self._open)
        if count > self._pool_size:
            level = logging.CRITICAL if count > 2 * self._pool_size else logging.WARNING
            _log.log(level, "DB.open() has %d open connections with a pool_size of %d", count, self._pool_size)
        found.open(transaction_manager)
        return found

    def _make(self) -> Connection:
        database = self._database
        options: dict[str, Any] = {"budget": self._cache_size_bytes} if self._cache_size_bytes else {}
        session = JarSession(
            database, database.storage.view(), writable=not database.read_only, collects=False, **options
        )
        session.root_oid = self._root_oid
        database._connections.add(session)
        return Connection(self, session)

    def _take_back(self, one: Connection) -> None:
        with self._lock:
            self._open.discard(one)
            if self._closed:
                one._session.close()
                return
            self._idle.append((time.monotonic(), one))
            self._drop_old()

    def _drop_old(self) -> None:
        oldest = time.monotonic() - self._pool_timeout
        while self._idle and (len(self._idle) > self._pool_size or self._idle[0][0] < oldest):
            self._idle.pop(0)[1]._session.close()

    @contextmanager
    def transaction(self, note: str | None = None) -> Iterator[Connection]:
        """A connection for a block with a transaction of its own: committed at the end, aborted by an exception.

        `note` goes into the description of the transaction.
        """
        manager = transaction.TransactionManager()
        one = self.open(manager)
        try:
            with manager as running:
                if note:
                    running.note(note)
                yield one
        finally:
            one.close()

    # -- settings ------------------------------------------------------------------------------------------

    def getName(self) -> str:
        """The path of the database, or "memory"."""
        return self._database.name

    def isReadOnly(self) -> bool:
        """Whether the database was opened for reading only."""
        return self._database.read_only

    def getPoolSize(self) -> int:
        """How many connections are expected to be open at once."""
        return self._pool_size

    def setPoolSize(self, size: int) -> None:
        """Change how many connections are expected to be open at once."""
        with self._lock:
            self._pool_size = size
            self._drop_old()

    def getCacheSize(self) -> int:
        """How many objects a connection keeps loaded; 0 is as many as its bytes allow."""
        return self._cache_size

    def setCacheSize(self, size: int) -> None:
        """Change how many objects a connection keeps loaded."""
        self._cache_size = size

    def getCacheSizeBytes(self) -> int:
        """How many bytes of objects a connection keeps loaded; 0 is the default of perdure."""
        return self._cache_size_bytes

    def setCacheSizeBytes(self, size: int) -> None:
        """Change how many bytes of objects connections keep loaded, also those that are open."""
        with self._lock:
            self._cache_size_bytes = size
            for one in self._connections():
                if size:
                    one._session.budget = size

    def cacheSize(self) -> int:
        """How many objects are loaded in all connections."""
        return sum(one._loaded_count() for one in self._connections())

    def cacheMinimize(self) -> None:
        """Make all unchanged objects of all connections ghosts."""
        for one in self._connections():
            one.cacheMinimize()

    def _connections(self) -> list[Connection]:
        with self._lock:
            return [*self._open, *(one for _, one in self._idle)]

    # -- end -----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close all connections, dropping their changes, and the database."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for one in self._connections():
                if one.opened is not None:
                    one.abandon()
                one._session.close()
            self._open.clear()
            self._idle.clear()
            _opened.discard(self)
            if self.databases.get(self.database_name) is self:
                del self.databases[self.database_name]
            self._database.close()
            scope.elsewhere(-1)

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionStateError(f"the database {self.getName()} is closed")

    def __enter__(self) -> DB:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connection(*args: Any, **options: Any) -> Connection:
    """Open a database and a connection to it; closing the connection closes the database.

    >>> opened = connection(None)
    >>> opened.root.answer = 42
    """
    db = DB(*args, **options)
    made = db.open()
    made.onCloseCallback(db.close)
    return made

"""Connections: what applications of ZODB work with, and a data manager of the `transaction` package."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import transaction
from transaction.interfaces import IDataManager, ISavepointDataManager, ISynchronizer
from zope.interface import implementer

from perdure.kernel import durable
from perdure.query import ObjectTagManager, Query, find_in
from perdure.security import is_visible
from perdure.zodb.committing import Committing
from perdure.zodb.POSException import ConnectionStateError, InvalidObjectReference, POSKeyError
from perdure.zodb.root import Root
from perdure.zodb.utils import p64, u64, z64

if TYPE_CHECKING:
    from perdure.zodb.database import DB
    from perdure.zodb.jar_session import JarSession

__all__ = ["Connection"]

_log = logging.getLogger("perdure.zodb")


@implementer(IDataManager, ISavepointDataManager, ISynchronizer)
class Connection(Committing):
    """Objects of a database as they were when the transaction began, with the changes made since.

    Made by `DB.open`. Changes become durable when the transaction of `transaction_manager` is committed.

    >>> connection = DB(None).open()  # doctest: +SKIP
    >>> connection.root.answer = 42  # doctest: +SKIP
    >>> transaction.commit()  # doctest: +SKIP
    """

    def __init__(self, db: DB, session: JarSession) -> None:
        super().__init__(session)
        session.jar = self
        session.opened = False
        self.opened: float | None = None
        """When the connection was opened (`time.time()`), or None while it is closed."""
        self._db = db
        self._callbacks: list[Callable[[], object]] = []
        self._debug_info: tuple[object, ...] = ()

    # -- objects -------------------------------------------------------------------------------------------

    @property
    def root(self) -> Root:
        """The root object: `root.name` and `root()["name"]` are the same."""
        return Root(self.get(z64))

    def get(self, oid: bytes) -> Any:
        """The object of an id. Raises `POSKeyError` when there is none, or none that may be seen."""
        self._check_open()
        number = u64(oid) or self._session.root_oid
        if not number:
            raise POSKeyError(oid)
        found = self._session.get(number)
        if not is_visible(found):
            raise POSKeyError(oid)
        return found

    __getitem__ = get

    def add(self, obj: Any) -> None:
        """Make a new object part of the database without waiting until it is reachable; it gets its `_p_oid`.

        Raises `TypeError` for what is no persistent object, `InvalidObjectReference` for one of another connection.
        """
        self._check_open()
        if not isinstance(obj, durable.Durable):
            raise TypeError(f"only persistent objects can be added to a connection, not {type(obj).__name__}")
        owner = durable.owner_of(obj)
        if owner is self._session:
            return
        if owner is not None and durable.oid_of(obj):
            raise InvalidObjectReference(f"{durable.describe(obj)} belongs to another connection")
        self._join()
        self._session.add(obj)

    def readCurrent(self, obj: Any) -> None:
        """Make the commit fail with `ReadConflictError` when another transaction changes `obj` first."""
        if durable.owner_of(obj) is not self._session:
            raise InvalidObjectReference(f"{durable.describe(obj)} is no object of this connection")
        if not self._session.is_newborn(durable.oid_of(obj)):
            self._session.declare_read(obj)

    def prefetch(self, *wanted: Any) -> None:
        """Load objects, given as ids, objects or iterables of these, in one pass."""
        self._check_open()
        self._session.prefetch([u64(oid) or self._session.root_oid or 0 for oid in _oids(wanted)])

    def tags(self, *objects: Any, passive: bool = False) -> ObjectTagManager:
        """The manager of the tags of objects.

        >>> connection.tags(book).add("unread")  # doctest: +SKIP
        """
        for obj in objects:
            if isinstance(obj, durable.Durable):
                self.add(obj)
        return ObjectTagManager(*objects, passive=passive)

    def find(self, *criteria: Any) -> Query[Any]:
        """The objects of this connection that meet all criteria: classes, tags, lists, queries, `no(...)`.

        >>> list(connection.find(Book, "unread"))  # doctest: +SKIP
        """
        self._check_open()
        return find_in(self._session, *criteria)

    # -- cache ---------------------------------------------------------------------------------------------

    def cacheMinimize(self) -> None:
        """Make all unchanged objects ghosts."""
        for obj in list(self._session.objects.values()):
            deactivate = getattr(obj, "_p_deactivate", None)
            if deactivate is not None:
                deactivate()
            elif durable.state_of(obj) == durable.CLEAN:
                durable.make_ghost(obj)

    def cacheGC(self) -> None:
        """Free least recently used objects until the cache has the size that the database was opened with."""
        session = self._session
        limit = self._db.getCacheSize()
        if limit and len(session.objects) > limit:
            loaded = self._loaded_count()
            if loaded > limit:
                session.sweep(session.cached_bytes * limit // loaded)
        for _ in range(2):  # what was used since the last time is spared once
            if session.cached_bytes > session.budget:
                session.sweep(session.budget * 3 // 4)

    def _loaded_count(self) -> int:
        return sum(1 for obj in self._session.objects.values() if durable.state_of(obj) > durable.GHOST)

    # -- opening and closing -------------------------------------------------------------------------------

    def db(self) -> DB:
        """The database."""
        return self._db

    def isReadOnly(self) -> bool:
        """Whether nothing can be changed through this connection."""
        self._check_open()
        return not self._session.writable

    def onCloseCallback(self, callback: Callable[[], object]) -> None:
        """Have `callback` called by the next `close`."""
        self._callbacks.append(callback)

    def getDebugInfo(self) -> tuple[object, ...]:
        """What `setDebugInfo` was given since the connection was opened."""
        return self._debug_info

    def setDebugInfo(self, *info: object) -> None:
        """Add to what `getDebugInfo` gives."""
        self._debug_info += info

    def open(self, transaction_manager: Any = None) -> None:
        """Begin to use the connection with a transaction manager (called by `DB.open`)."""
        manager = transaction.manager.manager if transaction_manager is None else transaction_manager
        self.opened = time.time()
        self._session.opened = True
        self.transaction_manager = manager
        self.explicit_transactions = bool(getattr(manager, "explicit", False))
        if not self.explicit_transactions:
            self.newTransaction(None)
        manager.registerSynch(self)

    def close(self) -> None:
        """Give the connection back to the database, which may hand it out again with its cache.

        Raises `ConnectionStateError` when it has changes that were neither committed nor aborted.
        """
        if self.opened is None:
            return
        if self._joined or self._session.has_changes():
            raise ConnectionStateError("a connection with changes cannot be closed; commit or abort them first")
        self.cacheGC()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                _log.exception("a close callback of %r failed", self)
        self._leave()
        self._db._take_back(self)

    def abandon(self) -> None:
        """Abort the transaction and let go of its manager: the database is being closed."""
        if self._joined:
            self.transaction_manager.abort()
        self._leave()

    def _leave(self) -> None:
        if self.transaction_manager is not None:
            self.transaction_manager.unregisterSynch(self)
        self.transaction_manager = None
        self._debug_info = ()
        self.opened = None
        self._session.opened = False

    def _check_open(self) -> None:
        if self.opened is None:
            raise ConnectionStateError("the connection is closed")


def _oids(wanted: Iterable[Any]) -> Iterable[bytes]:
    for one in wanted:
        if isinstance(one, bytes):
            yield one
        elif isinstance(one, durable.Durable):
            yield p64(durable.oid_of(one))
        else:
            yield from _oids(one)

"""A connection's part in transactions: joining, snapshots, savepoints, and the two phases of a commit."""

from __future__ import annotations

import secrets
import weakref
from typing import TYPE_CHECKING, Any

from perdure.errors import ObjectError, StorageError
from perdure.kernel import codec
from perdure.storage import Committed
from perdure.storage.prepared import Prepared
from perdure.zodb.POSException import ConnectionStateError, InvalidObjectReference
from perdure.zodb.utils import p64, u64

if TYPE_CHECKING:
    from perdure.zodb.jar_session import JarSession

__all__ = ["Committing", "JarSavepoint", "shared_part"]

PREPARED_PREFIX = b"zodb:"
_RANDOM_BYTES = 16
_SHARED_KEY = object()
"""Under this a transaction keeps what is common to the ids of its prepared batches in all databases: random bytes and
the database that votes, and finishes, first. Whether that one has finished tells what becomes of the others."""


class JarSavepoint:
    """A place in a transaction to go back to, as often as wanted."""

    def __init__(self, session: JarSession, level: int) -> None:
        self._session = session
        self._level = level

    def rollback(self) -> None:
        """Undo what was done since."""
        self._session.roll_back(self._level)


class Committing:
    """A data manager and synchronizer of the `transaction` package."""

    transaction_manager: Any = None
    explicit_transactions = False

    def __init__(self, session: JarSession) -> None:
        self._session = session
        self._joined = False
        self._savepoints: list[weakref.ref[JarSavepoint]] = []
        self._taken: Any = None
        self._committed: Committed | None = None
        self._prepared: Prepared | None = None
        session.gate = self._join

    def _join(self) -> None:
        """Take part in the running transaction: something is about to change."""
        if self._joined:
            return
        if self.transaction_manager is None:
            raise ConnectionStateError("an object of a closed connection cannot be changed")
        self.transaction_manager.get().join(self)
        self._joined = True
        self._session.gate = None

    def _left(self) -> None:
        self._joined = False
        self._savepoints = []
        self._taken = self._committed = self._prepared = None
        self._session.gate = self._join

    # -- snapshots -----------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Begin a new transaction, which sees the newest state."""
        self.transaction_manager.begin()

    def newTransaction(self, txn: Any) -> None:
        """A transaction begins: see the newest committed state."""
        self._session.begin()

    def beforeCompletion(self, txn: Any) -> None:
        """A transaction is about to be committed or aborted."""
        if not self._joined and self._session.has_changes():
            self._join()

    def afterCompletion(self, txn: Any) -> None:
        """A transaction is over."""
        if not self.explicit_transactions:
            self.newTransaction(txn)
        self.cacheGC()

    def cacheGC(self) -> None:
        """Free memory beyond the cache's size."""
        raise NotImplementedError

    def savepoint(self) -> JarSavepoint:
        """Mark a place to go back to. Used through `transaction.savepoint()`."""
        session = self._session
        # What nobody can go back to any more needs no level of its own.
        while self._savepoints and self._savepoints[-1]() is None:
            self._savepoints.pop()
            session.merge_levels(len(self._savepoints) + 1)
        del self._savepoints[len(session.overlays) - 1 :]
        made = JarSavepoint(session, session.new_level())
        self._savepoints.append(weakref.ref(made))
        return made

    # -- commit --------------------------------------------------------------------------------------------

    def abort(self, txn: Any) -> None:
        """Drop all changes."""
        self._session.discard()
        self._left()

    def sortKey(self) -> str:
        """Where this connection comes among the resources of a transaction."""
        return f"perdure:{self._session.database.uuid:016x}:{id(self)}"

    def tpc_begin(self, txn: Any) -> None:
        """The commit begins."""

    def commit(self, txn: Any) -> None:
        """Work out what to store."""
        try:
            self._session.merge_levels(1)
        except ObjectError as error:
            if isinstance(error, InvalidObjectReference | ConnectionStateError):
                raise
            raise InvalidObjectReference(*error.args) from error

    def tpc_vote(self, txn: Any) -> None:
        """Make sure that the commit will succeed. Raises `ConflictError` when another one was first.

        The only resource of a transaction commits here: nothing can come between the vote and the finish.
        """
        session = self._session
        batch, self._taken = session.prepare_batch(
            user=txn.user, description=txn.description, extension=_encode_extension(txn.extension)
        )
        if batch is None:
            return
        if len(getattr(txn, "_resources", (None, None))) == 1:
            self._committed = session.database.storage.commit(batch, session.resolve_conflict)
        else:
            self._prepared = session.prepare(batch, self._taken, _transaction_id(txn, session))
            self._taken = {}

    def tpc_finish(self, txn: Any) -> None:
        """Make the changes visible to others."""
        if self._prepared is not None:
            self._committed = self._prepared.finish()
        if self._committed is not None:
            self._session.finish_batch(self._committed, self._taken)
        self._left()

    def tpc_abort(self, txn: Any) -> None:
        """Take back what the vote stored, and drop all changes. Raises `StorageError` when that was the commit."""
        if self._committed is not None:
            raise StorageError("the transaction was committed by its vote and cannot be aborted")
        prepared, self._prepared = self._prepared, None
        self.abort(txn)
        if prepared is not None:
            prepared.abort()


def _encode_extension(extension: dict[str, Any] | None) -> bytes:
    return codec.encode_value(dict(extension)) if extension else b""


def _transaction_id(txn: Any, session: JarSession) -> bytes:
    """The id of a prepared batch: what all batches of the transaction share, and a part of its own."""
    try:
        shared: bytes = txn.data(_SHARED_KEY)
    except KeyError:
        shared = secrets.token_bytes(_RANDOM_BYTES) + p64(session.database.uuid)
        txn.set_data(_SHARED_KEY, shared)
    return PREPARED_PREFIX + shared + secrets.token_bytes(4)


def shared_part(transaction_id: bytes) -> tuple[bytes, int] | None:
    """What the ids of all batches of a transaction begin with, and the database whose batch is finished first.

    None for batches prepared by others.
    """
    end = len(PREPARED_PREFIX) + _RANDOM_BYTES + 8
    if not transaction_id.startswith(PREPARED_PREFIX) or len(transaction_id) < end:
        return None
    return transaction_id[:end], u64(transaction_id[end - 8 : end])

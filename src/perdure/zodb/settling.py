"""What a crash between the two phases of a commit left behind is settled when a database is opened."""

from __future__ import annotations

from collections.abc import Iterable

from perdure.errors import StorageError
from perdure.session import Database
from perdure.zodb.committing import PREPARED_PREFIX, shared_part

__all__ = ["settle"]


def settle(database: Database, others: Iterable[Database]) -> None:
    """Finish the waiting batches of transactions that another database finished, and abort the rest.

    Only batches whose process is gone; those of transactions that are being committed are left alone.
    """
    if database.read_only:
        return
    for prepared in database.storage.prepared():
        if not prepared.orphaned or not prepared.transaction_id.startswith(PREPARED_PREFIX):
            continue
        shared = shared_part(prepared.transaction_id)
        try:
            if any(_finished(other, shared) for other in (database, *others)):
                prepared.finish()
            else:
                prepared.abort()
        except StorageError:  # another process settles it at the same time
            continue


def _finished(database: Database, shared: bytes) -> bool:
    storage = database.storage
    return any(entry.transaction.startswith(shared) for entry in storage.log(storage.packed))

"""What a crash between the two phases of a commit left behind is settled when the databases are opened again."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from perdure.errors import StorageError
from perdure.session import Database
from perdure.zodb.committing import shared_part

__all__ = ["settle"]

_log = logging.getLogger("perdure.zodb")


def settle(databases: Iterable[Database]) -> None:
    """Finish or abort the batches that wait in open databases though their process is gone.

    A transaction was committed if its first database has finished it. As long as that one is not open, the batches of
    the others wait: what they change cannot be changed until then.
    """
    known = {database.uuid: database for database in databases}
    for database in known.values():
        if database.read_only:
            continue
        for prepared in database.storage.prepared():
            shared = shared_part(prepared.transaction_id) if prepared.orphaned else None
            if shared is None:
                continue
            first = known.get(shared[1])
            if first is None:
                _log.warning(
                    "%s has a transaction that waits for the database %016x; open it, too", database.name, shared[1]
                )
                continue
            if not first.storage.catch_up():
                continue  # it is open for reading, and a writer is on its way out of a commit
            try:
                if first is not database and _has_finished(first, shared[0]):
                    prepared.finish()
                else:
                    prepared.abort()
            except StorageError:
                _log.info("another process has settled a transaction of %s", database.name)


def _has_finished(database: Database, shared: bytes) -> bool:
    storage = database.storage
    return any(entry.transaction.startswith(shared) for entry in storage.log(storage.packed))

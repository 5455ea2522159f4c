"""What a crash in the middle of a commit over several prefixes left is completed or undone at the next opening."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from perdure.errors import PerdureError, StorageError
from perdure.session import Database
from perdure.session.catalog import DECISION
from perdure.storage import spaces
from perdure.storage.prepared import Prepared

__all__ = [
    "decision_key",
    "has_decisions",
    "is_decided",
    "new_transaction",
    "orphans",
    "part_id",
    "settle",
    "settle_file",
    "waiting",
]

Find = Callable[[int, Callable[[Database], bool | None]], bool | None]
"""Gives what a question says of the database with a uuid, None when that is not there."""

_log = logging.getLogger("perdure")
_PREPARED = b"memo:"
_RANDOM_BYTES = 16
_UUID_BYTES = 8
_TRANSACTION_BYTES = _RANDOM_BYTES + _UUID_BYTES


def new_transaction(first: Database) -> bytes:
    """What names a commit over several databases: random bytes, and the database that holds the decision."""
    return secrets.token_bytes(_RANDOM_BYTES) + first.uuid.to_bytes(_UUID_BYTES, "big")


def part_id(transaction: bytes, number: int) -> bytes:
    """The transaction id under which a part is prepared in its database."""
    return _PREPARED + transaction + number.to_bytes(4, "big")


def decision_key(transaction: bytes) -> bytes:
    """The key in the catalog of the first database that says that the transaction is committed."""
    return DECISION + transaction


def is_decided(database: Database, transaction: bytes) -> bool | None:
    """Whether the decision is in this database; None when that cannot be told now."""
    if not database.storage.catch_up():
        return None
    with database.storage.view() as view:
        return view.get(spaces.CATALOG.id, decision_key(transaction)) is not None


def has_decisions(path: Path, name: str) -> bool:
    """Whether a database file holds decisions that parts elsewhere may still wait for; False when it is damaged."""
    with contextlib.suppress(PerdureError):
        database = Database.open(path, name=name, create=False, read_only=True)
        try:
            with database.storage.view() as view:
                end = DECISION + b"\xff" * (_TRANSACTION_BYTES + 1)
                return next(view.scan(spaces.CATALOG.id, DECISION, end), None) is not None
        finally:
            database.close()
    return False


def settle_file(path: Path, name: str, find: Find) -> None:
    """`settle` for a file that is not open here; where another process writes it, or nobody may, nothing is done."""
    with contextlib.suppress(PerdureError):
        database = Database.open(path, name=name, create=False)
        try:
            settle(database, find)
        finally:
            database.close()


def waiting(database: Database) -> list[Prepared]:
    """Parts of commits over several prefixes that are prepared here, and neither finished nor undone."""
    return [one for one in database.storage.prepared() if one.transaction_id.startswith(_PREPARED)]


def orphans(database: Database) -> list[Prepared]:
    """Those of them whose process has gone."""
    return [one for one in waiting(database) if one.orphaned]


def settle(database: Database, find: Find) -> None:
    """Finish or abort the orphans of a database open for writing.

    `find(uuid, ask)` gives what `ask` says of the database with that uuid, None when it is not there: then the part
    waits, and what it changes cannot be changed until it can be settled.
    """
    for prepared in orphans(database):
        transaction = prepared.transaction_id[len(_PREPARED) :][:_TRANSACTION_BYTES]
        first = int.from_bytes(transaction[_RANDOM_BYTES:], "big")
        decided = find(first, lambda found, name=transaction: is_decided(found, name))  # type: ignore[misc]
        if decided is None:
            _log.warning(
                "%s has a part of a commit that waits for the prefix with the uuid %016x, which is not there, or is "
                "being written; until it can be read, what the commit changes cannot be changed",
                database.name,
                first,
            )
            continue
        try:
            if decided:
                prepared.finish()
            else:
                prepared.abort()
        except StorageError as error:
            _log.info("a part of a commit in %s was settled elsewhere: %s", database.name, error)

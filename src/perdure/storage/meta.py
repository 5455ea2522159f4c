"""The entries of the META space: format, identity, counters, limits of history."""

from __future__ import annotations

import os

from perdure.engine import EngineTransaction
from perdure.errors import FormatVersionError, NotADatabaseError
from perdure.kernel import versions

from .numbers import ByteReader, put_varint
from .spaces import META

__all__ = [
    "CLOSED_KEY",
    "COUNTER_PREFIX",
    "FORMAT",
    "PACKED_KEY",
    "UUID_KEY",
    "check_format",
    "get_meta",
    "get_number",
    "make_database",
    "put_meta",
    "put_number",
]

FORMAT = 1
"""The number of the format that this release writes, and the newest that it reads."""

_FORMAT_KEY = b"format"
UUID_KEY = b"uuid"
PACKED_KEY = b"packed"
CLOSED_KEY = b"closed"
COUNTER_PREFIX = b"counter/"


def get_meta(transaction: EngineTransaction, key: bytes) -> bytes | None:
    """The value of a META key, or None."""
    stored = transaction.get(META, key)
    return None if stored is None else versions.open_head(key, stored, int(META))


def put_meta(transaction: EngineTransaction, key: bytes, value: bytes) -> None:
    """Write a META key."""
    transaction.put_many(META, [(key, versions.seal_head(key, value, int(META)))])


def get_number(transaction: EngineTransaction, key: bytes) -> int:
    """The number under a META key; 0 if it is not there."""
    value = get_meta(transaction, key)
    return 0 if value is None else ByteReader(value).varint()


def put_number(transaction: EngineTransaction, key: bytes, number: int) -> None:
    """Write a number under a META key."""
    out = bytearray()
    put_varint(out, number)
    put_meta(transaction, key, bytes(out))


def make_database(transaction: EngineTransaction) -> None:
    """Write what makes empty spaces a database, unless it is there already."""
    if get_meta(transaction, _FORMAT_KEY) is None:
        put_number(transaction, _FORMAT_KEY, FORMAT)
        put_meta(transaction, UUID_KEY, os.urandom(16))


def check_format(transaction: EngineTransaction, where: str) -> bool:
    """Whether the format is there; FormatVersionError: it is newer than this release reads."""
    value = get_meta(transaction, _FORMAT_KEY)
    if value is None:
        if transaction.last(META) is not None:
            raise NotADatabaseError(f"{where} is not a perdure database")
        return False
    number = ByteReader(value).varint()
    if number > FORMAT:
        raise FormatVersionError(
            f"{where} has format {number}; this perdure reads up to format {FORMAT}; install a newer one"
        )
    return True

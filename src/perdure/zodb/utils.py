"""Object ids and transaction ids as ZODB writes them: 8 bytes, big-endian."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from perdure.errors import StateUnavailableError
from perdure.kernel import keys
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.session import Connection

__all__ = ["maxtid", "oid_repr", "p64", "serial_of", "state_time", "tid_at", "tid_time", "u64", "z64"]

_RECORDS = spaces.RECORDS.id
_EPOCH = dt.datetime(1970, 1, 1)
_TICKS_PER_MINUTE = 1 << 32
_MICROSECONDS_PER_MINUTE = 60_000_000

z64 = b"\0" * 8
"""The id of the root object, and the serial of an object that was never committed."""

maxtid = b"\x7f" + b"\xff" * 7
"""Later than every transaction id."""


def p64(number: int) -> bytes:
    """`number` as 8 bytes.

    >>> p64(258)
    b'\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\x02'
    """
    return number.to_bytes(8, "big")


def u64(data: bytes) -> int:
    """The number in 8 bytes. Raises `ValueError` for another length.

    >>> u64(p64(258))
    258
    """
    if len(data) != 8:
        raise ValueError(f"an id has 8 bytes, not {len(data)}")
    return int.from_bytes(data, "big")


def oid_repr(oid: object) -> str:
    """An object id for messages.

    >>> oid_repr(p64(258))
    '0x0102'
    """
    if not isinstance(oid, bytes) or len(oid) != 8:
        return repr(oid)
    digits = oid.hex().lstrip("0") or "0"
    return "0x" + digits.zfill(len(digits) + len(digits) % 2)


def tid_at(microseconds: int) -> bytes:
    """The transaction id of a time in microseconds since 1970 (UTC): its minute, and the part of that minute.

    >>> tid_time(tid_at(1_800_000_000_123_456))
    1800000000.123456
    """
    moment = _EPOCH + dt.timedelta(microseconds=microseconds)
    minutes = ((moment.year - 1900) * 12 + moment.month - 1) * 31 + moment.day - 1
    minutes = (minutes * 24 + moment.hour) * 60 + moment.minute
    within = moment.second * 1_000_000 + moment.microsecond
    # Rounded up, so that the way back, which rounds down, meets the same microsecond.
    ticks = -(-within * _TICKS_PER_MINUTE // _MICROSECONDS_PER_MINUTE)
    return p64(minutes << 32 | ticks)


def tid_time(tid: bytes) -> float:
    """The time of a transaction id, in seconds since 1970 (UTC). Raises `ValueError` for one that is no time."""
    number = u64(tid)
    minutes, ticks = number >> 32, number & (_TICKS_PER_MINUTE - 1)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    months, day = divmod(days, 31)
    year, month = divmod(months, 12)
    moment = dt.datetime(1900 + year, month + 1, day + 1, hour, minute) - _EPOCH
    within = ticks * _MICROSECONDS_PER_MINUTE // _TICKS_PER_MINUTE
    return (moment // dt.timedelta(microseconds=1) + within) / 1_000_000


def state_time(connection: Connection, state: int) -> int | None:
    """When a state was committed, in microseconds since 1970; None when that was packed away."""
    try:
        for entry in connection.database.storage.log(state - 1, state):
            return entry.time
    except StateUnavailableError:
        return None
    return None


def serial_of(connection: Connection, oid: int) -> bytes:
    """The id of the transaction that last wrote an object's record; zeros when none has.

    Of transactions whose log was packed away, the number of the state stands for the time: earlier than all others.
    """
    versions = connection.view.history(_RECORDS, keys.encode_uint(oid))
    if not versions:
        return z64
    state = versions[0][0]
    moment = state_time(connection, state)
    return p64(state) if moment is None else tid_at(moment)

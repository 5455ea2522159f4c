"""Which keys a family takes, and the bytes by which they are ordered and found."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from operator import is_ as _is
from typing import Any, NamedTuple
from uuid import UUID

from perdure.kernel import keys

__all__ = ["ALL", "KEY_BYTES_MAX", "KEY_BYTES_WHOLE", "Between", "any_key", "integer_key", "is_exact", "order_bytes"]

KEY_BYTES_MAX = 400
"""The length of a longer key's bytes once they are cut and hashed."""
KEY_BYTES_WHOLE = KEY_BYTES_MAX - 16
"""Bytes of a key up to this length are stored whole."""

_ORDERED = frozenset({str, int, bytes, bool, type(None), dt.date, dt.datetime, dt.time, dt.timedelta, UUID})
_INTEGER_MIN, _INTEGER_MAX = -(1 << 63), (1 << 63) - 1


class Between(NamedTuple):
    """A range of keys. Bounds are one-tuples of a key, or None for no bound."""

    low: tuple[Any] | None = None
    high: tuple[Any] | None = None
    exclude_low: bool = False
    exclude_high: bool = False


ALL = Between()


def any_key(key: Any) -> Any:
    """The key as an object-keyed tree takes it: anything that has an order. Raises `TypeError` for the rest.

    All these have one order, also between kinds: None, numbers, text, bytes, dates and times, UUIDs, tuples.
    """
    kind = type(key)
    if kind in _ORDERED:
        return key
    if kind is float or kind is Decimal:
        if key != key:  # noqa: PLR0124
            raise TypeError("NaN has no order and cannot be a key")
        return key
    if kind is tuple:
        for part in key:
            any_key(part)
        return key
    if isinstance(key, int | str):
        return key
    raise TypeError(f"an object of type {kind.__module__}.{kind.__qualname__} has no order and cannot be a key")


def integer_key(key: Any) -> int:
    """The key as a tree with 64-bit integer keys takes it. Raises `TypeError` for anything else."""
    if not isinstance(key, int):
        raise TypeError(f"expected integer key, not {type(key).__name__}")
    if not _INTEGER_MIN <= key <= _INTEGER_MAX:
        raise TypeError(f"the key {key} is no 64-bit integer")
    return int(key)


def order_bytes(key: Any) -> bytes:
    """Bytes in the order of the keys, the same for equal keys."""
    kind = type(key)
    if kind is str or kind is int or kind is bytes:
        return keys.encode_one(key)
    return keys.encode_one(keys.canonical(_plain(key)))


def is_exact(key: Any, whole: bytes) -> bool:
    """Whether the bytes `whole` of a key tell its type, too."""
    return _plain(key) is key and keys.encode_one(key) == whole


def _plain(key: Any) -> Any:
    kind = type(key)
    if kind is tuple:
        parts = tuple(map(_plain, key))
        return key if all(map(_is, parts, key)) else parts
    if kind not in _ORDERED and isinstance(key, int):
        return int(key)
    if kind not in _ORDERED and isinstance(key, str):
        return str.__str__(key)
    return key

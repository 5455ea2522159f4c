"""Keys of an index: which values can be keys, and their bytes."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from perdure.errors import QueryError
from perdure.kernel import keys
from perdure.model import EnumValue
from perdure.model.enums import declared_names, value_of
from perdure.query.labels import shown

__all__ = [
    "FIRST_KEY",
    "KINDS",
    "LAST_KEY",
    "NULL_KEY",
    "POSITIONS",
    "common_kind",
    "encode_bound",
    "encode_key",
    "kind_of",
    "read_key",
]

KINDS: tuple[type, ...] = (
    type(None),
    int,
    float,
    str,
    bytes,
    Decimal,
    date,
    datetime,
    time,
    timedelta,
    UUID,
    tuple,
    bool,
    EnumValue,
)
"""Types of keys; a stored index knows its type by the position here."""

NULL_KEY = keys.encode_one(None)
FIRST_KEY, LAST_KEY = b"\x11", b"\xff"
"""Below and above all keys but None."""

POSITIONS: dict[type, int] = {kind: position for position, kind in enumerate(KINDS)}
"""Type of a key → its position in `KINDS`."""
_numbers = frozenset(POSITIONS[kind] for kind in (int, float, Decimal, bool))
_whole = frozenset(POSITIONS[kind] for kind in (int, bool))


def kind_of(value: object) -> int:
    """The position of a key's type in `KINDS`; RuntimeError for what cannot be a key."""
    found = POSITIONS.get(type(value))
    if found is None:
        raise QueryError(f"unsupported index key type: {shown(value)}")
    return found


def common_kind(known: int, kind: int) -> int | None:
    """The kind of an index of kind `known` (0: none yet) with a key of `kind`; None when they do not go together."""
    if not known or known == kind:
        return kind
    return POSITIONS[int] if known in _whole and kind in _whole else None


def encode_key(value: object) -> bytes:
    """The bytes of a key, the same for equal keys; RuntimeError for what cannot be a key."""
    if type(value) is int or type(value) is str:
        try:
            return keys.encode_one(value)
        except ValueError as error:
            raise QueryError(f"unsupported index key: {error}") from error
    if type(value) is EnumValue:
        return _encode_enum_value(value)
    kind_of(value)
    try:
        return keys.encode_one(keys.canonical(value))
    except (TypeError, ValueError) as error:
        raise QueryError(f"unsupported index key type: {shown(value)}: {error}") from error


def _encode_enum_value(value: EnumValue) -> bytes:
    """The enum's name, the place in the order of declaration, the value's name."""
    names = declared_names(value.enum_name)
    if names is None or value.name not in names:
        raise QueryError(f"unsupported index key: the enum of {value!r} is not defined here, so its order is not known")
    return keys.encode_one((value.enum_name, names.index(value.name), value.name))


def encode_bound(value: object, kind: int) -> bytes:
    """The bytes of a bound of a range in an index of `kind`; numbers of any type bound numbers."""
    own = kind_of(value)
    if own != kind and kind and not (own in _numbers and kind in _numbers):
        raise QueryError(f"the index has keys of type {KINDS[kind].__name__}; {shown(value)} cannot bound them")
    return encode_key(value)


def read_key(data: bytes, kind: int) -> object:
    """The key of its bytes, as the type that the index has."""
    value = keys.decode_one(data)[0]
    if KINDS[kind] is bool and value is not None:
        return bool(value)
    if KINDS[kind] is EnumValue and isinstance(value, tuple):
        return value_of(value[0], value[2])
    if KINDS[kind] is float and isinstance(value, int):
        return float(value)
    if KINDS[kind] is Decimal and isinstance(value, int | float):
        return Decimal(value)
    return value

"""Tag bytes and the two small classes of the pure `codec`."""

from __future__ import annotations

from collections.abc import Callable

MAX_DEPTH = 200

# Tag bytes; docs/format.md, "Values and records", has the same register.
INT_SMALL, STR_SHORT, BYTES_SHORT, TUPLE_SHORT, INT_NEGATIVE = 0x00, 0x40, 0x80, 0xA0, 0xB0
NONE, FALSE, TRUE, FLOAT, COMPLEX, REFERENCE, FLOAT_SHORT = 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6
INT, INT_LONG, STR, STR_SURROGATES, BYTES, BYTEARRAY = 0xC8, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4
TUPLE, LIST, DICT, SET, FROZENSET = 0xD5, 0xD6, 0xD7, 0xD8, 0xD9
DECIMAL, DATE, TIME, DATETIME, TIMEDELTA, UUID_TAG, RANGE, EXTENSION = (
    0xDA,
    0xDB,
    0xDC,
    0xDD,
    0xDE,
    0xDF,
    0xE0,
    0xE1,
)

ZONE_NONE, ZONE_FIXED, ZONE_NAMED, ZONE_UTC = 0, 1, 2, 3

MASK = 2**64 - 1


class Reference:
    """A reference of a record's table: object id, class id, and whether it is weak."""

    __slots__ = ("class_id", "oid", "weak")

    def __init__(self, oid: int, class_id: int, weak: bool = False) -> None:
        if not 0 <= oid <= MASK or not 0 <= class_id < 2**63:
            raise OverflowError("oid must be 0..2**64-1 and class_id 0..2**63-1")
        self.oid = oid
        self.class_id = class_id
        self.weak = bool(weak)

    def __eq__(self, other: object) -> bool:
        if type(other) is not Reference:
            return NotImplemented
        return (self.oid, self.class_id, self.weak) == (other.oid, other.class_id, other.weak)

    def __hash__(self) -> int:
        return hash((self.oid, self.class_id, self.weak))

    def __repr__(self) -> str:
        return f"Reference(oid={self.oid}, class_id={self.class_id}, weak={self.weak})"

    def __reduce__(self) -> tuple[type[Reference], tuple[int, int, bool]]:
        return Reference, (self.oid, self.class_id, self.weak)


class Extension:
    """A value the codec does not know: a code and a plain payload that stands for it."""

    __slots__ = ("code", "payload")

    def __init__(self, code: int, payload: object) -> None:
        if not 0 <= code <= MASK:
            raise OverflowError("code must be 0..2**64-1")
        self.code = code
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        if type(other) is not Extension:
            return NotImplemented
        return self.code == other.code and self.payload == other.payload

    def __hash__(self) -> int:
        return hash((self.code, self.payload))

    def __repr__(self) -> str:
        return f"Extension(code={self.code}, payload={self.payload!r})"

    def __reduce__(self) -> tuple[type[Extension], tuple[int, object]]:
        return Extension, (self.code, self.payload)


Refer = Callable[[object], Reference | Extension]
Extend = Callable[[int, object], object]

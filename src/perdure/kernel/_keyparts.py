"""What both `keys` share: kind bytes, ordered unsigned integers, two value classes, and a checked reader."""

from __future__ import annotations

from typing import NoReturn

from perdure.errors import CorruptRecordError

__all__ = ["EnumKey", "ObjectId", "Taker", "damaged", "encode_uint", "unzigzag", "zigzag"]

# Kind bytes in key order; docs/format.md, "Keys", has the same register.
NONE, NAN = 0x10, 0x20
POSITIVE, INFINITY = 0x82, 0xBE  # negative numbers are the complement of their magnitude: 0x41..0x7D
COMPLEX, STR, BYTES = 0xC0, 0xC4, 0xC8
DATE, DATETIME, DATETIME_AWARE, TIME, TIME_AWARE, TIMEDELTA = 0xCC, 0xCE, 0xD0, 0xD2, 0xD4, 0xD6
UUID_KIND, ENUM, OBJECT, TUPLE = 0xD8, 0xDC, 0xE0, 0xE4
END = 0x00

MAX_UINT = 2**64 - 1
MAX_DEPTH = 200


class ObjectId(int):
    """An object id inside a key: 0 to 2**64-1. It equals the int, but is a kind of its own in key order."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"ObjectId({int(self)})"


class EnumKey:
    """A member of an enum inside a key: the enum's type id and the member's index, each 0 to 2**64-1."""

    __slots__ = ("index", "type_id")

    def __init__(self, type_id: int, index: int) -> None:
        self.type_id = type_id
        self.index = index

    def __eq__(self, other: object) -> bool:
        if type(other) is not EnumKey:
            return NotImplemented
        return self.type_id == other.type_id and self.index == other.index

    def __hash__(self) -> int:
        return hash((EnumKey, self.type_id, self.index))

    def __repr__(self) -> str:
        return f"EnumKey(type_id={self.type_id}, index={self.index})"

    def __reduce__(self) -> tuple[type[EnumKey], tuple[int, int]]:
        return EnumKey, (self.type_id, self.index)


def damaged(position: int, what: str) -> NoReturn:
    """Raise `CorruptRecordError` for the key bytes at `position`."""
    raise CorruptRecordError(f"damaged key at byte {position}: {what}")


def zigzag(value: int) -> int:
    """A signed integer as an unsigned one, small ones staying small."""
    return value << 1 if value >= 0 else ~value << 1 | 1


def unzigzag(value: int) -> int:
    """The inverse of `zigzag`."""
    return value >> 1 ^ -(value & 1)


# (first value, first lead byte, payload bytes): the high bits of short forms are in the lead byte.
_UINT_FORMS = (
    (0, 0x00, 0),
    (0x80, 0x80, 1),
    (0x4080, 0xC0, 2),
    (0x204080, 0xE0, 3),
    (0x10204080, 0xF0, 4),
    (0x810204080, 0xF8, 5),
    (2**40, 0xF9, 6),
    (2**48, 0xFA, 7),
    (2**56, 0xFB, 8),
)


def encode_uint(n: int) -> bytes:
    """See `perdure.kernel.keys.encode_uint`."""
    if 0 <= n < 0x80:
        return bytes((n,))
    if not 0 <= n <= MAX_UINT:
        raise OverflowError(f"{n} is not in 0..2**64-1")
    for first, lead, size in reversed(_UINT_FORMS):
        if n >= first:
            if lead < 0xF8:
                return ((lead << 8 * size) + n - first).to_bytes(size + 1, "big")
            return bytes([lead]) + n.to_bytes(size, "big")
    raise AssertionError


class Taker:
    """Reads key bytes in order, each xor `mask` (0xFF inside negative numbers), checking the end."""

    __slots__ = ("data", "mask", "position")

    def __init__(self, data: bytes, position: int, mask: int = 0) -> None:
        self.data = data
        self.position = position
        self.mask = mask

    def byte(self) -> int:
        """The next byte."""
        if self.position >= len(self.data):
            self.damaged("cut short")
        self.position += 1
        return self.data[self.position - 1] ^ self.mask

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self.position + size
        if end > len(self.data):
            self.damaged("cut short")
        body = self.data[self.position : end]
        self.position = end
        return body.translate(COMPLEMENT) if self.mask else body

    def number(self, size: int) -> int:
        """The next `size` bytes as a big-endian unsigned integer."""
        return int.from_bytes(self.take(size), "big")

    def uint(self) -> int:
        """The next integer written by `encode_uint`."""
        lead = self.byte()
        if lead < 0x80:
            return lead
        first, base, size = next(form for form in reversed(_UINT_FORMS) if lead >= form[1])
        if base < 0xF8:
            return first + (lead - base << 8 * size) + self.number(size)
        value = self.number(size) if lead == base else 0
        if value < first:
            self.damaged("number not in its only form")
        return value

    def damaged(self, what: str) -> NoReturn:
        """Raise `CorruptRecordError` at the present position."""
        damaged(self.position, what)


COMPLEMENT = bytes(255 - byte for byte in range(256))

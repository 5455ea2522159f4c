"""Decoding of the pure `codec`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from perdure.errors import CorruptRecordError
from perdure.kernel._pure.codec_tags import (
    BYTEARRAY,
    BYTES,
    BYTES_SHORT,
    COMPLEX,
    DATE,
    DECIMAL,
    DICT,
    EXTENSION,
    FALSE,
    FLOAT,
    FLOAT_SHORT,
    FROZENSET,
    INT,
    INT_LONG,
    INT_NEGATIVE,
    LIST,
    MASK,
    MAX_DEPTH,
    NONE,
    RANGE,
    REFERENCE,
    SET,
    STR,
    STR_SHORT,
    STR_SURROGATES,
    TIME,
    TIMEDELTA,
    TRUE,
    TUPLE,
    TUPLE_SHORT,
    UUID_TAG,
    ZONE_NAMED,
    ZONE_NONE,
    ZONE_UTC,
    Extend,
    Reference,
)

_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000


def unzigzag(value: int) -> int:
    return value >> 1 ^ -(value & 1)


_CONSTANTS = {NONE: None, FALSE: False, TRUE: True}


class Reader:
    """Reads values from `data`, checking every bound."""

    def __init__(
        self,
        data: bytes,
        position: int,
        objects: Sequence[object] | None = None,
        extend: Extend | None = None,
    ) -> None:
        if type(data) is not bytes:
            raise TypeError(f"data must be bytes, not {type(data).__qualname__}")
        self.data = data
        self.position = position
        self.objects = objects
        self.extend = extend
        self.next_reference = 0

    def damaged(self, what: str) -> NoReturn:
        raise CorruptRecordError(f"damaged record at byte {self.position}: {what}")

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            self.damaged("cut short")
        body = self.data[self.position : end]
        self.position = end
        return body

    def varint(self) -> int:
        value = shift = 0
        while True:
            if self.position >= len(self.data):
                self.damaged("cut short in a number")
            byte = self.data[self.position]
            self.position += 1
            if shift == 63 and byte > 1:
                self.damaged("number too long")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    self.damaged("number not in its shortest form")
                return value
            shift += 7

    def text(self, size: int, errors: str = "strict") -> str:
        body = self.take(size)
        try:
            return body.decode("utf-8", errors)
        except UnicodeDecodeError:
            self.damaged("text is not UTF-8")

    def value(self, depth: int) -> Any:
        tag = self.take(1)[0]
        if tag < STR_SHORT:
            return tag
        if tag < BYTES_SHORT:
            return self.text(tag - STR_SHORT)
        if tag < TUPLE_SHORT:
            return self.take(tag - BYTES_SHORT)
        if tag < INT_NEGATIVE:
            return tuple(self.items(tag - TUPLE_SHORT, depth))
        if tag < NONE:
            return INT_NEGATIVE - 1 - tag
        if INT <= tag < INT_LONG:
            return int.from_bytes(self.take(tag - INT + 1), "little", signed=True)
        if TUPLE <= tag <= FROZENSET:
            return self.container(tag, self.varint(), depth)
        if INT_LONG <= tag <= BYTEARRAY or tag == DECIMAL:
            return self.sized(tag, self.varint())
        if tag == EXTENSION:
            return self.extension(depth)
        return self.scalar(tag)

    def scalar(self, tag: int) -> Any:
        if tag in _CONSTANTS:
            return _CONSTANTS[tag]
        if tag == FLOAT_SHORT:
            return struct.unpack("<f", self.take(4))[0]
        if tag == FLOAT:
            return struct.unpack("<d", self.take(8))[0]
        if tag == REFERENCE:
            return self.reference()
        if tag == COMPLEX:
            return complex(*struct.unpack("<dd", self.take(16)))
        if tag == UUID_TAG:
            return UUID(bytes=self.take(16))
        if tag == RANGE:
            return self.range()
        if DATE <= tag <= TIMEDELTA:
            try:
                return self.moment(tag)
            except (ValueError, OverflowError) as error:
                if isinstance(error, CorruptRecordError):
                    raise
                self.damaged(str(error))
        self.damaged(f"unknown tag {tag:#04x}")

    def reference(self) -> object:
        if self.objects is None or self.next_reference >= len(self.objects):
            self.damaged("more references than the table has")
        self.next_reference += 1
        return self.objects[self.next_reference - 1]

    def sized(self, tag: int, size: int) -> Any:
        if tag == STR:
            return self.text(size)
        if tag == STR_SURROGATES:
            return self.text(size, "surrogatepass")
        body = self.take(size)
        if tag == BYTES:
            return body
        if tag == BYTEARRAY:
            return bytearray(body)
        if tag == INT_LONG:
            return int.from_bytes(body, "little", signed=True)
        return self.decimal(body)

    def decimal(self, body: bytes) -> Decimal:
        try:
            text = body.decode("ascii")
            value = Decimal(text)
            if str(value).upper() == text.upper():
                return value
        except (ArithmeticError, ValueError):
            pass
        self.damaged("not a decimal number")

    def range(self) -> range:
        start, stop, step = self.plain(False), self.plain(False), self.plain(False)
        if not step:
            self.damaged("a range without a step")
        return range(start, stop, step)

    def plain(self, text: bool) -> Any:
        """A str or else an int; checked before it is read, so that nothing nests here."""
        tag = self.take(1)[0]
        self.position -= 1
        if text and not (STR_SHORT <= tag < BYTES_SHORT or tag in (STR, STR_SURROGATES)):
            self.damaged("not a name")
        if not text and not (tag < STR_SHORT or INT_NEGATIVE <= tag < NONE or INT <= tag <= INT_LONG):
            self.damaged("not an integer")
        return self.value(0)

    def extension(self, depth: int) -> object:
        if depth >= MAX_DEPTH:
            self.damaged("nested too deep")
        code = self.varint()
        if self.extend is None:
            self.damaged(f"extension {code} where plain values are expected")
        return self.extend(code, self.value(depth + 1))

    def items(self, count: int, depth: int) -> list[Any]:
        if depth >= MAX_DEPTH:
            self.damaged("nested too deep")
        if count > len(self.data) - self.position:
            self.damaged("cut short")
        return [self.value(depth + 1) for _ in range(count)]

    def container(self, tag: int, count: int, depth: int) -> Any:
        if tag == DICT:
            return self.dictionary(count, depth)
        items = self.items(count, depth)
        if tag == LIST:
            return items
        if tag == TUPLE:
            return tuple(items)
        try:
            members = set(items) if tag == SET else frozenset(items)
        except TypeError:
            self.damaged("a set member cannot be hashed")
        if len(members) != count:
            self.damaged("a set member comes twice")
        return members

    def dictionary(self, count: int, depth: int) -> dict[Any, Any]:
        if depth >= MAX_DEPTH:
            self.damaged("nested too deep")
        if count > (len(self.data) - self.position) // 2:
            self.damaged("cut short")
        result = {}
        for _ in range(count):
            key = self.value(depth + 1)
            item = self.value(depth + 1)
            try:
                result[key] = item
            except TypeError:
                self.damaged("a dictionary key cannot be hashed")
        if len(result) != count:
            self.damaged("a dictionary key comes twice")
        return result

    def moment(self, tag: int) -> date | time | timedelta:
        if tag == TIMEDELTA:
            days, seconds, microseconds = unzigzag(self.varint()), self.varint(), self.varint()
            if abs(days) > 999_999_999 or seconds >= 86400 or microseconds >= 1_000_000:
                self.damaged("not a time span")
            return timedelta(days, seconds, microseconds)
        day = (0, 0, 0)
        if tag != TIME:
            packed = int.from_bytes(self.take(3), "little")
            day = (packed >> 9, packed >> 5 & 15, packed & 31)
            if tag == DATE:
                return date(*day)
        packed = int.from_bytes(self.take(5), "little")
        clock = (packed >> 35, packed >> 29 & 63, packed >> 23 & 63, packed >> 3 & 0xFFFFF)
        zone = self.zone(packed & 3)
        if tag == TIME:
            return time(*clock, zone, fold=packed >> 2 & 1)
        return datetime(*day, *clock, zone, fold=packed >> 2 & 1)

    def zone(self, kind: int) -> tzinfo | None:
        if kind == ZONE_NONE:
            return None
        if kind == ZONE_UTC:
            return UTC
        if kind == ZONE_NAMED:
            key = self.plain(True)
            try:
                return ZoneInfo(key)
            except Exception:
                self.damaged(
                    f"time zone {key!r} is not known on this machine (is its time zone database installed?)"
                )
        packed = self.varint()
        offset = unzigzag(packed >> 1)
        if not -_DAY < offset < _DAY:
            self.damaged("time zone offset out of range")
        if packed & 1:
            return timezone(offset * _MICROSECOND, self.plain(True))
        return timezone(offset * _MICROSECOND)

    def head(self) -> tuple[int, int]:
        shape_id, count = self.varint(), self.varint()
        if count > (len(self.data) - self.position) // 2:
            self.damaged("reference table cut short")
        return shape_id, count

    def table(self, count: int) -> list[Reference]:
        references = []
        oid = 0
        for _ in range(count):
            oid = oid + unzigzag(self.varint()) & MASK
            packed = self.varint()
            references.append(Reference(oid, packed >> 1, bool(packed & 1)))
        return references

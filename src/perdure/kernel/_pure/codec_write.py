"""Encoding of the pure `codec`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from perdure.kernel._pure.codec_tags import (
    BYTEARRAY,
    BYTES,
    BYTES_SHORT,
    COMPLEX,
    DATE,
    DATETIME,
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
    ZONE_FIXED,
    ZONE_NAMED,
    ZONE_NONE,
    ZONE_UTC,
    Extension,
    Refer,
    Reference,
)

_MICROSECOND = timedelta(microseconds=1)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    return value << 1 if value >= 0 else ~value << 1 | 1


def _zone_kind(zone: tzinfo | None) -> int | None:
    if zone is None:
        return ZONE_NONE
    if zone is UTC:
        return ZONE_UTC
    if type(zone) is timezone:
        return ZONE_FIXED
    if type(zone) is ZoneInfo and type(zone.key) is str:
        return ZONE_NAMED
    return None


def _zone_body(zone: tzinfo | None, kind: int) -> bytes:
    if kind == ZONE_NAMED:
        assert type(zone) is ZoneInfo
        return _text(zone.key)
    if kind == ZONE_FIXED:
        offset, *name = zone.__getinitargs__()  # type: ignore[union-attr]
        packed = varint(zigzag(offset // _MICROSECOND) << 1 | len(name))
        return packed + (_text(name[0]) if name else b"")
    return b""


def _text(value: str) -> bytes:
    writer = Writer(None, plain=True)
    writer.value(value, 0)
    return bytes(writer.out)


def _pack_date(value: date) -> bytes:
    return (value.year << 9 | value.month << 5 | value.day).to_bytes(3, "little")


def _pack_time(value: time | datetime, kind: int) -> bytes:
    packed = ((value.hour << 6 | value.minute) << 6 | value.second) << 20 | value.microsecond
    return ((packed << 1 | value.fold) << 2 | kind).to_bytes(5, "little")


class Writer:
    """Appends values to `out` and collects the references met."""

    def __init__(self, refer: Refer | None, plain: bool) -> None:
        self.out = bytearray()
        self.refer = refer
        self.plain = plain
        self.table: list[Reference] = []

    def value(self, value: Any, depth: int) -> None:
        write = _WRITERS.get(type(value))
        if write is None or not write(self, value, depth):
            self.referred(value, depth)

    def chunk(self, short_tag: int, short_sizes: int, tag: int, body: bytes) -> None:
        if len(body) < short_sizes:
            self.out.append(short_tag + len(body))
            self.out += body
        else:
            self.sized(tag, body)

    def sized(self, tag: int, body: bytes | bytearray) -> None:
        self.count(tag, len(body))
        self.out += body

    def count(self, tag: int, count: int) -> None:
        self.out.append(tag)
        self.out += varint(count)

    def referred(self, value: object, depth: int) -> None:
        answer = value
        if type(value) is not Reference and type(value) is not Extension:
            if self.refer is None:
                raise TypeError(f"a {type(value).__qualname__} cannot be stored as a plain value")
            answer = self.refer(value)
        if type(answer) is Reference:
            if self.plain:
                raise TypeError("a plain value cannot hold a reference; encode a record")
            self.table.append(answer)
            self.out.append(REFERENCE)
        elif type(answer) is Extension:
            _check_depth(depth)
            self.count(EXTENSION, answer.code)
            self.value(answer.payload, depth + 1)
        else:
            raise TypeError(f"refer must return a Reference or an Extension, not {type(answer).__qualname__}")

    def members(self, value: set[Any] | frozenset[Any], depth: int) -> None:
        """The members sorted by their bytes, then their references, so that equal sets are equal bytes."""
        start = before = len(self.out)
        table_start = len(self.table)
        count = len(value)
        members = []
        for item in value:
            references = len(self.table)
            self.value(item, depth)
            members.append((bytes(self.out[before:]), self.table[references:]))
            before = len(self.out)
        _check_unchanged(count - len(members))
        members.sort(key=lambda member: (member[0], [(r.oid, r.class_id, r.weak) for r in member[1]]))
        self.out[start:] = b"".join(body for body, _ in members)
        self.table[table_start:] = [reference for _, entries in members for reference in entries]


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ValueError(f"values are nested more than {MAX_DEPTH} deep (or contain themselves)")


def _check_unchanged(count: int) -> None:
    if count:
        raise RuntimeError("a container changed size while it was encoded")


def _write_none(writer: Writer, value: None, depth: int) -> bool:
    writer.out.append(NONE)
    return True


def _write_bool(writer: Writer, value: bool, depth: int) -> bool:
    writer.out.append(TRUE if value else FALSE)
    return True


def _write_int(writer: Writer, value: int, depth: int) -> bool:
    if 0 <= value < 64:
        writer.out.append(value)
    elif -16 <= value < 0:
        writer.out.append(INT_NEGATIVE - 1 - value)
    else:
        bits = value.bit_length() if value >= 0 else (~value).bit_length()
        size = bits // 8 + 1
        if size <= 8:
            writer.out.append(INT + size - 1)
            writer.out += value.to_bytes(size, "little", signed=True)
        else:
            size = value.bit_length() // 8 + 1
            writer.sized(INT_LONG, value.to_bytes(size, "little", signed=True))
    return True


def _write_str(writer: Writer, value: str, depth: int) -> bool:
    try:
        writer.chunk(STR_SHORT, 64, STR, value.encode("utf-8"))
    except UnicodeEncodeError:
        writer.sized(STR_SURROGATES, value.encode("utf-8", "surrogatepass"))
    return True


def _write_float(writer: Writer, value: float, depth: int) -> bool:
    try:
        short = struct.pack("<f", value)
        exact = struct.unpack("<f", short)[0] == value and value - value == 0
    except OverflowError:
        exact = False
    writer.out.append(FLOAT_SHORT if exact else FLOAT)
    writer.out += short if exact else struct.pack("<d", value)
    return True


def _write_complex(writer: Writer, value: complex, depth: int) -> bool:
    writer.out.append(COMPLEX)
    writer.out += struct.pack("<dd", value.real, value.imag)
    return True


def _write_bytes(writer: Writer, value: bytes, depth: int) -> bool:
    writer.chunk(BYTES_SHORT, 32, BYTES, value)
    return True


def _write_bytearray(writer: Writer, value: bytearray, depth: int) -> bool:
    writer.sized(BYTEARRAY, value)
    return True


def _write_tuple(writer: Writer, value: tuple[Any, ...], depth: int) -> bool:
    _check_depth(depth)
    if len(value) < 16:
        writer.out.append(TUPLE_SHORT + len(value))
    else:
        writer.count(TUPLE, len(value))
    for item in value:
        writer.value(item, depth + 1)
    return True


def _write_list(writer: Writer, value: list[Any], depth: int) -> bool:
    _check_depth(depth)
    count = len(value)
    writer.count(LIST, count)
    for item in value:
        writer.value(item, depth + 1)
        count -= 1
    _check_unchanged(count)
    return True


def _write_dict(writer: Writer, value: dict[Any, Any], depth: int) -> bool:
    _check_depth(depth)
    count = len(value)
    writer.count(DICT, count)
    for key, item in value.items():
        writer.value(key, depth + 1)
        writer.value(item, depth + 1)
        count -= 1
    _check_unchanged(count)
    return True


def _write_set(writer: Writer, value: set[Any] | frozenset[Any], depth: int) -> bool:
    _check_depth(depth)
    writer.count(SET if type(value) is set else FROZENSET, len(value))
    writer.members(value, depth + 1)
    return True


def _write_decimal(writer: Writer, value: Decimal, depth: int) -> bool:
    # A context with capitals=0 would print the exponent's letter small.
    text = str(value).replace("e", "E") if value.is_finite() else str(value)
    writer.sized(DECIMAL, text.encode("ascii"))
    return True


def _write_date(writer: Writer, value: date, depth: int) -> bool:
    writer.out.append(DATE)
    writer.out += _pack_date(value)
    return True


def _write_time(writer: Writer, value: time, depth: int) -> bool:
    kind = _zone_kind(value.tzinfo)
    if kind is None:
        return False
    writer.out.append(TIME)
    writer.out += _pack_time(value, kind) + _zone_body(value.tzinfo, kind)
    return True


def _write_datetime(writer: Writer, value: datetime, depth: int) -> bool:
    kind = _zone_kind(value.tzinfo)
    if kind is None:
        return False
    writer.out.append(DATETIME)
    writer.out += _pack_date(value) + _pack_time(value, kind) + _zone_body(value.tzinfo, kind)
    return True


def _write_timedelta(writer: Writer, value: timedelta, depth: int) -> bool:
    writer.out.append(TIMEDELTA)
    writer.out += varint(zigzag(value.days)) + varint(value.seconds) + varint(value.microseconds)
    return True


def _write_uuid(writer: Writer, value: UUID, depth: int) -> bool:
    writer.out.append(UUID_TAG)
    writer.out += value.bytes
    return True


def _write_range(writer: Writer, value: range, depth: int) -> bool:
    writer.out.append(RANGE)
    for part in (value.start, value.stop, value.step):
        _write_int(writer, part, depth)
    return True


_WRITERS: dict[type, Callable[[Writer, Any, int], bool]] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    str: _write_str,
    float: _write_float,
    complex: _write_complex,
    bytes: _write_bytes,
    bytearray: _write_bytearray,
    tuple: _write_tuple,
    list: _write_list,
    dict: _write_dict,
    set: _write_set,
    frozenset: _write_set,
    Decimal: _write_decimal,
    date: _write_date,
    time: _write_time,
    datetime: _write_datetime,
    timedelta: _write_timedelta,
    UUID: _write_uuid,
    range: _write_range,
}

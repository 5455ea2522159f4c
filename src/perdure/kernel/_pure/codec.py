"""Values and records as compact tagged bytes: the pure-Python twin of `perdure.kernel.codec`."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from perdure.errors import CorruptRecordError

__all__ = [
    "MAX_DEPTH",
    "Extension",
    "Reference",
    "decode_header",
    "decode_value",
    "decode_values",
    "encode_record",
    "encode_value",
    "list_references",
    "reference_count",
]

MAX_DEPTH = 200

# Tag bytes; docs/format.md, "Values and records", has the same register.
INT_SMALL, STR_SHORT, BYTES_SHORT, TUPLE_SHORT, INT_NEGATIVE = 0x00, 0x40, 0x80, 0xA0, 0xB0
NONE, FALSE, TRUE, FLOAT, COMPLEX, REFERENCE, FLOAT_SHORT = 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6
INT, INT_LONG, STR, STR_SURROGATES, BYTES, BYTEARRAY = 0xC8, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4
TUPLE, LIST, DICT, SET, FROZENSET = 0xD5, 0xD6, 0xD7, 0xD8, 0xD9
DECIMAL, DATE, TIME, DATETIME, TIMEDELTA, UUID_TAG, RANGE, EXTENSION = 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xE0, 0xE1

ZONE_NONE, ZONE_FIXED, ZONE_NAMED, ZONE_UTC = 0, 1, 2, 3

_MASK = 2**64 - 1
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000


class Reference:
    """A reference of a record's table: object id, class id, and whether it is weak."""

    __slots__ = ("class_id", "oid", "weak")

    def __init__(self, oid: int, class_id: int, weak: bool = False) -> None:
        if not 0 <= oid <= _MASK or not 0 <= class_id < 2**63:
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
        if not 0 <= code <= _MASK:
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


Refer = Callable[[object], "Reference | Extension"]
Extend = Callable[[int, object], object]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else ~value << 1 | 1


def _unzigzag(value: int) -> int:
    return value >> 1 ^ -(value & 1)


def _zone_kind(zone: tzinfo | None) -> int | None:
    if zone is None:
        return ZONE_NONE
    if zone is timezone.utc:
        return ZONE_UTC
    if type(zone) is timezone:
        return ZONE_FIXED
    if type(zone) is ZoneInfo and type(zone.key) is str:
        return ZONE_NAMED
    return None


def _zone_body(zone: tzinfo | None, kind: int) -> bytes:
    if kind == ZONE_NAMED:
        assert type(zone) is ZoneInfo
        return encode_value(zone.key)
    if kind == ZONE_FIXED:
        offset, *name = zone.__getinitargs__()  # type: ignore[union-attr]
        packed = _varint(_zigzag(offset // _MICROSECOND) << 1 | len(name))
        return packed + (encode_value(name[0]) if name else b"")
    return b""


def _pack_date(value: date) -> bytes:
    return (value.year << 9 | value.month << 5 | value.day).to_bytes(3, "little")


def _pack_time(value: time | datetime, kind: int) -> bytes:
    packed = ((value.hour << 6 | value.minute) << 6 | value.second) << 20 | value.microsecond
    return ((packed << 1 | value.fold) << 2 | kind).to_bytes(5, "little")


class _Writer:
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
        self.out += _varint(count)

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
        start = before = len(self.out)
        references = len(self.table)
        count = len(value)
        members = []
        for item in value:
            self.value(item, depth)
            members.append(bytes(self.out[before:]))
            before = len(self.out)
        if references == len(self.table):
            # Sorted, so that equal sets are equal bytes; with references the table's order must stay.
            self.out[start:] = b"".join(sorted(members))
        _check_unchanged(count - len(members))


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ValueError(f"values are nested more than {MAX_DEPTH} deep (or contain themselves)")


def _check_unchanged(count: int) -> None:
    if count:
        raise RuntimeError("a container changed size while it was encoded")


def _write_none(writer: _Writer, value: None, depth: int) -> bool:
    writer.out.append(NONE)
    return True


def _write_bool(writer: _Writer, value: bool, depth: int) -> bool:
    writer.out.append(TRUE if value else FALSE)
    return True


def _write_int(writer: _Writer, value: int, depth: int) -> bool:
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


def _write_str(writer: _Writer, value: str, depth: int) -> bool:
    try:
        writer.chunk(STR_SHORT, 64, STR, value.encode("utf-8"))
    except UnicodeEncodeError:
        writer.sized(STR_SURROGATES, value.encode("utf-8", "surrogatepass"))
    return True


def _write_float(writer: _Writer, value: float, depth: int) -> bool:
    try:
        short = struct.pack("<f", value)
        exact = struct.unpack("<f", short)[0] == value and value - value == 0
    except OverflowError:
        exact = False
    writer.out.append(FLOAT_SHORT if exact else FLOAT)
    writer.out += short if exact else struct.pack("<d", value)
    return True


def _write_complex(writer: _Writer, value: complex, depth: int) -> bool:
    writer.out.append(COMPLEX)
    writer.out += struct.pack("<dd", value.real, value.imag)
    return True


def _write_bytes(writer: _Writer, value: bytes, depth: int) -> bool:
    writer.chunk(BYTES_SHORT, 32, BYTES, value)
    return True


def _write_bytearray(writer: _Writer, value: bytearray, depth: int) -> bool:
    writer.sized(BYTEARRAY, value)
    return True


def _write_tuple(writer: _Writer, value: tuple[Any, ...], depth: int) -> bool:
    _check_depth(depth)
    if len(value) < 16:
        writer.out.append(TUPLE_SHORT + len(value))
    else:
        writer.count(TUPLE, len(value))
    for item in value:
        writer.value(item, depth + 1)
    return True


def _write_list(writer: _Writer, value: list[Any], depth: int) -> bool:
    _check_depth(depth)
    count = len(value)
    writer.count(LIST, count)
    for item in value:
        writer.value(item, depth + 1)
        count -= 1
    _check_unchanged(count)
    return True


def _write_dict(writer: _Writer, value: dict[Any, Any], depth: int) -> bool:
    _check_depth(depth)
    count = len(value)
    writer.count(DICT, count)
    for key, item in value.items():
        writer.value(key, depth + 1)
        writer.value(item, depth + 1)
        count -= 1
    _check_unchanged(count)
    return True


def _write_set(writer: _Writer, value: set[Any] | frozenset[Any], depth: int) -> bool:
    _check_depth(depth)
    writer.count(SET if type(value) is set else FROZENSET, len(value))
    writer.members(value, depth + 1)
    return True


def _write_decimal(writer: _Writer, value: Decimal, depth: int) -> bool:
    # A context with capitals=0 would print the exponent's letter small.
    text = str(value).replace("e", "E") if value.is_finite() else str(value)
    writer.sized(DECIMAL, text.encode("ascii"))
    return True


def _write_date(writer: _Writer, value: date, depth: int) -> bool:
    writer.out.append(DATE)
    writer.out += _pack_date(value)
    return True


def _write_time(writer: _Writer, value: time, depth: int) -> bool:
    kind = _zone_kind(value.tzinfo)
    if kind is None:
        return False
    writer.out.append(TIME)
    writer.out += _pack_time(value, kind) + _zone_body(value.tzinfo, kind)
    return True


def _write_datetime(writer: _Writer, value: datetime, depth: int) -> bool:
    kind = _zone_kind(value.tzinfo)
    if kind is None:
        return False
    writer.out.append(DATETIME)
    writer.out += _pack_date(value) + _pack_time(value, kind) + _zone_body(value.tzinfo, kind)
    return True


def _write_timedelta(writer: _Writer, value: timedelta, depth: int) -> bool:
    writer.out.append(TIMEDELTA)
    writer.out += _varint(_zigzag(value.days)) + _varint(value.seconds) + _varint(value.microseconds)
    return True


def _write_uuid(writer: _Writer, value: UUID, depth: int) -> bool:
    writer.out.append(UUID_TAG)
    writer.out += value.bytes
    return True


def _write_range(writer: _Writer, value: range, depth: int) -> bool:
    writer.out.append(RANGE)
    for part in (value.start, value.stop, value.step):
        _write_int(writer, part, depth)
    return True


_WRITERS: dict[type, Callable[[_Writer, Any, int], bool]] = {
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


def encode_record(shape_id: int, values: Sequence[object], refer: Refer) -> bytes:
    """See `perdure.kernel.codec.encode_record`."""
    if not 0 <= shape_id <= _MASK:
        raise OverflowError("shape_id must be 0..2**64-1")
    writer = _Writer(refer, plain=False)
    for value in values:
        writer.value(value, 0)
    header = bytearray(_varint(shape_id) + _varint(len(writer.table)))
    previous = 0
    for reference in writer.table:
        difference = (reference.oid - previous) & _MASK
        header += _varint(_zigzag(difference - (difference >> 63 << 64)))
        header += _varint(reference.class_id << 1 | reference.weak)
        previous = reference.oid
    return bytes(header + writer.out)


def encode_value(value: object, refer: Refer | None = None) -> bytes:
    """See `perdure.kernel.codec.encode_value`."""
    writer = _Writer(refer, plain=True)
    writer.value(value, 0)
    return bytes(writer.out)


class _Reader:
    """Reads values from `data`, checking every bound."""

    def __init__(
        self, data: bytes, position: int, objects: Sequence[object] | None = None, extend: Extend | None = None
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
        plain = _Reader(self.data, self.position)
        parts = [plain.value(0) for _ in range(3)]
        self.position = plain.position
        if [type(part) for part in parts] != [int, int, int] or parts[2] == 0:
            self.damaged("not a range")
        return range(*parts)

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
            days, seconds, microseconds = _unzigzag(self.varint()), self.varint(), self.varint()
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
            return timezone.utc
        if kind == ZONE_NAMED:
            key = self.name()
            try:
                return ZoneInfo(key)
            except Exception:
                self.damaged(
                    f"time zone {key!r} is not known on this machine (is its time zone database installed?)"
                )
        packed = self.varint()
        offset = _unzigzag(packed >> 1)
        if not -_DAY < offset < _DAY:
            self.damaged("time zone offset out of range")
        if packed & 1:
            return timezone(offset * _MICROSECOND, self.name())
        return timezone(offset * _MICROSECOND)

    def name(self) -> str:
        plain = _Reader(self.data, self.position)
        name = plain.value(0)
        self.position = plain.position
        if type(name) is not str:
            self.damaged("not a time zone name")
        return name

    def head(self) -> tuple[int, int]:
        shape_id, count = self.varint(), self.varint()
        if count > (len(self.data) - self.position) // 2:
            self.damaged("reference table cut short")
        return shape_id, count

    def table(self, count: int) -> list[Reference]:
        references = []
        oid = 0
        for _ in range(count):
            oid = oid + _unzigzag(self.varint()) & _MASK
            packed = self.varint()
            references.append(Reference(oid, packed >> 1, bool(packed & 1)))
        return references


_CONSTANTS = {NONE: None, FALSE: False, TRUE: True}


def decode_header(data: bytes) -> tuple[int, list[Reference], int]:
    """See `perdure.kernel.codec.decode_header`."""
    reader = _Reader(data, 0)
    shape_id, count = reader.head()
    references = reader.table(count)
    return shape_id, references, reader.position


def list_references(data: bytes) -> list[Reference]:
    """See `perdure.kernel.codec.list_references`."""
    return decode_header(data)[1]


def reference_count(data: bytes) -> int:
    """See `perdure.kernel.codec.reference_count`."""
    return _Reader(data, 0).head()[1]


def decode_values(data: bytes, offset: int, objects: Sequence[object], extend: Extend) -> list[object]:
    """See `perdure.kernel.codec.decode_values`."""
    if offset < 0 or offset > len(data):
        raise CorruptRecordError(f"damaged record: values at byte {offset} of {len(data)}")
    reader = _Reader(data, offset, objects, extend)
    values = []
    while reader.position < len(data):
        values.append(reader.value(0))
    if reader.next_reference != len(objects):
        reader.damaged("fewer references than the table has")
    return values


def decode_value(data: bytes, extend: Extend | None = None) -> object:
    """See `perdure.kernel.codec.decode_value`."""
    reader = _Reader(data, 0, None, extend)
    value = reader.value(0)
    if reader.position != len(data):
        reader.damaged("bytes left over after the value")
    return value

"""Values and records as compact tagged bytes: the pure-Python twin of `perdure.kernel.codec`."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.errors import CorruptRecordError
from perdure.kernel._pure.codec_read import Reader
from perdure.kernel._pure.codec_tags import MASK, MAX_DEPTH, Extend, Extension, Refer, Reference
from perdure.kernel._pure.codec_write import Writer, varint, zigzag

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


def encode_record(shape_id: int, values: Sequence[object], refer: Refer) -> bytes:
    """See `perdure.kernel.codec.encode_record`."""
    if not 0 <= shape_id <= MASK:
        raise OverflowError("shape_id must be 0..2**64-1")
    writer = Writer(refer, plain=False)
    for value in values:
        writer.value(value, 0)
    header = bytearray(varint(shape_id) + varint(len(writer.table)))
    previous = 0
    for reference in writer.table:
        difference = (reference.oid - previous) & MASK
        header += varint(zigzag(difference - (difference >> 63 << 64)))
        header += varint(reference.class_id << 1 | reference.weak)
        previous = reference.oid
    return bytes(header + writer.out)


def encode_value(value: object, refer: Refer | None = None) -> bytes:
    """See `perdure.kernel.codec.encode_value`."""
    writer = Writer(refer, plain=True)
    writer.value(value, 0)
    return bytes(writer.out)


def decode_header(data: bytes) -> tuple[int, list[Reference], int]:
    """See `perdure.kernel.codec.decode_header`."""
    reader = Reader(data, 0)
    shape_id, count = reader.head()
    references = reader.table(count)
    return shape_id, references, reader.position


def list_references(data: bytes) -> list[Reference]:
    """See `perdure.kernel.codec.list_references`."""
    return decode_header(data)[1]


def reference_count(data: bytes) -> int:
    """See `perdure.kernel.codec.reference_count`."""
    return Reader(data, 0).head()[1]


def decode_values(data: bytes, offset: int, objects: Sequence[object], extend: Extend) -> list[object]:
    """See `perdure.kernel.codec.decode_values`."""
    if offset < 0 or offset > len(data):
        raise CorruptRecordError(f"damaged record: values at byte {offset} of {len(data)}")
    reader = Reader(data, offset, objects, extend)
    values = []
    while reader.position < len(data):
        values.append(reader.value(0))
    if reader.next_reference != len(objects):
        reader.damaged("fewer references than the table has")
    return values


def decode_value(data: bytes, extend: Extend | None = None) -> object:
    """See `perdure.kernel.codec.decode_value`."""
    reader = Reader(data, 0, None, extend)
    value = reader.value(0)
    if reader.position != len(data):
        reader.damaged("bytes left over after the value")
    return value

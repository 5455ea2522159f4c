"""Ordered keys: the pure-Python twin of `perdure.kernel.keys`."""

from __future__ import annotations

import hashlib
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from perdure.errors import CorruptRecordError
from perdure.kernel import _keyparts as parts
from perdure.kernel._keycanonical import canonical
from perdure.kernel._keynumbers import decode_number, encode_number
from perdure.kernel._keyparts import MAX_DEPTH, EnumKey, ObjectId, Taker, damaged, encode_uint
from perdure.kernel._keytimes import decode_moment, encode_moment

__all__ = [
    "EnumKey",
    "ObjectId",
    "canonical",
    "decode",
    "decode_one",
    "decode_uint",
    "encode",
    "encode_one",
    "encode_uint",
    "shorten",
]

_HASH_SIZE = 16


def encode(values: tuple[object, ...]) -> bytes:
    """See `perdure.kernel.keys.encode`."""
    if type(values) is not tuple:
        raise TypeError(f"values must be a tuple, not {type(values).__qualname__}")
    return b"".join([_encode_value(value, 0) for value in values])


def encode_one(value: object) -> bytes:
    """See `perdure.kernel.keys.encode_one`."""
    return _encode_value(value, 0)


def _encode_value(value: Any, depth: int) -> bytes:
    kind = type(value)
    if kind is str:
        return bytes([parts.STR]) + _escape(value.encode("utf-8", "surrogatepass"))
    if kind in _NUMBERS:
        return encode_number(value)
    if kind is ObjectId:
        return bytes([parts.OBJECT]) + encode_uint(value)
    if kind is tuple:
        if depth >= MAX_DEPTH:
            raise ValueError(f"tuples are nested more than {MAX_DEPTH} deep")
        body = b"".join([_encode_value(item, depth + 1) for item in value])
        return bytes([parts.TUPLE]) + body + bytes([parts.END])
    if value is None:
        return bytes([parts.NONE])
    if kind is bytes:
        return bytes([parts.BYTES]) + _escape(value)
    if kind is EnumKey:
        return bytes([parts.ENUM]) + encode_uint(value.type_id) + encode_uint(value.index)
    if kind is UUID:
        return b"%c%b" % (parts.UUID_KIND, value.bytes)
    if kind in _MOMENTS:
        return encode_moment(value)
    if kind is complex:
        return bytes([parts.COMPLEX]) + _pack_ordered(value.real) + _pack_ordered(value.imag)
    raise TypeError(f"a {kind.__qualname__} cannot be part of a key")


_NUMBERS = frozenset({bool, int, float, Decimal})
_MOMENTS = frozenset({date, datetime, time, timedelta})


def _escape(body: bytes) -> bytes:
    return body.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") + b"\0"


def _pack_ordered(value: float) -> bytes:
    raw = struct.pack(">d", value)
    return raw.translate(parts.COMPLEMENT) if raw[0] & 0x80 else bytes([raw[0] | 0x80]) + raw[1:]


def _unpack_ordered(raw: bytes) -> float:
    raw = bytes([raw[0] & 0x7F]) + raw[1:] if raw[0] & 0x80 else raw.translate(parts.COMPLEMENT)
    result: float = struct.unpack(">d", raw)[0]
    return result


def decode(data: bytes) -> tuple[object, ...]:
    """See `perdure.kernel.keys.decode`."""
    values = []
    position = 0
    _check_bytes(data)
    while position < len(data):
        value, position = _decode_value(data, position, 0)
        values.append(value)
    return tuple(values)


def decode_one(data: bytes, position: int = 0) -> tuple[object, int]:
    """See `perdure.kernel.keys.decode_one`."""
    _check_bytes(data)
    _check_position(data, position)
    return _decode_value(data, position, 0)


def _check_bytes(data: object) -> None:
    if type(data) is not bytes:
        raise TypeError(f"data must be bytes, not {type(data).__qualname__}")


def _check_position(data: bytes, position: int) -> None:
    if position < 0 or position > len(data):
        raise CorruptRecordError(f"damaged key: position {position} of {len(data)} bytes")


def _decode_value(data: bytes, position: int, depth: int) -> tuple[Any, int]:
    if position >= len(data):
        damaged(position, "cut short")
    kind = data[position]
    if (0x41 <= kind <= parts.INFINITY and not 0x7D < kind < parts.POSITIVE) or kind == parts.NAN:
        return decode_number(data, position)
    if kind in (parts.STR, parts.BYTES):
        return _decode_escaped(data, position)
    if kind == parts.TUPLE:
        return _decode_tuple(data, position + 1, depth)
    if kind == parts.NONE:
        return None, position + 1
    if parts.DATE <= kind <= parts.TIMEDELTA and not kind & 1:
        return decode_moment(data, position)
    taker = Taker(data, position + 1)
    return _decode_fixed(taker, kind), taker.position


def _decode_fixed(taker: Taker, kind: int) -> object:
    if kind == parts.OBJECT:
        return ObjectId(taker.uint())
    if kind == parts.ENUM:
        return EnumKey(taker.uint(), taker.uint())
    if kind == parts.UUID_KIND:
        return UUID(bytes=taker.take(16))
    if kind == parts.COMPLEX:
        return complex(_unpack_ordered(taker.take(8)), _unpack_ordered(taker.take(8)))
    damaged(taker.position - 1, f"unknown kind {kind:#04x}")


def _decode_tuple(data: bytes, position: int, depth: int) -> tuple[tuple[Any, ...], int]:
    if depth >= MAX_DEPTH:
        damaged(position, "nested too deep")
    items: list[Any] = []
    while True:
        if position >= len(data):
            damaged(position, "cut short in a tuple")
        if data[position] == parts.END:
            return tuple(items), position + 1
        item, position = _decode_value(data, position, depth + 1)
        items.append(item)


def _decode_escaped(data: bytes, position: int) -> tuple[str | bytes, int]:
    end = data.find(b"\0", position + 1)
    if end < 0:
        damaged(position, "text without an end")
    body = data[position + 1 : end]
    if b"\1" in body:
        body = _unescape(body, position)
    if data[position] == parts.BYTES:
        return body, end + 1
    try:
        return body.decode("utf-8", "surrogatepass"), end + 1
    except UnicodeDecodeError:
        damaged(position, "text is not UTF-8")


def _unescape(body: bytes, position: int) -> bytes:
    out = bytearray()
    index = 0
    while index < len(body):
        byte = body[index]
        if byte == 1:
            index += 1
            if index == len(body) or body[index] not in (1, 2):
                damaged(position, "unknown escape")
            byte = body[index] - 1
        out.append(byte)
        index += 1
    return bytes(out)


def decode_uint(data: bytes, position: int = 0) -> tuple[int, int]:
    """See `perdure.kernel.keys.decode_uint`."""
    _check_bytes(data)
    _check_position(data, position)
    taker = Taker(data, position)
    return taker.uint(), taker.position


def shorten(key: bytes, limit: int) -> bytes:
    """See `perdure.kernel.keys.shorten`."""
    if limit < 2 * _HASH_SIZE:
        raise ValueError(f"limit must be at least {2 * _HASH_SIZE}")
    if len(key) <= limit - _HASH_SIZE:
        return key
    return key[: limit - _HASH_SIZE] + hashlib.blake2b(key, digest_size=_HASH_SIZE).digest()

"""Records of immutable objects, made small: each class has a dictionary, and its records are packed against that.

Graphs of one class are alike, so the values of the first one that is large enough become the dictionary of the class,
kept in the catalog; of later ones little more than the differences is stored: as such where they are few, else as
deflate finds them. See docs/format.md, "Packed records".
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from perdure.errors import CorruptRecordError
from perdure.kernel import codec, embedding

if TYPE_CHECKING:
    from perdure.session.catalog import Catalog, ClassEntry

__all__ = ["LEAST_PACKED", "open_record", "pack_record", "unpack_body"]

LEAST_PACKED = 96
"""Values of fewer bytes are not packed."""
_LONGEST = 1 << 14
"""Bytes of a dictionary, at most."""
_LEVEL = 3
_WINDOW, _LARGEST_WINDOW, _LARGEST_MEMORY = 9, 15, 6
"""Bits of the window that deflate looks back in, and how large its tables may be: as large as a record needs."""
_FEW, _MUCH = 128, 3
"""A record whose differences from the dictionary are at most so many bytes, and it is so many times as large, is stored
as those: that is a tenth of the work of deflate, which would take off little more."""
_DIFFERENCES = 1
_IMPOSSIBLE = 1 << 40
"""More bytes than a record can have."""
_SAVED = 16
"""A record that gets fewer bytes shorter stays as it is."""
_START = codec.encode_value(codec.Extension(embedding.PACKED, None))[:2]


def pack_record(catalog: Catalog, entry: ClassEntry, data: bytes, offset: int) -> bytes:
    """A record of a class with its values, from `offset` on, packed, or as it is where that saves nothing."""
    if len(data) - offset < LEAST_PACKED:
        return data
    body = data[offset:]
    dictionary_id, dictionary = catalog.dictionary_of(entry, body[:_LONGEST])
    packed = _alike(dictionary).differences(body)
    if len(packed) <= _FEW and _MUCH * len(packed) <= len(body):
        payload = (dictionary_id, len(body), packed, _DIFFERENCES)
        return data[:offset] + codec.encode_value(codec.Extension(embedding.PACKED, payload))
    bits = min(max((len(dictionary) + len(body)).bit_length(), _WINDOW), _LARGEST_WINDOW)
    packing = _prepared(dictionary, bits).copy()
    packed = packing.compress(body) + packing.flush()
    if len(packed) + _SAVED > len(body):
        return data
    return data[:offset] + codec.encode_value(codec.Extension(embedding.PACKED, (dictionary_id, len(body), packed)))


_alike = lru_cache(maxsize=32)(embedding.Alike)


@lru_cache(maxsize=32)
def _prepared(dictionary: bytes, bits: int) -> Any:
    """A deflate that has looked at a dictionary: copies of it are ready at once."""
    memory = min(bits - 7, _LARGEST_MEMORY)
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, -bits, memory, zlib.Z_DEFAULT_STRATEGY, dictionary)


def unpack_body(catalog: Catalog, body: bytes) -> bytes:
    """The values of a record that were packed."""
    payload: Any = codec.decode_value(body, _payload)
    kinds = [type(part) for part in payload] if isinstance(payload, tuple) else []
    if kinds[:3] != [int, int, bytes] or payload[3:] not in ((), (_DIFFERENCES,)) or not 0 <= payload[1] < _IMPOSSIBLE:
        raise CorruptRecordError("damaged record: what was packed is no dictionary, size and bytes")
    dictionary_id, size, packed = payload[:3]
    if payload[3:]:
        return embedding.follow(catalog.dictionary(dictionary_id), packed, size)
    opening = zlib.decompressobj(-_LARGEST_WINDOW, zdict=catalog.dictionary(dictionary_id))
    try:
        found = opening.decompress(packed, size + 1)
    except zlib.error as error:
        raise CorruptRecordError(f"damaged record: its packed values cannot be read: {error}") from error
    if len(found) != size or not opening.eof:
        raise CorruptRecordError(f"damaged record: its packed values are not {size} bytes")
    return found


def _payload(code: int, payload: object) -> object:
    return payload if code == embedding.PACKED else None


def open_record(catalog: Catalog, data: bytes) -> bytes:
    """A record with its values as they were before they were packed."""
    offset = codec.decode_header(data)[2]
    return data[:offset] + unpack_body(catalog, data[offset:]) if data[offset : offset + 2] == _START else data

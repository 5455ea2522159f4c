"""Merges: changes that never conflict, because any order of them gives the same value.

A counter is a signed number; zero is stored as no value. A posting is a set of numbers below 65,536. Commits
run one after the other inside the engine's write transaction, so a counter's new value is always written in
full. A large posting gets a delta instead: readers fold deltas onto the last full value, and a long chain is
replaced by a full value.
"""

from __future__ import annotations

from pyroaring import BitMap

from perdure.errors import CorruptRecordError

from .batch import PostingDelta
from .numbers import ByteReader, put_bytes, put_varint, unzigzag, zigzag

__all__ = [
    "CHAIN_MAX",
    "counter_bytes",
    "counter_value",
    "delta_depth",
    "fold_posting",
    "posting_bytes",
    "posting_delta",
    "posting_value",
]

CHAIN_MAX = 32
"""Deltas in a row before a posting is written in full again."""


def counter_value(data: bytes | None) -> int:
    """The number that the stored value of a counter means; an absent one is 0."""
    return 0 if data is None else unzigzag(ByteReader(data).varint())


def counter_bytes(value: int) -> bytes | None:
    """The stored value of a counter: None for 0."""
    if not value:
        return None
    out = bytearray()
    put_varint(out, zigzag(value))
    return bytes(out)


def posting_value(data: bytes | None) -> BitMap:
    """The set that the stored value of a posting means; an absent one is empty."""
    if data is None:
        return BitMap()
    try:
        return BitMap.deserialize(data)
    except Exception as error:
        raise CorruptRecordError(f"damaged database: a posting is no bitmap: {error}") from error


def posting_bytes(value: BitMap) -> bytes | None:
    """The stored value of a posting: None for the empty set."""
    if not value:
        return None
    value.run_optimize()
    return value.serialize()


def posting_delta(change: PostingDelta, depth: int) -> bytes:
    """The stored form of a change, the `depth`-th in its chain."""
    out = bytearray()
    put_varint(out, depth)
    put_bytes(out, posting_bytes(change.removes) or b"")
    out += posting_bytes(change.adds) or b""
    return bytes(out)


def delta_depth(data: bytes) -> int:
    """How many deltas a chain has whose newest is `data`."""
    return ByteReader(data).varint()


def fold_posting(base: bytes | None, deltas: list[bytes]) -> bytes | None:
    """The value of a chain: a full value or None, and the deltas after it, newest first."""
    value = posting_value(base)
    for delta in reversed(deltas):
        reader = ByteReader(delta)
        reader.varint()
        value -= posting_value(reader.sized() or None)
        value |= posting_value(reader.rest() or None)
    return posting_bytes(value)

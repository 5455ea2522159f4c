"""Pending writes of a connection: a stack of overlays above its view.

Savepoints and `atomic` push an overlay; success merges it into the one below, failure drops it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pyroaring import BitMap

from perdure.kernel import changes, durable, keys
from perdure.storage import Batch, PostingDelta, merge, spaces

__all__ = ["TAG_LIMIT", "Overlay", "by_chunk", "posting_key", "posting_prefix"]

Merge = int | PostingDelta


_FEW = 16
TAG_LIMIT = 400
"""Longest tag in the key of a posting, in bytes; longer ones are cut and hashed. Objects keep them whole."""


def posting_prefix(tag: bytes) -> bytes:
    """How the keys of a tag's posting begin."""
    return keys.shorten(tag, TAG_LIMIT)


def posting_key(tag: bytes, chunk: int) -> bytes:
    """Key of one chunk of a tag's posting."""
    return posting_prefix(tag) + keys.encode_uint(chunk)


def by_chunk(oids: Sequence[int]) -> dict[int, BitMap]:
    """Chunk → low 16 bits of the object ids in it."""
    if len(oids) > _FEW and max(oids) >> 32 == 0:
        return _split(BitMap(oids))
    lows: dict[int, list[int]] = {}
    for oid in oids:
        lows.setdefault(oid >> 16, []).append(oid & 0xFFFF)
    return {chunk: BitMap(found) for chunk, found in lows.items()}


def _split(oids: BitMap) -> dict[int, BitMap]:
    chunks: dict[int, BitMap] = {}
    start = 0
    while start < len(oids):
        chunk = oids[start] >> 16
        end = oids.rank(chunk << 16 | 0xFFFF)
        chunks[chunk] = oids[start:end].shift(-(chunk << 16))
        start = end
    return chunks


@dataclass(slots=True)
class Overlay:
    """Writes not yet committed, and the objects that they came from."""

    puts: dict[int, dict[bytes, bytes | None]] = field(default_factory=dict)
    holders: dict[int, int] = field(default_factory=dict)
    """Object id → change of its stored reference counter."""
    counters: dict[bytes, int] = field(default_factory=dict)
    postings: dict[bytes, dict[int, PostingDelta]] = field(default_factory=dict)
    """Tag key → chunk → object ids (low bits) to add and remove."""
    touched: set[int] = field(default_factory=set)
    """Ids of objects flushed here, so that a rollback can make them ghosts."""
    created: set[int] = field(default_factory=set)
    dropped: dict[int, durable.Durable] = field(default_factory=dict)
    """Live objects deleted here, so that a rollback can bring them back."""
    deleted: set[int] = field(default_factory=set)
    """Ids of all objects deleted here."""
    expected: dict[int, int] = field(default_factory=dict)
    """Deleted object → its counter, which no other commit may have changed."""
    _sorted: dict[int, list[bytes]] = field(default_factory=dict)

    def put(self, space: int, key: bytes, value: bytes | None) -> None:
        """Write `value` under `key`; None deletes."""
        content = self.puts.get(space)
        if content is None:
            content = self.puts[space] = {}
        if key not in content:
            self._sorted.pop(space, None)
        content[key] = value

    def begin_puts(self, space: int) -> dict[bytes, bytes | None]:
        """The dict behind `put`, for writing many keys."""
        self._sorted.pop(space, None)
        return self.puts.setdefault(space, {})

    def hold(self, oid: int, change: int) -> None:
        """Add `change` to the holder counter of an object."""
        total = self.holders.get(oid, 0) + change
        if total:
            self.holders[oid] = total
        else:
            self.holders.pop(oid, None)

    def count(self, key: bytes, change: int) -> None:
        """Add `change` to a collection's size counter."""
        self.counters[key] = self.counters.get(key, 0) + change

    def post(self, tag: bytes, oids: list[int], *, add: bool) -> Iterable[int]:
        """Add object ids to a tag's posting, or remove them; the chunks that they are in."""
        chunks = self.postings.setdefault(tag, {})
        posted = by_chunk(oids)
        for chunk, changed in posted.items():
            delta = chunks.get(chunk)
            if delta is None:
                delta = chunks[chunk] = PostingDelta(BitMap(), BitMap())
            (delta.adds if add else delta.removes).update(changed)
            other = delta.removes if add else delta.adds
            other -= changed
        return posted.keys()

    def keys_between(self, space: int, low: bytes, high: bytes | None) -> list[bytes]:
        """Keys written in the half-open range, in order."""
        if not self.puts.get(space):
            return []
        ordered = self._ordered(space)
        end = len(ordered) if high is None else bisect_left(ordered, high)
        return ordered[bisect_left(ordered, low) : end]

    def last_below(self, space: int, bound: bytes) -> bytes:
        """The last key written that is less than `bound`; empty when there is none."""
        ordered = self._ordered(space)
        index = bisect_left(ordered, bound)
        return ordered[index - 1] if index else b""

    def _ordered(self, space: int) -> list[bytes]:
        ordered = self._sorted.get(space)
        if ordered is None:
            ordered = self._sorted[space] = sorted(self.puts.get(space, ()))
        return ordered

    def merge_into(self, below: Overlay) -> None:
        """Move everything to the overlay below: the block that owned this one succeeded."""
        for space, content in self.puts.items():
            below.puts.setdefault(space, {}).update(content)
            below._sorted.pop(space, None)
        for oid, change in self.holders.items():
            below.hold(oid, change)
        for key, change in self.counters.items():
            below.count(key, change)
        for tag, chunks in self.postings.items():
            for chunk, delta in chunks.items():
                base = chunk << 16
                below.post(tag, [base | low for low in delta.removes], add=False)
                below.post(tag, [base | low for low in delta.adds], add=True)
        below.touched |= self.touched
        below.created |= self.created
        below.dropped.update(self.dropped)
        below.deleted |= self.deleted
        below.expected.update(self.expected)

    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (any(self.puts.values()) or self.holders or self.counters or self.postings)

    def to_batch(self, base: int) -> Batch:
        """The writes as a storage batch on state `base`."""
        batch = Batch(base=base)
        batch.puts = self.puts
        merges: dict[int, dict[bytes, Merge]] = {}
        if self.holders:
            # A new object has no counter yet: its value is known, and writing it needs no reading.
            created = self.created
            older = self.holders
            known: dict[bytes, bytes | None] = {}
            if created:
                older = {oid: change for oid, change in older.items() if oid not in created}
                fresh = [(oid, change) for oid, change in self.holders.items() if oid in created]
                known = {keys.encode_uint(oid): merge.counter_bytes(change) for oid, change in fresh}
            batch.puts = {**self.puts, spaces.REFCOUNTS.id: known}
            merges[spaces.REFCOUNTS.id] = dict(zip(changes.encode_ids(list(older)), older.values(), strict=True))
        if self.counters:
            merges[spaces.COUNTERS.id] = {key: change for key, change in self.counters.items() if change}
        if self.postings:
            merges[spaces.POSTINGS.id] = dict(self._posting_merges())
        batch.merges = merges
        if self.expected:
            counters = {keys.encode_uint(oid): value for oid, value in self.expected.items()}
            batch.expected = {spaces.REFCOUNTS.id: counters}
        return batch

    def _posting_merges(self) -> Iterator[tuple[bytes, Merge]]:
        for tag, chunks in self.postings.items():
            for chunk, delta in chunks.items():
                if delta.adds or delta.removes:
                    yield posting_key(tag, chunk), delta

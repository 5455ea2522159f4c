"""Entries of trees as stored: one for each key, in the order of the keys.

An entry is stored under the tree's id, kind byte 0 and the key's bytes, as a record: its values are the value (in a
mapping) and, with shape id 1 instead of 0, the key itself where the bytes do not tell it exactly. The bytes of a long
key end in a hash; such keys are neighbours, and are put in order when they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from perdure.collections.ordering import Entry, hold_references
from perdure.kernel import codec, durable, keys, mapping
from perdure.storage import spaces
from perdure.zodb.BTrees._keys import ALL, KEY_BYTES_MAX, KEY_BYTES_WHOLE, Between, is_exact, order_bytes

if TYPE_CHECKING:
    from perdure.session import Connection

__all__ = ["count_keys", "read_entry", "scan_entries", "write_entries"]

_ENTRIES = spaces.ENTRIES.id
_ENTRY = b"\0"
_EXACT = frozenset({str, int, bytes})


class _Bounds:
    """A range of keys as bytes; None is no bound."""

    __slots__ = ("exclude_high", "exclude_low", "high", "low")

    def __init__(self, between: Between) -> None:
        self.low = None if between.low is None else order_bytes(between.low[0])
        self.high = None if between.high is None else order_bytes(between.high[0])
        self.exclude_low, self.exclude_high = between.exclude_low, between.exclude_high

    def span(self) -> tuple[bytes, bytes]:
        """The half-open range of stored key bytes that the keys lie in, with all neighbours of long bounds."""
        low, high = b"", _AFTER_ALL
        if self.low is not None:
            low = self.low[:KEY_BYTES_WHOLE]
            if self.exclude_low and low is self.low:
                low += b"\0"
        if self.high is not None:
            high = self.high[:KEY_BYTES_WHOLE]
            if high is not self.high:
                high += _AFTER_ALL
            elif not self.exclude_high:
                high += b"\0"
        return low, high

    def hold(self, key: bytes) -> bool:
        """Whether the whole bytes of a key lie in the range."""
        if self.low is not None and (key < self.low or (self.exclude_low and key == self.low)):
            return False
        return self.high is None or key < self.high or (not self.exclude_high and key == self.high)


_AFTER_ALL = b"\xff" * 17
"""Comes after every key, and after every continuation of a cut key."""


def _prefix(tree: durable.Durable) -> bytes:
    return keys.encode_uint(durable.oid_of(tree)) + _ENTRY


def _scan(tree: durable.Durable, bounds: _Bounds, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
    connection = cast("Connection", durable.owner_of(tree))
    prefix = _prefix(tree)
    low, high = bounds.span()
    if low >= high:
        return
    size = len(prefix)
    for key, data in connection.scan(_ENTRIES, prefix + low, prefix + high, reverse=reverse):
        yield key[size:], data


def scan_entries(tree: Any, between: Between = ALL, *, reverse: bool = False) -> Iterator[Entry]:
    """The stored entries of a range in the order of their keys."""
    bounds = _Bounds(between)
    connection = durable.owner_of(tree)
    valued = tree._perdure_ordered_
    for cut, part in groupby(_scan(tree, bounds, reverse), _cut_key):
        if cut is None:
            for key, data in part:
                yield Entry(connection, key, data, valued)
            continue
        entries = [Entry(connection, key, data, valued) for key, data in part]
        whole = [(order_bytes(entry.key), entry) for entry in entries]
        for key, entry in sorted(whole, key=lambda pair: pair[0], reverse=reverse):
            if bounds.hold(key):
                yield entry


def _cut_key(pair: tuple[bytes, bytes]) -> bytes | None:
    """What the neighbours of a cut key share; None for whole keys."""
    return pair[0][:KEY_BYTES_WHOLE] if len(pair[0]) == KEY_BYTES_MAX else None


def count_keys(tree: Any, between: Between) -> int:
    """How many stored keys lie in a range."""
    bounds = _Bounds(between)
    total = 0
    for cut, part in groupby(_scan(tree, bounds, False), _cut_key):
        if cut is None:
            total += sum(1 for _ in part)
        else:
            connection, valued = durable.owner_of(tree), tree._perdure_ordered_
            total += sum(bounds.hold(order_bytes(Entry(connection, key, data, valued).key)) for key, data in part)
    return total


def read_entry(tree: Any, key: Any) -> Entry | None:
    """The stored entry of a key, or None."""
    connection = durable.owner_of(tree)
    place = keys.shorten(order_bytes(key), KEY_BYTES_MAX)
    data = connection.read(_ENTRIES, _prefix(tree) + place)
    return None if data is None else Entry(connection, place, data, tree._perdure_ordered_)


def write_entries(tree: Any, pending: dict[Any, int], entries: dict[Any, Any]) -> None:
    """Write what changed since the last flush. Nothing is written when a value cannot be stored."""
    connection = cast("Connection", durable.owner_of(tree))
    prefix, valued = _prefix(tree), tree._perdure_ordered_
    stored = [key for key, status in pending.items() if status != mapping.NEW]
    before = _stored(connection, prefix, stored)
    written: dict[bytes, bytes | None] = {}
    encode_key, encode, refer = keys.encode_one, codec.encode_record, connection.refer
    for key, status in pending.items():
        if status == mapping.NEW and type(key) in _EXACT:
            place = encode_key(key)
            if len(place) <= KEY_BYTES_WHOLE:
                written[prefix + place] = encode(0, (entries[key],) if valued else (), refer)
                continue
        place = keys.shorten(order_bytes(key), KEY_BYTES_MAX)
        if status == mapping.DELETED:
            written[prefix + place] = None
        else:
            old = before.get(prefix + place) if status == mapping.KEPT else None
            written[prefix + place] = _encode(tree, key, entries[key], place, old)
    connection.overlay.begin_puts(_ENTRIES).update(written)
    for data in written.values():
        if data is not None and codec.reference_count(data):
            hold_references(connection, data)
    for data in before.values():
        if codec.reference_count(data):
            connection.lifetime.release_references(data)
    statuses = list(pending.values())
    grown = statuses.count(mapping.NEW) - statuses.count(mapping.DELETED)
    if grown:
        connection.overlay.count(prefix[: -len(_ENTRY)], grown)


def _stored(connection: Connection, prefix: bytes, changed: list[Any]) -> dict[bytes, bytes]:
    places = [prefix + keys.shorten(order_bytes(key), KEY_BYTES_MAX) for key in changed]
    found = connection.read_many(_ENTRIES, places)
    return {place: data for place, data in zip(places, found, strict=True) if data is not None}


def _encode(tree: Any, key: Any, value: Any, place: bytes, before: bytes | None) -> bytes:
    """The entry of a key. It keeps the key that was put first, whatever equal one came later."""
    connection, valued = durable.owner_of(tree), tree._perdure_ordered_
    exact = len(place) <= KEY_BYTES_WHOLE and is_exact(key, place)
    if before is not None:
        entry = Entry(connection, place, before, valued)
        exact, key = entry.exact, entry.key
    values = ((value,) if valued else ()) + (() if exact else (key,))
    return codec.encode_record(0 if exact else 1, values, connection.refer)

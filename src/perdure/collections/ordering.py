"""Entries of large dicts and sets as stored, and the pages that keep a dict's order.

An entry is stored under the collection's id, kind byte 0 and the key's bytes, as a record: its values are the value (dicts)
and the key itself where the bytes do not tell it exactly; its shape id is twice the number of the order page that
mentions it (0 in a set), plus 1 when it has the key. An order page (kind
byte 1 and its number) mentions keys in order. Numbers only grow, as each writer sees them; two writers that took
the same number conflict. A mention counts when the entry names the page; others are left over from entries since
deleted or put again, and are swept out once they outnumber the entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from random import randrange
from typing import TYPE_CHECKING, Any, cast

from perdure.collections.keying import entry_key, original_key
from perdure.errors import CorruptRecordError
from perdure.kernel import codec, durable, keys, mapping, records
from perdure.session.extensions import read_extension
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.collections.entries import KeyedMethods
    from perdure.session import Connection

__all__ = ["Entry", "drop_entries", "entry_prefix", "stored_entries", "write_entries"]

PAGE_BYTES = 1600
PAGE_KEYS = 256
BATCH = 256
STEP = 1024
"""Numbers of order pages are this far apart at most, so that two writers hardly ever take the same one."""

_ENTRIES = spaces.ENTRIES.id
_ENTRY, _PAGE, _END = b"\0", b"\1", b"\2"


class Entry:
    """A stored entry: its key, value, and the number of the order page that mentions it."""

    __slots__ = ("key", "number", "size", "value")

    def __init__(self, connection: Connection, key: bytes, data: bytes, ordered: bool) -> None:
        shape_id, references, offset = codec.decode_header(data)
        self.number = shape_id >> 1
        objects = connection.resolve(references) if references else ()
        values = codec.decode_values(data, offset, objects, partial(read_extension, connection))
        if len(values) != ordered + (shape_id & 1):
            raise CorruptRecordError(f"damaged entry {key.hex()} of a collection")
        self.size = len(data)
        self.value = values.pop(0) if ordered else None
        self.key = values[0] if values else keys.decode_one(key)[0]


def owner_prefix(collection: KeyedMethods) -> bytes:
    """What all keys of a collection start with."""
    return keys.encode_uint(durable.oid_of(collection))


def entry_prefix(collection: KeyedMethods) -> bytes:
    """What the keys of its entries start with."""
    return keys.encode_uint(durable.oid_of(collection)) + _ENTRY


# -- reading -------------------------------------------------------------------------------------------------


def stored_entries(collection: KeyedMethods, *, reverse: bool = False) -> Iterator[Entry]:
    """The entries as of the last flush: a dict's in their order, a set's in that of their keys."""
    connection = cast("Connection", durable.owner_of(collection))
    prefix = owner_prefix(collection)
    if not collection._perdure_ordered_:
        for key, data in connection.scan(_ENTRIES, prefix + _ENTRY, prefix + _PAGE, reverse=reverse):
            yield Entry(connection, key[len(prefix) + 1 :], data, False)
        return
    for number, mentions in pages(connection, prefix, reverse=reverse):
        if reverse:
            mentions = mentions[::-1]
        found = connection.read_many(_ENTRIES, [prefix + _ENTRY + key for key in mentions])
        for key, data in zip(mentions, found, strict=True):
            if data is not None:
                entry = Entry(connection, key, data, True)
                if entry.number == number:
                    yield entry


def pages(
    connection: Connection, prefix: bytes, *, reverse: bool = False
) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    """Numbers and mentions of the order pages."""
    for key, data in connection.scan(_ENTRIES, prefix + _PAGE, prefix + _END, reverse=reverse):
        mentions = codec.decode_value(data)
        if not isinstance(mentions, tuple) or not all(type(mention) is bytes for mention in mentions):
            raise CorruptRecordError(f"damaged order page {key.hex()} of a dict")
        yield keys.decode_uint(key, len(prefix) + 1)[0], mentions


def last_number(connection: Connection, prefix: bytes) -> int:
    """The number of the last order page, 0 when there is none."""
    for key, _ in connection.scan(_ENTRIES, prefix + _PAGE, prefix + _END, reverse=True):
        return keys.decode_uint(key, len(prefix) + 1)[0]
    return 0


# -- writing -------------------------------------------------------------------------------------------------


def write_entries(collection: KeyedMethods, pending: dict[Any, int], entries: dict[Any, Any]) -> None:
    """Write what changed since the last flush. Nothing is written when a key or value cannot be stored."""
    writer = _Writer(collection)
    changes = list(pending.items())
    bodies = [entry_key(writer.connection, hot, adding=True) for hot, _ in changes]
    stored = [body for body, (_, status) in zip(bodies, changes, strict=True) if status != mapping.NEW]
    before = writer.read_before([key for key, _ in stored])
    for (hot, status), (key, exact) in zip(changes, bodies, strict=True):
        if status != mapping.DELETED:
            moved = status != mapping.KEPT
            writer.encode(key, None if exact else original_key(hot), entries[hot], moved, before.get(key), exact)
    writer.apply(before, [key for (_, status), (key, _) in zip(changes, bodies, strict=True) if status == mapping.DELETED])
    writer.count(changes)


class _Writer:
    def __init__(self, collection: KeyedMethods) -> None:
        self.collection = collection
        self.connection = cast("Connection", durable.owner_of(collection))
        self.prefix = owner_prefix(collection)
        self.ordered = collection._perdure_ordered_
        self.records: dict[bytes, bytes] = {}
        self.pages: list[tuple[int, list[bytes]]] = []
        self.room = 0
        if self.ordered and collection._perdure_last_ < 0:
            collection._perdure_last_ = last_number(self.connection, self.prefix)
        self.last = collection._perdure_last_

    def read_before(self, stored: list[bytes]) -> dict[bytes, bytes]:
        prefix = self.prefix + _ENTRY
        found = self.connection.read_many(_ENTRIES, [prefix + key for key in stored]) if stored else []
        return {key: data for key, data in zip(stored, found, strict=True) if data is not None}

    def encode(self, key: bytes, original: object, value: object, moved: bool, before: bytes | None, exact: bool) -> None:
        values = [value] if self.ordered else []
        if moved or before is None:
            number = self.mention(key) if self.ordered else 0
        else:  # the key stays the one that was put first, whatever equal one came later
            number = records.shape_id_of(before) >> 1
            exact = not records.shape_id_of(before) & 1
            original = None if exact else Entry(self.connection, key, before, self.ordered).key
        if not exact:
            values.append(original)
        self.records[key] = codec.encode_record(2 * number + (not exact), values, self.connection.refer)

    def mention(self, key: bytes) -> int:
        """Put a key on the last new order page; the page's number."""
        if self.room <= 0 or len(self.pages[-1][1]) >= PAGE_KEYS:
            self.last += randrange(1, STEP) if not self.pages else 1
            self.pages.append((self.last, []))
            self.room = PAGE_BYTES
        self.pages[-1][1].append(key)
        self.room -= len(key) + 2
        return self.last

    def apply(self, before: dict[bytes, bytes], deleted: Iterable[bytes]) -> None:
        lifetime = self.connection.lifetime
        content = self.connection.overlay.begin_puts(_ENTRIES)
        prefix = self.prefix + _ENTRY
        for key, data in self.records.items():
            content[prefix + key] = data
            if codec.reference_count(data):
                hold_references(self.connection, data)
        for key in deleted:
            content[prefix + key] = None
        for data in before.values():
            if codec.reference_count(data):
                lifetime.release_references(data)
        prefix = self.prefix + _PAGE
        for number, mentions in self.pages:
            content[prefix + keys.encode_uint(number)] = codec.encode_value(tuple(mentions))
        self.collection._perdure_last_ = self.last

    def count(self, changes: list[tuple[Any, int]]) -> None:
        statuses = [status for _, status in changes]
        grown = statuses.count(mapping.NEW) - statuses.count(mapping.DELETED)
        overlay = self.connection.overlay
        if grown:
            overlay.count(self.prefix, grown)
        mentioned = sum(len(mentions) for _, mentions in self.pages)
        if mentioned:
            overlay.count(self.prefix + _PAGE, mentioned)
        if self.ordered:
            sweep_mentions(self.connection, self.prefix, self.collection._perdure_count_)


def hold_references(connection: Connection, data: bytes) -> None:
    """Count what an entry holds."""
    for reference in codec.list_references(data):
        if not reference.weak:
            connection.lifetime.hold(reference.oid)


def sweep_mentions(connection: Connection, prefix: bytes, count: int) -> None:
    """Rewrite the order pages without the mentions that no longer count, once those are the most."""
    mentioned = connection.counter(prefix + _PAGE)
    if mentioned <= 2 * count + 2 * PAGE_KEYS:
        return
    kept = 0
    changed: dict[bytes, bytes | None] = {}
    for number, mentions in pages(connection, prefix):
        found = connection.read_many(_ENTRIES, [prefix + _ENTRY + key for key in mentions])
        live = [
            key
            for key, data in zip(mentions, found, strict=True)
            if data is not None and records.shape_id_of(data) >> 1 == number
        ]
        kept += len(live)
        if len(live) < len(mentions):
            place = prefix + _PAGE + keys.encode_uint(number)
            changed[place] = codec.encode_value(tuple(live)) if live else None
    connection.overlay.begin_puts(_ENTRIES).update(changed)
    connection.overlay.count(prefix + _PAGE, kept - mentioned)


def drop_entries(connection: Connection, oid: int) -> None:
    """Delete all entries and order pages of a collection, releasing what they hold."""
    prefix = keys.encode_uint(oid)
    source = connection.scan(_ENTRIES, prefix, prefix + _END)
    while batch := list(islice(source, BATCH)):
        for key, data in batch:
            if key[len(prefix) : len(prefix) + 1] == _ENTRY and codec.reference_count(data):
                connection.lifetime.release_references(data)
            connection.overlay.put(_ENTRIES, key, None)
    for key in (prefix, prefix + _PAGE):
        size = connection.counter(key)
        if size:
            connection.overlay.count(key, -size)

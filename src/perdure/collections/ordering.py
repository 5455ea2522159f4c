"""Entries of large dicts and sets as stored, and the pages that keep a dict's order.

An entry is stored under the collection's id, kind byte 0 and the key's bytes, as a record: its values are the value
(in a dict) and the key itself where the bytes do not tell it exactly; its shape id is twice the number of the order
page that mentions it (0 in a set), plus 1 when it has the key. An order page (kind byte 1 and its number) mentions
keys in order. Numbers only grow, as each writer sees them; two writers that took the same number conflict. A
mention counts when the entry names the page; others are left over from entries since deleted or put again, and are
swept out once they outnumber the entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from random import randrange
from typing import TYPE_CHECKING, Any, cast

from perdure.collections.keying import HeldKey, entry_key, hot_key, original_key
from perdure.errors import CorruptRecordError
from perdure.kernel import codec, durable, keys, mapping, records
from perdure.kernel import entries as kernel_entries
from perdure.session import Weak
from perdure.session.extensions import read_extension
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.collections.entries import KeyedMethods
    from perdure.session import Connection

__all__ = ["Entry", "drop_entries", "entry_prefix", "held_by_entries", "read_all", "stored_entries", "write_entries"]

SLACK = 512
"""Mentions that may be left over before they are swept out."""
BATCH = 256
STEP = 1024
"""Numbers of order pages are this far apart at most, so that two writers hardly ever take the same one."""

_ENTRIES = spaces.ENTRIES.id
_ENTRY, _PAGE, _END = b"\0", b"\1", b"\2"
_MENTIONS = 1 << 63
"""Added to a collection's id where its mentions are counted: no key of a space may begin with another."""


class Entry:
    """A stored entry: its key, value, and the number of the order page that mentions it."""

    __slots__ = ("exact", "key", "number", "size", "value")

    def __init__(self, connection: Connection, key: bytes, data: bytes, ordered: bool) -> None:
        shape_id, references, offset = codec.decode_header(data)
        self.number, self.exact = shape_id >> 1, not shape_id & 1
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


def _mentions_key(prefix: bytes) -> bytes:
    return keys.encode_uint(keys.decode_uint(prefix)[0] | _MENTIONS)


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
        wanted = mentions[::-1] if reverse else mentions
        found = connection.read_many(_ENTRIES, [prefix + _ENTRY + key for key in wanted])
        for mention, record in zip(wanted, found, strict=True):
            if record is not None:
                entry = Entry(connection, mention, record, True)
                if entry.number == number:
                    yield entry


def pages(connection: Connection, prefix: bytes, *, reverse: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """Numbers and mentions of the order pages."""
    for key, data in connection.scan(_ENTRIES, prefix + _PAGE, prefix + _END, reverse=reverse):
        yield keys.decode_uint(key, len(prefix) + 1)[0], kernel_entries.read_mentions(data)


def last_number(connection: Connection, prefix: bytes) -> int:
    """The number of the last order page, 0 when there is none."""
    for key, _ in connection.scan(_ENTRIES, prefix + _PAGE, prefix + _END, reverse=True):
        return keys.decode_uint(key, len(prefix) + 1)[0]
    return 0


def read_all(collection: KeyedMethods) -> tuple[dict[Any, Any], int]:
    """All stored entries by hot key, in order, and how many bytes they have."""
    connection = cast("Connection", durable.owner_of(collection))
    prefix, ordered = owner_prefix(collection), collection._perdure_ordered_
    size = 0

    def scan() -> Iterator[tuple[bytes, bytes]]:
        nonlocal size
        for pair in connection.scan(_ENTRIES, prefix + _ENTRY, prefix + _PAGE):
            size += len(pair[1])
            yield pair

    def other(key: bytes, data: bytes) -> tuple[int, Any, Any]:
        entry = Entry(connection, key, data, ordered)
        hot = hot_key(entry.key)
        if type(hot) is HeldKey or type(entry.value) is Weak:
            collection._perdure_special_ = True
        return entry.number, hot, entry.value

    extend = partial(read_extension, connection)
    found = kernel_entries.collect_entries(scan(), len(prefix) + 1, ordered, extend, other)
    return (kernel_entries.order_entries(found, pages(connection, prefix)) if ordered else found), size


# -- writing -------------------------------------------------------------------------------------------------


def write_entries(collection: KeyedMethods, pending: dict[Any, int] | None, entries: dict[Any, Any]) -> None:
    """Write what changed since the last flush, or all as new. Nothing is written when something cannot be stored."""
    connection = cast("Connection", durable.owner_of(collection))
    prefix, ordered = owner_prefix(collection), collection._perdure_ordered_
    if ordered and collection._perdure_last_ < 0:
        collection._perdure_last_ = last_number(connection, prefix)
    last = max(collection._perdure_last_, 0)
    encoder = kernel_entries.EntryEncoder(prefix + _ENTRY, ordered, last, randrange(1, STEP), connection.refer)
    others = _Others(connection, collection, encoder)
    stored = encoder.stored_keys(pending or {}, others.key_of)
    found = connection.read_many(_ENTRIES, stored) if stored else []
    others.before = {key: data for key, data in zip(stored, found, strict=True) if data is not None}
    encoder.encode(pending, entries, others.before, others.encode)
    content = connection.overlay.begin_puts(_ENTRIES)
    content.update(encoder.records)
    for data in encoder.referring:
        hold_references(connection, data)
    for data in others.before.values():
        if codec.reference_count(data):
            connection.lifetime.release_references(data)
    mentioned = 0
    for number, page, count in encoder.finish():
        content[prefix + _PAGE + keys.encode_uint(number)] = page
        mentioned += count
    collection._perdure_last_ = encoder.last
    grown = collection._perdure_count_ - connection.counter(prefix)
    if grown:
        connection.overlay.count(prefix, grown)
    if mentioned:
        connection.overlay.count(_mentions_key(prefix), mentioned)
    if ordered and pending is not None:
        sweep_mentions(connection, prefix, collection._perdure_count_)


class _Others:
    """The entries of a flush that the encoder leaves: odd keys, and keys that were put first in another form."""

    def __init__(self, connection: Connection, collection: KeyedMethods, encoder: kernel_entries.EntryEncoder) -> None:
        self.connection = connection
        self.encoder = encoder
        self.ordered = collection._perdure_ordered_
        self.entries = collection._perdure_hot_
        self.prefix = entry_prefix(collection)
        self.before: dict[bytes, bytes] = {}

    def key_of(self, hot: object) -> bytes:
        """The whole key of an entry."""
        return self.prefix + entry_key(self.connection, hot)[0]

    def encode(self, hot: object, status: int) -> None:
        """Encode one of them."""
        key, exact = entry_key(self.connection, hot, adding=True)
        if status == mapping.DELETED:
            self.encoder.records[self.prefix + key] = None
            return
        original = None if exact else original_key(hot)
        number = None
        before = self.before.get(self.prefix + key)
        if status == mapping.KEPT and before is not None:
            # The key stays the one that was put first, whatever equal one came later.
            entry = Entry(self.connection, key, before, self.ordered)
            exact, original, number = entry.exact, entry.key, entry.number
        self.encoder.add(key, self.entries[hot], number, not exact, original)


def hold_references(connection: Connection, data: bytes) -> None:
    """Count what an entry holds."""
    for reference in codec.list_references(data):
        if not reference.weak:
            connection.lifetime.hold(reference.oid)


def sweep_mentions(connection: Connection, prefix: bytes, count: int) -> None:
    """Rewrite the order pages without the mentions that no longer count, once those are the most."""
    mentioned = connection.counter(_mentions_key(prefix))
    if mentioned <= 2 * count + SLACK:
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
            changed[place] = kernel_entries.write_mentions(live) if live else None
    connection.overlay.begin_puts(_ENTRIES).update(changed)
    connection.overlay.count(_mentions_key(prefix), kept - mentioned)


def drop_entries(connection: Connection, oid: int) -> None:
    """Delete all entries and order pages of a collection, releasing what they hold."""
    prefix = keys.encode_uint(oid)
    source = connection.scan(_ENTRIES, prefix, prefix + _END)
    while batch := list(islice(source, BATCH)):
        for key, data in batch:
            if key[len(prefix) : len(prefix) + 1] == _ENTRY and codec.reference_count(data):
                connection.lifetime.release_references(data)
            connection.overlay.put(_ENTRIES, key, None)
    for key in (prefix, _mentions_key(prefix)):
        size = connection.counter(key)
        if size:
            connection.overlay.count(key, -size)


def held_by_entries(connection: Connection, oid: int) -> list[int]:
    """Ids of the objects that stored entries hold, once for each; checks entries, order pages and counters."""
    prefix = keys.encode_uint(oid)
    held: list[int] = []
    numbers: dict[bytes, int] = {}
    for key, data in connection.scan(_ENTRIES, prefix + _ENTRY, prefix + _PAGE):
        shape_id, references, _ = codec.decode_header(data)
        held += [reference.oid for reference in references if not reference.weak]
        numbers[key[len(prefix) + 1 :]] = shape_id >> 1
    mentions = [(number, key) for number, page in pages(connection, prefix) for key in page]
    counted = connection.counter(prefix), connection.counter(_mentions_key(prefix))
    if counted != (len(numbers), len(mentions)):
        raise CorruptRecordError(
            f"the collection counts {counted[0]} entries and {counted[1]} mentions,"
            f" and has {len(numbers)} and {len(mentions)}"
        )
    live = [key for number, key in mentions if numbers.get(key) == number]
    if any(numbers.values()) and sorted(live) != sorted(numbers):
        raise CorruptRecordError(f"the order of the collection mentions {len(live)} of its {len(numbers)} entries")
    return held

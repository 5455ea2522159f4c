"""Proving a database sound: the storage first, then that records, holder counts, tags and postings agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from pyroaring import BitMap

from perdure.errors import PerdureError
from perdure.kernel import codec, keys, records
from perdure.session.builtin import FIRST_FREE_ID, builtin_class
from perdure.session.overlay import TAG_LIMIT, posting_prefix
from perdure.session.parts import sizes_in
from perdure.session.roots import ROOT
from perdure.session.squeezing import open_record
from perdure.session.tagging import class_tag, decode_row, has_mark, passive_mark
from perdure.storage import Problem, merge, spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection
    from perdure.session.database import Database

__all__ = ["verify"]

_RECORDS = spaces.RECORDS
_REFCOUNTS = spaces.REFCOUNTS
_TAGS = spaces.OBJECT_TAGS
_POSTINGS = spaces.POSTINGS
_INTERNED = spaces.INTERNED


def verify(database: Database) -> Iterator[Problem]:
    """Everything wrong with a database, at its newest state. Nothing may write meanwhile.

    Problems of the storage come first; with those, what is built on it is not looked at.
    """
    sound = True
    for problem in database.storage.verify():
        sound = False
        yield problem
    if not sound:
        return
    connection = database.connect()
    try:
        yield from _Check(connection).run()
    finally:
        connection.close()


class _Check:
    """One pass over all records, and what they say about counts and tags."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._classes: dict[int, int] = {}
        """Object id → class id."""
        self._holders: Counter[int] = Counter()
        self._tagged: dict[bytes, set[int]] = {}
        self._interned: set[int] = set()

    def run(self) -> Iterator[Problem]:
        yield from self._records()
        self._roots()
        yield from self._tags()
        yield from self._counts()
        yield from self._postings()
        yield from self._interning()

    def _records(self) -> Iterator[Problem]:
        for key, data in self._connection.scan(_RECORDS):
            oid = keys.decode_uint(key)[0]
            try:
                self._record(oid, data)
            except PerdureError as error:
                yield Problem(_RECORDS, key, f"object #{oid}: {error}")

    def _record(self, oid: int, data: bytes) -> None:
        if self._connection.is_immutable(records.shape_id_of(data)):
            data = open_record(self._connection.catalog, data)
        shape_id, references, offset = codec.decode_header(data)
        values = codec.decode_values(data, offset, references, lambda code, payload: (code, payload))
        for reference in references:
            if not reference.weak:
                self._holders[reference.oid] += 1
        if shape_id < FIRST_FREE_ID:
            self._classes[oid] = shape_id
            held = getattr(builtin_class(shape_id), "_perdure_held_", None)
            if held is not None:
                self._holders.update(held(self._connection, oid))
            return
        self._shaped(oid, shape_id, len(values))
        if self._connection.is_immutable(shape_id):
            for part, (its_shape, size) in enumerate(sizes_in(data), oid + 1):
                self._shaped(part, its_shape, size)
                self._holders[part] += 1

    def _shaped(self, oid: int, shape_id: int, size: int) -> None:
        shape = self._connection.catalog.shape(shape_id)
        if size != len(shape.names):
            raise PerdureError(f"{size} values for the {len(shape.names)} fields of shape {shape_id}")
        entry = shape.entry
        self._classes[oid] = entry.class_id
        if entry.typed:
            self._tagged.setdefault(class_tag(entry.class_id), set()).add(oid)
        if entry.flags.get("intern"):
            self._interned.add(oid)

    def _interning(self) -> Iterator[Problem]:
        found = Counter[int]()
        for _key, value in self._connection.scan(_INTERNED):
            found[keys.decode_uint(value)[0]] += 1
        for oid in found.keys() | self._interned:
            if found[oid] != (oid in self._interned):
                text = f"object #{oid} is interned {found[oid]} times, not {int(oid in self._interned)}"
                yield Problem(_INTERNED, keys.encode_uint(oid), text)

    def _roots(self) -> None:
        for _, value in self._connection.scan(spaces.CATALOG, ROOT, b"s"):
            self._holders[cast(int, codec.decode_value(value))] += 1

    def _tags(self) -> Iterator[Problem]:
        for key, value in self._connection.scan(_TAGS):
            oid = keys.decode_uint(key)[0]
            if oid not in self._classes:
                yield Problem(_TAGS, key, f"tags of object #{oid}, which does not exist")
            try:
                row = decode_row(value)
            except PerdureError as error:
                yield Problem(_TAGS, key, f"object #{oid}: {error}")
                continue
            for tag, passive in row.items():
                self._tagged.setdefault(posting_prefix(tag), set()).add(oid)
                if has_mark(tag, passive):
                    self._tagged.setdefault(posting_prefix(passive_mark(tag)), set()).add(oid)

    def _counts(self) -> Iterator[Problem]:
        stored = {
            keys.decode_uint(key)[0]: merge.counter_value(value) for key, value in self._connection.scan(_REFCOUNTS)
        }
        for oid in self._holders.keys() - self._classes.keys():
            yield Problem(_RECORDS, keys.encode_uint(oid), f"object #{oid} is held but does not exist")
        for oid in self._classes:
            counted = stored.pop(oid, 0) + 1
            if counted != self._holders[oid]:
                text = f"object #{oid} has {self._holders[oid]} references, but {counted} are counted"
                yield Problem(_REFCOUNTS, keys.encode_uint(oid), text)
        for oid in stored:
            yield Problem(_REFCOUNTS, keys.encode_uint(oid), f"a count of object #{oid}, which does not exist")

    def _postings(self) -> Iterator[Problem]:
        found: dict[bytes, set[int]] = {}
        for key, value in self._connection.scan(_POSTINGS):
            tag, chunk = _split(key)
            found.setdefault(tag, set()).update((chunk << 16) + low for low in _bitmap(value))
        for tag in found.keys() | self._tagged.keys():
            wanted, posted = self._tagged.get(tag, set()), found.get(tag, set())
            for oid in wanted - posted:
                yield Problem(_POSTINGS, tag, f"object #{oid} has the tag {_name(tag)} but is not in its posting")
            for oid in posted - wanted:
                yield Problem(_POSTINGS, tag, f"object #{oid} is in the posting of {_name(tag)} but does not have it")


def _split(key: bytes) -> tuple[bytes, int]:
    """Tag and chunk of a posting key: the tag is a tuple key and ends where its tuple does, or was cut."""
    if len(key) > TAG_LIMIT:
        return key[:TAG_LIMIT], _uint_at(key, TAG_LIMIT)[0]
    for end in range(len(key) - 1, 0, -1):
        chunk, position = _uint_at(key, end)
        if position == len(key) and _is_tuple_key(key[:end]):
            return key[:end], chunk
    raise PerdureError(f"the posting key {key.hex()} is no tag with a chunk")


def _uint_at(key: bytes, start: int) -> tuple[int, int]:
    try:
        return keys.decode_uint(key, start)
    except PerdureError:
        return 0, -1


def _is_tuple_key(data: bytes) -> bool:
    try:
        keys.decode(data)
    except PerdureError:
        return False
    return True


def _bitmap(value: bytes) -> BitMap:
    return merge.posting_value(value)


def _name(tag: bytes) -> str:
    return f"0x{tag.hex()}" if len(tag) >= TAG_LIMIT else repr(cast(Any, keys.decode(tag))[1:])

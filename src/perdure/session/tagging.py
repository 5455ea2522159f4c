"""Tags of objects and the postings of tags, kept in step.

Tag changes are buffered and worked in by the next flush. An object's row lists its tags, so that dropping it finds
its postings; the type tag is not listed, since the record names the class. Objects that have a tag passively are in
its posting, and in that of its passive mark.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, cast

from perdure.errors import CorruptRecordError
from perdure.kernel import changes, codec, durable, keys
from perdure.session.builtin import FIRST_FREE_ID
from perdure.session.classes import identity_of
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["Tagging", "class_tag", "passive_mark"]

_TAGS = spaces.OBJECT_TAGS.id
_CLASS_KIND, _MARK_KIND = 0, 6
_AT_ONCE = 1 << 14

Row = dict[bytes, bool]
"""Tag key → whether it is passive, in the order in which the tags were added."""
Moves = dict[bytes, dict[int, bool]]
"""Tag key → object id → whether it was added or removed last."""


Tags = tuple[bytes, ...]


def _is_quiet(cls: type) -> bool:
    """Whether objects of the class get their type tag with their first regular tag only."""
    return getattr(cls, "_perdure_typed_", None) is False


def class_tag(class_id: int) -> bytes:
    """Tag key of a class: kind 0. Kinds 1 and up belong to the query layer."""
    return keys.encode((_CLASS_KIND, class_id))


_CLASS_PREFIX = class_tag(0)[:1]


def passive_mark(tag: bytes) -> bytes:
    """Key of the posting of those objects that have a tag passively: kind 6. Type tags have none."""
    return keys.encode((_MARK_KIND, tag))


def has_mark(tag: bytes, passive: bool) -> bool:
    """Whether an entry of a row is in the posting of a passive mark."""
    return passive and not tag.startswith(_CLASS_PREFIX)


def encode_row(row: Row) -> bytes:
    """Stored form of an object's tags: a tuple of keys, or a list of the regular and the passive ones."""
    if not any(row.values()):
        return codec.encode_value(tuple(row))
    regular = tuple(tag for tag, passive in row.items() if not passive)
    return codec.encode_value([regular, tuple(tag for tag, passive in row.items() if passive)])


_PASSIVE_ROW = encode_row({b"": True})[:1]


def holds(data: bytes | None) -> bool | None:
    """Whether a row has regular tags, which hold their object; None when it must be decoded to tell."""
    if data is None:
        return False
    return None if data[:1] == _PASSIVE_ROW else True


def decode_row(data: bytes | None) -> Row:
    """The inverse of `encode_row`; None is an object without tags."""
    if data is None:
        return {}
    value = codec.decode_value(data)
    if isinstance(value, tuple):
        return dict.fromkeys(cast("tuple[bytes, ...]", value), False)
    if not isinstance(value, list) or len(value) != 2:
        raise CorruptRecordError("damaged tags of an object: neither a tuple of tags nor a list of two")
    regular, passive = cast("list[tuple[bytes, ...]]", value)
    return {**dict.fromkeys(regular, False), **dict.fromkeys(passive, True)}


@dataclass(slots=True)
class _SetChange:
    """What adding or removing tags of a set of objects comes to."""

    tags: Tags
    add: bool
    passive: bool
    rows: list[tuple[list[bytes], bytes | None]] = field(default_factory=list)
    """Encoded ids of objects, and the row that they get."""
    added: dict[bytes, list[int]] = field(default_factory=dict)
    removed: dict[bytes, list[int]] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)


class Tagging:
    """Tag changes of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._changes = changes.Changes()
        connection.tag_changes = self._changes
        self._instances: dict[int, list[int]] = {}
        self.passive_seen = False
        """Whether passive tags were added here, which may not be committed yet."""

    # -- changes -------------------------------------------------------------------------------------------

    def change(self, obj: durable.Durable, tags: Iterable[bytes], add: bool, passive: bool = False) -> None:
        """Add or remove tags of an object; the next flush works it in."""
        connection = self._connection
        connection.ask_before_change()
        how = (changes.ADD_PASSIVE if passive else changes.ADD) if add else changes.REMOVE
        with connection.lock:
            if connection.gate is not None:  # a block of another thread or task may have begun since
                connection.ask_before_change()
            self._changes.add(obj, tuple(tags), how)

    def instance(self, class_id: int, oid: int) -> None:
        """Give a new object its type tag."""
        self._instances.setdefault(class_id, []).append(oid)

    def instances_of(self, class_id: int) -> list[int]:
        """The new objects of a class that the next flush gives the type tag; append to it."""
        return self._instances.setdefault(class_id, [])

    def has_changes(self) -> bool:
        """Whether a flush has tag changes to work in."""
        return bool(self._changes) or any(self._instances.values())

    def discard(self) -> None:
        """Forget changes that no flush has seen."""
        self._changes.clear()
        self._instances = {}

    def new_objects(self) -> list[durable.Durable]:
        """Objects with buffered tag changes that have no id yet and have to be stored."""
        return self._changes.unidentified()

    def flush(self) -> None:
        """Work buffered changes into the overlay."""
        connection = self._connection
        for class_id, oids in self._instances.items():
            if oids:
                self._post_one(class_tag(class_id), oids, add=True)
        self._instances = {}
        oids, tags, hows, types = self._changes.take(connection.add)
        if oids:
            self._work_in(oids, tags, hows, any(map(_is_quiet, types)))

    def _work_in(self, oids: list[int], tags: list[Tags], hows: list[int], quiet: bool) -> None:
        connection = self._connection
        ids = changes.encode_ids(oids)
        rows = connection.read_many(_TAGS, ids)
        added: dict[bytes, list[int]] = {}
        removed: dict[bytes, list[int]] = {}
        if not quiet and hows.count(changes.ADD) == len(hows) and len(set(oids)) == len(oids):
            for (before, new), (alike, keys_) in changes.group_alike(rows, tags, oids, ids).items():
                for tag in self._add_alike(before, new, keys_):
                    added.setdefault(tag, []).extend(alike)
        else:
            moves: Moves = {}
            self._change_rows(list(zip(oids, ids, rows, tags, hows, strict=True)), moves, quiet)
            for tag, moved in moves.items():
                for oid, present in moved.items():
                    (added if present else removed).setdefault(tag, []).append(oid)
        self._post(added, removed)

    def _post(self, added: dict[bytes, list[int]], removed: dict[bytes, list[int]]) -> None:
        for tag, gone in removed.items():
            self._post_one(tag, gone, add=False)
        for tag, new_ones in added.items():
            self._post_one(tag, new_ones, add=True)

    def _post_one(self, tag: bytes, oids: list[int], *, add: bool) -> None:
        connection = self._connection
        connection.generation += 1
        connection.postings.changed(tag, connection.overlay.post(tag, oids, add=add))

    def change_all(self, oids: list[int], tags: Tags, add: bool, passive: bool = False) -> None:
        """Add or remove tags of stored objects, given by their ids, now and as one operation; loads no objects."""
        connection = self._connection
        with connection.changing():
            connection.flush()
            connection.generation += 1
            change = _SetChange(tags, add, passive)
            for start in range(0, len(oids), _AT_ONCE):
                self._work_out(change, oids[start : start + _AT_ONCE])
            connection.lifetime.lost(change.lost)
            content = connection.overlay.begin_puts(_TAGS)
            for ids, row in change.rows:
                content.update(zip(ids, repeat(row)))
            self._post(change.added, change.removed)

    def _work_out(self, change: _SetChange, oids: list[int]) -> None:
        """What changes for some of the objects of a set; writes nothing, so that an error leaves nothing half done."""
        connection = self._connection
        ids = changes.encode_ids(oids)
        rows = connection.read_many(_TAGS, ids)
        untyped = {entry.class_id for entry in connection.catalog.entries() if not entry.typed}
        kinds = [connection.class_id_of(oid) for oid in oids] if untyped else [None] * len(oids)
        for (before, kind), (alike, keys_) in changes.group_alike(rows, kinds, oids, ids).items():
            row, moves = decode_row(before), cast(Moves, {})
            if change.add:
                self._add(row, 0, change.tags, change.passive, moves)
            elif self._remove(row, 0, change.tags, moves):
                change.lost += alike
            if kind in untyped and _is_quiet(cls := connection.class_of(cast(int, kind))):
                self._type_late(row, 0, cls, moves)
            if moves:
                change.rows.append((keys_, encode_row(row) if row else None))
            for tag, moved in moves.items():
                (change.added if moved[0] else change.removed).setdefault(tag, []).extend(alike)

    def _add_alike(self, before: bytes | None, tags: Tags, ids: list[bytes]) -> list[bytes]:
        """Add tags to objects that had the same tags, worked out once for all of them; the tags new to them."""
        row = decode_row(before)
        new = [tag for tag in dict.fromkeys(tags) if tag not in row]
        if new:
            row.update(dict.fromkeys(new, False))
            self._connection.overlay.begin_puts(_TAGS).update(dict.fromkeys(ids, encode_row(row)))
        return new

    def _change_rows(
        self, changed: list[tuple[int, bytes, bytes | None, Tags, int]], moves: Moves, quiet: bool
    ) -> None:
        """Any changes, in order; an object may occur more than once. `quiet`: objects may be of quiet classes."""
        rows: dict[int, Row] = {}
        for oid, key, before, tags, how in changed:
            row = rows.get(oid)
            if row is None:
                row = rows[oid] = decode_row(before)
            if how == changes.REMOVE:
                if self._remove(row, oid, tags, moves):
                    self._connection.lifetime.lost((oid,))
            else:
                self._add(row, oid, tags, how == changes.ADD_PASSIVE, moves)
            if quiet and _is_quiet(cls := type(self._connection.objects[oid])):
                self._type_late(row, oid, cls, moves)
            self._connection.overlay.put(_TAGS, key, encode_row(row) if row else None)

    def _add(self, row: Row, oid: int, tags: Tags, passive: bool, moves: Moves) -> None:
        for tag in tags:
            if tag not in row:
                row[tag] = passive
                moves.setdefault(tag, {})[oid] = True
                if passive:
                    self.passive_seen = True
                    moves.setdefault(passive_mark(tag), {})[oid] = True

    def _remove(self, row: Row, oid: int, tags: Tags, moves: Moves) -> bool:
        """Whether the object lost the last tag that held it."""
        lost = False
        for tag in tags:
            passive = row.pop(tag, None)
            if passive is not None:
                moves.setdefault(tag, {})[oid] = False
                if passive:
                    moves.setdefault(passive_mark(tag), {})[oid] = False
                lost = lost or not passive
        return lost and all(row.values())

    def _type_late(self, row: Row, oid: int, cls: type[durable.Durable], moves: Moves) -> None:
        """Give an object of a class without default tags its type tag while it has regular tags."""
        known = [tag for tag in map(class_tag, self._connection.catalog.ids_of(identity_of(cls))) if tag in row]
        if all(row.values()):
            for tag in known:
                del row[tag]
                moves.setdefault(tag, {})[oid] = False
        elif not known:
            tag = class_tag(self._connection.catalog.class_id(cls))
            row[tag] = True
            moves.setdefault(tag, {})[oid] = True

    def dropped(self, objects: list[tuple[int, int]]) -> None:
        """Take dropped objects, given as object id and shape id, out of all their postings."""
        connection = self._connection
        moved: dict[bytes, list[int]] = {}
        wanted = [keys.encode_uint(oid) for oid, _ in objects]
        rows = connection.read_many(_TAGS, wanted)
        for (oid, shape_id), key, row in zip(objects, wanted, rows, strict=True):
            for tag, passive in decode_row(row).items():
                moved.setdefault(tag, []).append(oid)
                if has_mark(tag, passive):
                    moved.setdefault(passive_mark(tag), []).append(oid)
            if row is not None:
                connection.overlay.put(_TAGS, key, None)
            if shape_id >= FIRST_FREE_ID:
                tag = class_tag(connection.catalog.shape(shape_id).entry.class_id)
                moved.setdefault(tag, []).append(oid)
        for tag, oids in moved.items():
            self._post_one(tag, oids, add=False)

    # -- reading -------------------------------------------------------------------------------------------

    def regular_tags(self, oid: int) -> int:
        """How many tags hold the object."""
        return sum(not passive for passive in self.row(oid).values())

    @staticmethod
    def regular_in(row: bytes) -> int:
        """How many of the tags of a stored row hold their object."""
        return sum(not passive for passive in decode_row(row).values())

    def row(self, oid: int) -> Row:
        """The tags of an object, flushed changes included."""
        if self._connection.is_newborn(oid):
            return decode_row(self._connection.read_pending(_TAGS, keys.encode_uint(oid)))
        return decode_row(self._connection.read(_TAGS, keys.encode_uint(oid)))

"""From changed objects to pending bytes: encoding new and dirty objects, counting what they hold."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import ObjectError
from perdure.kernel import changes, codec, durable, keys, records
from perdure.session.builtin import builtin_id
from perdure.session.extensions import find_extension
from perdure.session.guard import is_guarded, unguarded
from perdure.session.objects import Objects
from perdure.session.tagging import Tagging
from perdure.session.weak import Weak
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.session.class_entries import ClassEntry
    from perdure.session.connection import Connection

__all__ = ["Flushing", "is_typed"]

_RECORDS = spaces.RECORDS.id


class Flushing(Objects):
    """The flush of a connection."""

    __slots__ = ("_reserved", "_types", "generation", "mutations", "tag_changes", "tagging")

    tagging: Tagging
    tag_changes: changes.Changes

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._types: dict[type, tuple[dict[int, records.Shape], list[int] | None]] = {}
        self._reserved: list[int] = []
        """Ids for the new objects that are being stored, the next one last."""
        self.generation = 0
        """Grows whenever what queries see may have changed."""
        self.mutations = 0
        """Grows whenever something was changed here."""

    def refer(self, value: object) -> codec.Reference | codec.Extension:
        """How the codec stores a value that is not plain."""
        if isinstance(value, durable.Durable):
            return self._refer_object(value)
        if isinstance(value, Weak):
            return value.refer(cast("Connection", self))
        found = find_extension(cast("Connection", self), value)
        if found is None:
            raise TypeError(f"a value of type {type(value).__module__}.{type(value).__qualname__} cannot be stored")
        return found

    def _refer_object(self, obj: durable.Durable) -> codec.Reference | codec.Extension:
        owner = durable.owner_of(obj)
        if durable.state_of(obj) == durable.DEAD:
            return self._refer_dead(obj)
        if owner is not None and owner is not self and (durable.oid_of(obj) or owner.database is not self.database):
            found = None if owner.database is self.database else find_extension(cast("Connection", self), obj)
            if found is None:
                raise ObjectError(f"{durable.describe(obj)} belongs to another connection; get it through this one")
            self.met_elsewhere(owner)
            return found
        oid = durable.oid_of(obj) if owner is self else 0
        return codec.Reference(oid or self.add(obj), self.catalog.class_id(type(obj)), False)

    def _refer_dead(self, obj: durable.Durable) -> codec.Reference | codec.Extension:
        """A reference to what was deleted, or whose `__init__` failed: it holds nothing, and is known to be expired."""
        owner, oid = durable.owner_of(obj), durable.oid_of(obj)
        if oid and owner is not None and owner.database is not self.database:
            found = find_extension(cast("Connection", self), obj)
            if found is not None:
                return found
        return codec.Reference(oid or self.database.new_oid(), self.catalog.class_id(type(obj)), True)

    def flush(self) -> None:
        """Encode new and changed objects into the overlay and make them clean."""
        with self.lock:
            self._take_definitions()
            if not (self.created or self.dirty or self.tagging.has_changes()):
                return
            with unguarded() if is_guarded() else nullcontext():
                self._flush()

    def _flush(self) -> None:
        self.generation += 1
        self.mutations += 1
        for obj in self.tagging.new_objects():
            self.add(obj)
        try:
            while self.created or self.dirty:
                fresh = self.take_created()
                changed, self.dirty = self.dirty, []
                self._flush_all(fresh, changed)
        finally:
            self.forget_types()
        self.tagging.flush()
        self.unfreed = 0
        self.make_room()

    def forget_types(self) -> None:
        """Learn the types anew: what was learned is no longer true, also for those who still have it."""
        known, self._types = self._types, {}
        known.clear()

    def _flush_all(self, fresh: list[durable.Durable], changed: list[durable.Durable]) -> None:
        fresh.reverse()
        changed.reverse()
        try:
            overlay = self.overlay
            if fresh:
                content = overlay.begin_puts(_RECORDS)
                ids = self._reserved = self._new_ids(fresh)
                ids.reverse()
                records.store_new(self, fresh, ids, self._types, content, overlay.holders, overlay.created, self.refer)
            if changed:
                self._learn_first(changed[-1])
                content = overlay.begin_puts(_RECORDS)
                records.store_changed(self, changed, self._types, content, overlay.holders, overlay.touched, self.refer)
        finally:
            self._reserved = []
            self.created.extend(reversed(fresh))
            self.dirty.extend(reversed(changed))

    def _learn_first(self, obj: durable.Durable) -> None:
        """Let a commit of one changed object take the quick path, too."""
        cls = type(obj)
        if cls not in self._types and not builtin_id(cls) and durable.state_of(obj) == durable.DIRTY:
            self.learn_type(cls)

    def _new_ids(self, fresh: list[durable.Durable]) -> list[int]:
        """Ids for those of the new objects that have none yet, or more."""
        return self.database.new_oids(len(fresh))

    def store_one(self, obj: durable.Durable) -> None:
        """Encode one new object (the full path of `records.store_new`), with the id whose turn it is."""
        oid = durable.oid_of(obj) or self.identify(obj, self._reserved.pop() if self._reserved else 0)
        data, references = self._encode(obj, durable.NEW)
        self.overlay.put(_RECORDS, keys.encode_uint(oid), data)
        for reference in references:
            if not reference.weak:
                self.lifetime.hold(reference.oid)
        typed = self.learn_type(type(obj))
        if typed is not None and not durable.is_building(obj):
            typed.append(oid)
        durable.stored(obj, _size(obj, data), bool(references))

    def constructed(self, obj: durable.Durable) -> None:
        """Give an object its type tag: its `__init__` has succeeded, and it was stored before that."""
        with self.lock:
            if durable.state_of(obj) in (durable.CLEAN, durable.DIRTY) and is_typed(type(obj)):
                self.tagging.instance(self.catalog.class_id(type(obj)), durable.oid_of(obj))
                durable.mark_dirty(obj)

    def learn_type(self, cls: type[durable.Durable]) -> list[int] | None:
        """Let the compiled loops store further objects of a class; its list of typed instances, if it is typed."""
        if builtin_id(cls):
            return None
        entry = self.catalog.entry_for(cls)
        typed = self.tagging.instances_of(entry.class_id) if is_typed(cls) else None
        if not entry.has_twin or entry.immutable:  # what may change stays under the id that it has
            self._types[cls] = (entry.by_mask(cls), typed)
        return typed

    def store_changed_one(self, obj: durable.Durable) -> None:
        """Encode one changed object (the full path of `records.store_changed`)."""
        oid = durable.oid_of(obj)
        key = keys.encode_uint(oid)
        collection = builtin_id(type(obj)) != 0
        has_twin = not collection and self.catalog.entry_for(type(obj)).has_twin
        before = self.read(_RECORDS, key) if collection or has_twin or durable.has_references(obj) else None
        entry = self.catalog.shape(records.shape_id_of(before)).entry if has_twin and before is not None else None
        data, references = self._encode(obj, durable.DIRTY, entry)
        if collection and data == before:  # only entries changed: writers of other entries do not conflict
            self.overlay.touched.add(oid)
            durable.stored(obj, _size(obj, data), bool(references))
            return
        self.overlay.put(_RECORDS, key, data)
        self.lifetime.exchange_references(before, references)
        self.overlay.touched.add(oid)
        self.learn_type(type(obj))
        durable.stored(obj, _size(obj, data), bool(references))

    def _encode(
        self, obj: durable.Durable, state: int, entry: ClassEntry | None = None
    ) -> tuple[bytes, list[codec.Reference]]:
        """The record of an object, which is clean from here on; `state` is what it is if that fails."""
        durable.begin_store(obj)
        try:
            data = self._encode_values(obj, entry)
            self.note_elsewhere(obj)
        except BaseException:
            durable.set_state(obj, state)
            raise
        return data, codec.list_references(data) if codec.reference_count(data) else []

    def _encode_values(self, obj: durable.Durable, entry: ClassEntry | None = None) -> bytes:
        cls = type(obj)
        shape_id = builtin_id(cls)
        if shape_id:
            values = cast(Any, obj)._perdure_store_()
        else:
            shape_id = self.catalog.shape_of(obj, entry).shape_id
            values = list(durable.fields(obj).values()) if durable.is_wide(obj) else durable.field_values(obj)
            if obj._perdure_weak_:
                self.wrap_weak(obj, values)
        return codec.encode_record(shape_id, values, self.refer)

    def wrap_weak(self, obj: durable.Durable, values: list[object]) -> None:
        """Put weak references in place of the targets of weak fields."""
        weak = obj._perdure_weak_
        self.note_weak(obj)
        for index, (name, value) in enumerate(durable.fields(obj).items()):
            if weak and name in weak and isinstance(value, durable.Durable):
                values[index] = Weak(value)


def _size(obj: durable.Durable, data: bytes) -> int:
    """What a stored object costs the cache: a collection also has what it keeps in memory of its entries."""
    extra = getattr(obj, "_perdure_weight_", 0) if builtin_id(type(obj)) else 0
    return records.OBJECT_BYTES + 3 * len(data) + cast(int, extra)


def is_typed(cls: type) -> bool:
    """Whether objects of a class carry it as a tag from birth."""
    return bool(getattr(cls, "_perdure_typed_", False))

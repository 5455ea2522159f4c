"""From changed objects to pending bytes: encoding new and dirty objects, counting what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from perdure.errors import ReferenceError
from perdure.kernel import codec, durable, keys, records
from perdure.session.builtin import builtin_id
from perdure.session.extensions import find_extension
from perdure.session.objects import Objects
from perdure.session.tagging import Tagging
from perdure.session.weak import Weak
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["Flushing"]

_RECORDS = spaces.RECORDS.id


class Flushing(Objects):
    """The flush of a connection."""

    tagging: Tagging
    generation = 0
    """Grows whenever what queries see may have changed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._types: dict[type, tuple[dict[int, records.Shape], list[int] | None]] = {}

    def refer(self, value: object) -> codec.Reference | codec.Extension:
        """How the codec stores a value that is not plain."""
        if isinstance(value, durable.Durable):
            if durable.owner_of(value) is self and durable.oid_of(value):
                if durable.state_of(value) == durable.DEAD:
                    raise ReferenceError(f"{durable.describe(value)} was deleted and cannot be referred to")
                oid = durable.oid_of(value)
            else:
                oid = self.add(value)
            return codec.Reference(oid, self.catalog.class_id(type(value)), False)
        if isinstance(value, Weak):
            return value.refer(cast("Connection", self))
        found = find_extension(cast("Connection", self), value)
        if found is None:
            raise TypeError(f"a value of type {type(value).__module__}.{type(value).__qualname__} cannot be stored")
        return found

    def flush(self) -> None:
        """Encode new and changed objects into the overlay and make them clean."""
        with self.lock:
            if not (self.created or self.dirty or self.tagging.has_changes()):
                return
            self.generation += 1
            for obj in self.tagging.pending_objects():
                self.add(obj)
            while self.created or self.dirty:
                fresh = self.take_created()
                changed, self.dirty = self.dirty, []
                self._flush_all(fresh, changed)
            self.tagging.flush()
            self._types.clear()
            if self.cached_bytes > self.budget:
                self.sweep(self.budget * 3 // 4)

    def _flush_all(self, fresh: list[durable.Durable], changed: list[durable.Durable]) -> None:
        fresh.reverse()
        changed.reverse()
        try:
            if fresh:
                overlay = self.overlay
                content = overlay.begin_puts(_RECORDS)
                ids = self.database.new_oids(len(fresh))
                ids.reverse()
                records.store_new(
                    self, fresh, ids, self._types, content, overlay.holders, overlay.created, self.refer
                )
            while changed:
                self._flush_changed(changed[-1])
                changed.pop()
        finally:
            self.created.extend(reversed(fresh))
            self.dirty.extend(reversed(changed))

    def store_one(self, obj: durable.Durable) -> None:
        """Encode one new object (the full path of `records.store_new`)."""
        oid = durable.oid_of(obj) or self.identify(obj)
        data, references = self._encode(obj)
        self.overlay.put(_RECORDS, keys.encode_uint(oid), data)
        for reference in references:
            if not reference.weak:
                self.lifetime.hold(reference.oid)
        cls = type(obj)
        if not builtin_id(cls):
            typed = self.tagging.instances_of(self.catalog.class_id(cls)) if _is_typed(cls) else None
            if typed is not None:
                typed.append(oid)
            self._types[cls] = (self.catalog.entry_for(cls).by_mask, typed)
        durable.mark_clean(obj, records.OBJECT_BYTES + 3 * len(data), bool(references))

    def _flush_changed(self, obj: durable.Durable) -> None:
        if durable.state_of(obj) != durable.DIRTY:
            return
        oid = durable.oid_of(obj)
        key = keys.encode_uint(oid)
        before = self.read(_RECORDS, key) if durable.has_references(obj) else None
        data, references = self._encode(obj)
        self.overlay.put(_RECORDS, key, data)
        for reference in references:
            if not reference.weak:
                self.lifetime.hold(reference.oid)
        if before is not None:
            self.lifetime.release_references(before)
        self.overlay.touched.add(oid)
        durable.mark_clean(obj, records.OBJECT_BYTES + 3 * len(data), bool(references))

    def _encode(self, obj: durable.Durable) -> tuple[bytes, list[codec.Reference]]:
        cls = type(obj)
        shape_id = builtin_id(cls)
        if shape_id:
            values = cast(Any, obj)._perdure_store_()
        else:
            shape_id = self.catalog.shape_of(obj).shape_id
            values = list(durable.fields(obj).values()) if durable.is_wide(obj) else durable.field_values(obj)
            if obj._perdure_weak_:
                self._wrap_weak(obj, values)
        data = codec.encode_record(shape_id, values, self.refer)
        return data, codec.list_references(data) if codec.reference_count(data) else []

    def _wrap_weak(self, obj: durable.Durable, values: list[object]) -> None:
        weak = obj._perdure_weak_
        self.note_weak(obj)
        for index, (name, value) in enumerate(durable.fields(obj).items()):
            if weak and name in weak and isinstance(value, durable.Durable):
                values[index] = Weak(value)


def _is_typed(cls: type) -> bool:
    return bool(getattr(cls, "_perdure_typed_", False))

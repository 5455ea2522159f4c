"""Write-once objects: stored at once and whole, with the parts that are embedded in them.

The parts of an object lie in its record and have the ids that follow its own, so a part is found through the last
record before its id, and nothing else has to be stored for it. A counter and tags of its own a part has only once
something outside refers to it or tags it; both keep its root alive.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perdure.errors import ObjectError
from perdure.kernel import codec, durable, embedding, keys, records
from perdure.session.builtin import FIRST_FREE_ID
from perdure.session.flushing import Flushing
from perdure.session.interning import Interning
from perdure.session.parts import parts_in
from perdure.session.squeezing import LEAST_PACKED, pack_record, unpack_body
from perdure.storage import spaces

__all__ = ["Embedding"]

_RECORDS = spaces.RECORDS.id
_TAGS = spaces.OBJECT_TAGS.id
_REFCOUNTS = spaces.REFCOUNTS.id


class Embedding(Flushing):
    """Storing and finding write-once objects."""

    __slots__ = ("_fresh", "_running", "interning")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.interning = Interning(self)
        self._fresh: dict[bytes, durable.Durable] = {}
        self._running: set[int] = set()

    # -- storing -------------------------------------------------------------------------------------------

    def add(self, obj: durable.Durable) -> int:
        """Make a new object part of this database now; returns its id."""
        return self.store_whole(obj) if durable.is_transient(obj) else super().add(obj)

    def constructed(self, obj: durable.Durable) -> None:
        """An object that got its id in `__init__` is complete: a write-once one is stored, without embedding."""
        if not durable.layout_for(type(obj)).frozen:
            super().constructed(obj)
            return
        with self.lock:
            before = self.read_pending(_RECORDS, keys.encode_uint(durable.oid_of(obj)))
            self._store(obj, before)

    def store_whole(self, obj: durable.Durable) -> int:
        """Store a write-once object that is stored nowhere yet; returns its id, or that of the equal interned one."""
        with self.lock:
            self._check_open()
            owner = durable.owner_of(obj)
            if owner is not None and owner is not self:
                raise ObjectError(f"{durable.describe(obj)} belongs to another prefix")
            if obj._perdure_interned_:  # type: ignore[attr-defined]
                found = self.interning.find(obj)
                if found is not None:
                    return durable.oid_of(found)
            if not self.writable:
                self.refuse_write(obj)
            durable.guard_change()
            if id(obj) in self._running:
                raise ObjectError(f"{durable.describe(obj)} holds itself, more levels down than can be embedded")
            self._running.add(id(obj))
            try:
                return self._store(obj)
            finally:
                self._running.discard(id(obj))

    def _store(self, obj: durable.Durable, before: bytes | None = None) -> int:
        gathering, fresh = self._gather(obj)
        data, parts = gathering.record, gathering.parts
        if len(data) - gathering.offset >= LEAST_PACKED:
            data = pack_record(self.catalog, self.catalog.entry_for(type(obj)), data, gathering.offset)
        oid = durable.oid_of(obj)
        if not oid:
            oid = self.database.new_run(len(parts) + 1)
            self.lifetime.born(oid)
        embedding.settle(self, obj, parts, self._types, oid, self.overlay.created)
        for content, part in fresh.items():
            self.interning.register(content, durable.oid_of(part))
        self.overlay.put(_RECORDS, keys.encode_uint(oid), data)
        if gathering.refers or before is not None:
            self.lifetime.exchange_references(before, codec.list_references(data))
        durable.mark_clean(obj, records.OBJECT_BYTES * (len(parts) + 1) + 3 * len(data), gathering.refers)
        self.generation += 1
        self.mutations += 1
        return oid

    def _gather(self, obj: durable.Durable) -> tuple[embedding.Gathering, dict[bytes, durable.Durable]]:
        """The record with the parts in it, and what is interned of both.

        What the record refers to may be stored by this, and may take parts away: then it is done again.
        """
        flat = durable.oid_of(obj) != 0
        while True:
            before = self.mutations
            self._fresh = fresh = {}
            if obj._perdure_interned_:  # type: ignore[attr-defined]
                fresh[self.interning.content(obj)] = obj
            gathering = embedding.Gathering(self, obj, self._types, flat, self.refer)
            self._fresh = {}
            if self.mutations == before:
                return gathering, fresh

    def learn_shape(self, obj: durable.Durable) -> records.Shape:
        """The shape of an object of a class or with fields that the last flush has not met."""
        self.learn_type(type(obj))
        return self.catalog.shape_of(obj)

    def plain_values(self, obj: durable.Durable) -> list[object]:
        """The values of an object with weak fields or very many fields, as they are stored."""
        values = list(durable.fields(obj).values())
        if obj._perdure_weak_:
            self.wrap_weak(obj, values)
        return values

    def unpack(self, body: bytes) -> bytes:
        """The values of a record that were packed."""
        return unpack_body(self.catalog, body)

    def interned_part(self, obj: durable.Durable, gathering: object) -> durable.Durable:
        """What stands for an interned object inside of another: the stored one, one met before, or itself."""
        del gathering
        found = self.interning.find(obj)
        if found is not None:
            return found
        met = self._fresh.setdefault(self.interning.content(obj), obj)
        if met is not obj:
            self.interning.bind(obj, met)
        return met

    # -- finding -------------------------------------------------------------------------------------------

    def _fetch_missing(self, oid: int) -> durable.Durable:
        return self.objects[oid] if self._load_root(oid) else super()._fetch_missing(oid)

    def load(self, obj: durable.Durable) -> None:
        """Read the state of a ghost, or of the root that it is embedded in."""
        if not durable.layout_for(type(obj)).frozen:
            super().load(obj)
            return
        with self.lock:
            if durable.state_of(obj) == durable.GHOST:
                self._check_open()
                oid = durable.oid_of(obj)
                embedded = durable.root_of(obj) or self.read(_RECORDS, keys.encode_uint(oid)) is None
                if embedded and self._load_root(oid) and durable.state_of(obj) > durable.GHOST:
                    return
                super().load(obj)

    def _load_root(self, oid: int) -> bool:
        """Load what an object is embedded in; whether it is there."""
        root = self.locate(oid)
        if root is None:
            return False
        self.get(root)
        return oid in self.objects

    def locate(self, oid: int) -> int | None:
        """The id of the object that has a part of the id `oid`; None when there is no such part."""
        if not self.catalog.has_immutable:
            return None
        found = self._record_below(keys.encode_uint(oid))
        if found is None:
            return None
        root, data = keys.decode_uint(found[0])[0], found[1]
        return root if oid - root <= self._count_in(root, data) else None

    def _record_below(self, bound: bytes) -> tuple[bytes, bytes] | None:
        """The last record before a key, pending ones included."""
        while True:
            stored = next(self.view.scan(_RECORDS, b"", bound, True), None)
            pending = max([overlay.last_below(_RECORDS, bound) for overlay in self.overlays])
            if stored is not None and stored[0] > pending:
                return stored
            if not pending:
                return None
            data = self.read(_RECORDS, pending)
            if data is not None:
                return pending, data
            bound = pending

    def _count_in(self, oid: int, data: bytes | None) -> int:
        obj = self.objects.get(oid)
        if obj is not None and durable.state_of(obj) > durable.GHOST:
            return durable.parts_of(obj)
        if data is None or not self.is_immutable(records.shape_id_of(data)):
            return 0
        return len(parts_in(self.catalog, data))

    def is_immutable(self, shape_id: int) -> bool:
        """Whether records of a shape may have parts."""
        return shape_id >= FIRST_FREE_ID and self.catalog.shape(shape_id).entry.immutable

    def part_count(self, oid: int) -> int:
        """How many parts an object has."""
        if not self.catalog.has_immutable:
            return 0
        obj = self.objects.get(oid)
        if obj is not None and not durable.layout_for(type(obj)).frozen:
            return 0
        return self._count_in(oid, self.read(_RECORDS, keys.encode_uint(oid)))

    def roots(self, oids: Iterable[int]) -> set[int]:
        """The same objects, with the roots in place of those that are embedded."""
        if not self.catalog.has_immutable:
            return set(oids)
        return {self._root_of(oid) for oid in oids}

    def _root_of(self, oid: int) -> int:
        obj = self.objects.get(oid)
        if obj is not None and not durable.layout_for(type(obj)).frozen:
            return oid
        if obj is not None and durable.root_of(obj):
            return durable.root_of(obj)
        if self.read(_RECORDS, keys.encode_uint(oid)) is not None:
            return oid
        found = self.locate(oid)
        return oid if found is None else found

    def held_parts(self, oid: int) -> int:
        """How many references and regular tags the parts of an object have."""
        count = self.part_count(oid)
        if not count:
            return 0
        low, high = keys.encode_uint(oid + 1), keys.encode_uint(oid + count + 1)
        tags = sum(self.tagging.regular_in(row) for _, row in self.scan(_TAGS, low, high))
        pending = sum(self.lifetime.pending(part) for part in range(oid + 1, oid + count + 1))
        if self.is_newborn(oid):
            return tags + pending
        stored = self.view.scan(_REFCOUNTS, low, high)
        return tags + pending + sum(self.lifetime.counted(value) for _, value in stored)

    def contains(self, oid: int) -> bool:
        """Whether the object exists at this state."""
        return super().contains(oid) or self.locate(oid) is not None

    def class_id_of(self, oid: int) -> int | None:
        """The class id of an object, or None when it does not exist."""
        found = super().class_id_of(oid)
        if found is None and self.catalog.has_immutable:
            with self.lock:
                if self._load_root(oid):
                    return self.catalog.class_id(type(self.objects[oid]))
        return found

    def prefetch(self, oids: list[int]) -> list[durable.Durable]:
        """The objects of several ids, read in one pass; those that do not exist are left out."""
        with self.lock:
            found = super().prefetch(oids)
            if len(found) == len(oids) or not self.catalog.has_immutable:
                return found
            for oid in sorted({*oids}.difference(map(durable.oid_of, found))):
                if not self._is_loaded(oid):
                    self._load_root(oid)
            known = self.objects
            return [known[oid] for oid in oids if oid in known and durable.state_of(known[oid]) > durable.GHOST]

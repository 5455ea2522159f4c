"""A unit of work on a database at one state: identity map, pending writes, flush, savepoints, commit and abort."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from heapq import merge as merge_sorted
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import ConflictError, ObjectError, ReadOnlyError, ReferenceError
from perdure.kernel import codec, durable, keys, records
from perdure.session.builtin import FIRST_FREE_ID, builtin_id
from perdure.session.extensions import find_extension, read_extension
from perdure.session.lifetime import Lifetime
from perdure.session.overlay import Overlay
from perdure.session.tagging import Tagging
from perdure.storage import Committed, View, merge, spaces

if TYPE_CHECKING:
    from perdure.session.database import Database

__all__ = ["Connection", "Savepoint"]

_RECORDS = spaces.RECORDS.id
_ENTRIES = spaces.ENTRIES.id
_COUNTERS = spaces.COUNTERS.id


class Savepoint:
    """A place in a transaction to go back to; ends when it is released or rolled back."""

    def __init__(self, connection: Connection, depth: int) -> None:
        self._connection = connection
        self._depth = depth
        self.active = True

    def release(self) -> None:
        """Keep what was done since: it becomes part of the surrounding work."""
        if self.active:
            self.active = False
            self._connection._merge_overlays(self._depth)

    def rollback(self) -> None:
        """Undo what was done since; objects created since are unusable, changed ones load again."""
        if self.active:
            self.active = False
            self._connection._drop_overlays(self._depth)


class Connection(durable.Owner):
    """Objects of one database as of one state, with the changes made to them.

    Made by `Database.connect`. `collects` says whether commits drop objects that nothing holds.
    """

    def __init__(
        self, database: Database, view: View, *, writable: bool = True, budget: int = 64 << 20, collects: bool = True
    ) -> None:
        self.database = database
        self.catalog = database.catalog
        self.view = view
        self.writable = writable
        self.budget = budget
        self.collects = collects
        self.lock = threading.RLock()
        self.overlays: list[Overlay] = [Overlay()]
        self.overlay = self.overlays[0]
        self.lifetime = Lifetime(self)
        self.tagging = Tagging(self)
        self.closed = False
        self.generation = 0
        """Grows whenever what queries see may have changed."""
        self._reads: dict[int, set[bytes]] = {}
        self._weak_holders: dict[int, weakref.ref[durable.Durable]] = {}
        self._types: dict[type, tuple[dict[int, records.Shape], list[int] | None]] = {}

    # -- bytes ---------------------------------------------------------------------------------------------

    @property
    def state(self) -> int:
        """The committed state that this connection sees."""
        return self.view.state

    def read(self, space: int, key: bytes) -> bytes | None:
        """The newest value of a key: pending, else committed."""
        for overlay in self.overlays[::-1]:
            content = overlay.puts.get(space)
            if content is not None and key in content:
                return content[key]
        return self.view.get(space, key)

    def read_pending(self, space: int, key: bytes) -> bytes | None:
        """The pending value of a key; None when there is none or it is a deletion."""
        for overlay in reversed(self.overlays):
            content = overlay.puts.get(space)
            if content is not None and key in content:
                return content[key]
        return None

    def read_many(self, space: int, wanted: list[bytes]) -> list[bytes | None]:
        """The newest values of several keys."""
        if not any(overlay.puts.get(space) for overlay in self.overlays):
            return self.view.get_many(space, wanted)
        pending: dict[bytes, bytes | None] = {}
        for overlay in self.overlays:
            pending.update(overlay.puts.get(space, {}))
        committed = iter(self.view.get_many(space, [key for key in wanted if key not in pending]))
        return [pending[key] if key in pending else next(committed) for key in wanted]

    def scan(
        self, space: int, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries of a half-open key range in order, pending ones included."""
        pending: dict[bytes, bytes | None] = {}
        for overlay in self.overlays:
            content = overlay.puts.get(space, {})
            for key in overlay.keys_between(space, low, high):
                pending[key] = content[key]
        committed = self.view.scan(space, low, high, reverse)
        if not pending:
            return committed
        kept = (pair for pair in committed if pair[0] not in pending)
        own = [(key, pending[key]) for key in sorted(pending, reverse=reverse)]
        present = ((key, value) for key, value in own if value is not None)
        return merge_sorted(kept, present, key=lambda pair: pair[0], reverse=reverse)

    def counter(self, key: bytes) -> int:
        """A collection's size counter, pending changes included."""
        stored = merge.counter_value(self.view.get(_COUNTERS, key))
        return stored + sum(overlay.counters.get(key, 0) for overlay in self.overlays)

    # -- objects -------------------------------------------------------------------------------------------

    def get(self, oid: int) -> durable.Durable:
        """The object of an id. Raises `perdure.ReferenceError` when there is none."""
        found = self.objects.get(oid)
        if found is None:
            found = self._fetch(oid)
        elif durable.state_of(found) == durable.GHOST:
            durable.load(found)
        return cast(durable.Durable, found)

    def _fetch(self, oid: int) -> durable.Durable:
        with self.lock:
            self._check_open()
            data = self.read(_RECORDS, keys.encode_uint(oid))
            if data is None:
                raise ReferenceError(f"there is no object #{oid} in {self.database.name} at state {self.state}")
            found = records.fetch(self, oid, data, self.catalog.shapes, self._extend)
            if self.cached_bytes > self.budget:
                self.sweep(self.budget * 3 // 4)
            return found

    def contains(self, oid: int) -> bool:
        """Whether the object exists at this state."""
        found = self.objects.get(oid)
        if found is not None and durable.state_of(found) > durable.GHOST:
            return True
        return self.read(_RECORDS, keys.encode_uint(oid)) is not None

    def class_id_of(self, oid: int) -> int | None:
        """The class id of an object, or None when it does not exist."""
        found = self.objects.get(oid)
        if found is not None and durable.state_of(found) != durable.DEAD:
            return self.catalog.class_id(type(found))
        data = self.read(_RECORDS, keys.encode_uint(oid))
        if data is None:
            return None
        shape_id = records.shape_id_of(data)
        return shape_id if shape_id < FIRST_FREE_ID else self.catalog.shape(shape_id).entry.class_id

    def load(self, obj: durable.Durable) -> None:
        """Read the state of a ghost (called by the object on first use)."""
        with self.lock:
            if durable.state_of(obj) != durable.GHOST:
                return
            self._check_open()
            oid = durable.oid_of(obj)
            data = self.read(_RECORDS, keys.encode_uint(oid))
            if data is None:
                durable.kill(obj)
                raise ReferenceError(f"{durable.describe(obj)} does not exist at state {self.state}; it was deleted")
            self._restore(obj, data)

    def _restore(self, obj: durable.Durable, data: bytes) -> None:
        records.restore(self, obj, data, self.catalog.shapes, self._extend)
        if self.cached_bytes > self.budget:
            self.sweep(self.budget * 3 // 4)

    def shape_of_id(self, shape_id: int) -> records.Shape:
        """The shape of a record whose shape was registered by another process."""
        return self.catalog.shape(shape_id)

    def unwrap_weak(self, obj: durable.Durable, names: tuple[str, ...], values: list[object]) -> None:
        """Replace `Weak` fields by their targets, and note on the object which they are."""
        weak = frozenset(name for name, value in zip(names, values, strict=True) if isinstance(value, Weak))
        values[:] = [value.target if isinstance(value, Weak) else value for value in values]
        obj._perdure_weak_ = weak or None
        if weak:
            self.note_weak(obj)

    def note_weak(self, obj: durable.Durable) -> None:
        """Remember that a loaded object has weak fields: what they refer to is not held by them."""
        self._weak_holders[id(obj)] = weakref.ref(obj)

    def is_kept(self, oid: int) -> bool:
        """Whether Python code holds the object, apart from weak fields of loaded objects."""
        if not self.is_held(oid):
            return False
        if not self._weak_holders:
            return True
        target = self.objects[oid]
        return self.held_more(oid, 1 + sum(_weak_fields(holder(), target) for holder in self._weak_holders.values()))

    def prefetch(self, oids: list[int]) -> list[durable.Durable]:
        """The objects of several ids, read in one pass; those that do not exist are left out."""
        with self.lock:
            wanted = [oid for oid in oids if not self._is_loaded(oid)]
            found = self.read_many(_RECORDS, [keys.encode_uint(oid) for oid in wanted])
            held = []
            for oid, data in zip(wanted, found, strict=True):
                if data is not None:
                    held.append(records.fetch(self, oid, data, self.catalog.shapes, self._extend))
            if self.cached_bytes > self.budget:
                self.sweep(self.budget * 3 // 4)
            objects = self.objects
            return [objects[oid] for oid in oids if oid in objects and durable.state_of(objects[oid]) != durable.DEAD]

    def _is_loaded(self, oid: int) -> bool:
        found = self.objects.get(oid)
        return found is not None and durable.state_of(found) != durable.GHOST

    def class_of_shape(self, shape_id: int) -> type[durable.Durable]:
        """The Python class of the records of a shape."""
        if shape_id < FIRST_FREE_ID:
            return self.class_of(shape_id)
        return self.class_of(self.catalog.shape(shape_id).entry.class_id)

    def class_of(self, class_id: int) -> type[durable.Durable]:
        """The Python class of a class id."""
        found = self.catalog.class_of(class_id)
        self.classes[class_id] = found
        return found

    def weak(self, reference: codec.Reference) -> object:
        """The value that stands for a weak reference: its target, which may turn out to be gone."""
        return find_weak(self, reference)

    def _extend(self, code: int, payload: object) -> object:
        return read_extension(self, code, payload)

    def refuse_write(self, obj: durable.Durable) -> None:
        """Raise the error of a read-only connection."""
        self._check_open()
        raise ReadOnlyError(
            f"cannot modify {durable.describe(obj)}: {self.database.name} is open for reading at state {self.state}"
        )

    def add(self, obj: durable.Durable) -> int:
        """Make a new object part of this database now; returns its id."""
        owner = durable.owner_of(obj)
        if owner is self and durable.oid_of(obj):
            return durable.oid_of(obj)
        if owner is not None and owner is not self and durable.oid_of(obj):
            raise ObjectError(f"{durable.describe(obj)} belongs to another connection")
        self._check_open()
        if not self.writable:
            self.refuse_write(obj)
        if owner is not self:
            durable.adopt(obj, self)
        return self.identify(obj)

    def identify(self, obj: durable.Durable) -> int:
        """Give a new object its id."""
        oid = self.database.new_oid()
        durable.attach(obj, self, oid)
        self.overlay.created.add(oid)
        self.lifetime.born(oid)
        return oid

    def is_newborn(self, oid: int) -> bool:
        """Whether the object was created since the last commit."""
        return any(oid in overlay.created for overlay in self.overlays)

    # -- flush ---------------------------------------------------------------------------------------------

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
            return value.refer(self)
        found = find_extension(self, value)
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

    # -- savepoints ----------------------------------------------------------------------------------------

    def savepoint(self) -> Savepoint:
        """Flush, and mark a place to go back to."""
        with self.lock:
            self.flush()
            self.overlays.append(Overlay())
            self.overlay = self.overlays[-1]
            return Savepoint(self, len(self.overlays) - 1)

    def _merge_overlays(self, depth: int) -> None:
        with self.lock:
            self.flush()
            while len(self.overlays) > depth:
                top = self.overlays.pop()
                top.merge_into(self.overlays[-1])
            self.overlay = self.overlays[-1]

    def _drop_overlays(self, depth: int) -> None:
        with self.lock:
            self.generation += 1
            self.tagging.discard()
            for obj in self.created:
                durable.kill(obj)
            for obj in self.dirty:
                durable.make_ghost(obj)
            self.created = []
            self.dirty = []
            while len(self.overlays) > depth:
                self._undo(self.overlays.pop())
            if not self.overlays:
                self.overlays.append(Overlay())
            self.overlay = self.overlays[-1]

    def _undo(self, overlay: Overlay) -> None:
        for oid in overlay.created:
            obj = self.objects.get(oid)
            if obj is not None:
                durable.kill(obj)
                self.forget(oid)
        for oid in overlay.touched - overlay.created:
            obj = self.objects.get(oid)
            if obj is not None:
                durable.make_ghost(obj)
        for oid, obj in overlay.dropped.items():
            if oid not in overlay.created:
                durable.revive(obj)
                self.objects[oid] = obj
        for key in overlay.puts.get(_ENTRIES, {}):
            obj = self.objects.get(keys.decode_uint(key)[0])
            if obj is not None:
                durable.make_ghost(obj)

    # -- end of a transaction ------------------------------------------------------------------------------

    def has_changes(self) -> bool:
        """Whether a commit would write anything."""
        return bool(self.created or self.dirty or self.tagging.has_changes()) or not all(
            overlay.is_empty() for overlay in self.overlays
        )

    def declare_read(self, obj: durable.Durable) -> None:
        """Make the commit fail when another transaction changes `obj` first (guards against write skew)."""
        self._reads.setdefault(_RECORDS, set()).add(keys.encode_uint(durable.oid_of(obj)))

    def commit(self, *, user: str = "", description: str = "", extension: bytes = b"") -> Committed | None:
        """Make all changes durable as one new state; None when there are none.

        Raises `ConflictError` when another commit changed the same keys first; then abort and try again.
        """
        with self.lock:
            batch, taken = self.prepare_batch(user=user, description=description, extension=extension)
            if batch is None:
                return None
            committed = self.database.storage.commit(batch, self.resolve_conflict)
            self.finish_batch(committed, taken)
            return committed

    def prepare_batch(self, *, user: str = "", description: str = "", extension: bytes = b"") -> tuple[Any, Any]:
        """Flush and collect; the batch to commit (None when empty) and the catalog entries in it."""
        self._check_open()
        if len(self.overlays) > 1:
            raise ObjectError("cannot commit inside an active atomic block or savepoint; leave it first")
        self.flush()
        if self.collects:
            self.lifetime.collect()
            self.flush()
        if self.overlay.is_empty() and not self._reads:
            return None, {}
        batch = self.overlay.to_batch(self.view.state)
        batch.user, batch.description, batch.extension = user, description, extension
        batch.reads = self._reads
        batch.required = self._required()
        taken = self.catalog.add_pending(batch)
        return batch, taken

    def _required(self) -> dict[int, set[bytes]]:
        created = self.overlay.created
        held = {keys.encode_uint(oid) for oid, change in self.overlay.holders.items() if change > 0 and oid not in created}
        return {_RECORDS: held} if held else {}

    def finish_batch(self, committed: Committed, taken: dict[bytes, bytes]) -> None:
        """The batch is in: go to its state."""
        self.catalog.committed(taken)
        self.overlays = [Overlay()]
        self.overlay = self.overlays[0]
        self._reads = {}
        self._move_to(committed.state, own=committed.state)

    def resolve_conflict(
        self, space: int, key: bytes, old: bytes | None, committed: bytes | None, new: bytes | None
    ) -> bytes | None:
        """Merge a conflicting change; here never possible."""
        raise ConflictError(f"{spaces.SPACES[space]!r} key {key.hex()} was changed by another commit; try again")

    def abort(self) -> None:
        """Drop all changes and see the newest committed state."""
        with self.lock:
            self._drop_overlays(0)
            self._reads = {}
            self.refresh()

    def refresh(self) -> bool:
        """See the newest committed state; whether it is another one. Not with changes pending."""
        with self.lock:
            self._check_open()
            newest = self.database.storage.last_state
            if newest == self.view.state:
                return False
            if self.has_changes():
                raise ConflictError(f"{self.database.name} has pending changes; commit or abort them before a refresh")
            self._move_to(newest)
            return True

    def _move_to(self, state: int, own: int | None = None) -> None:
        before = self.view.state
        self.generation += 1
        if own is None or own != before + 1:
            self._invalidate(before, state if own is None else own - 1)
        previous, self.view = self.view, self.database.storage.view(state)
        previous.release()

    def _invalidate(self, after: int, upto: int) -> None:
        changes = self.database.storage.changes(after, upto)
        for space in (_RECORDS, _ENTRIES, _COUNTERS):
            for first, count in cast("list[tuple[int, int]]", changes.get(space, [])):
                span = range(first, first + count)
                if len(span) > len(self.objects):
                    affected = [oid for oid in self.objects if oid in span]
                else:
                    affected = [oid for oid in span if oid in self.objects]
                for oid in affected:
                    durable.make_ghost(self.objects[oid])

    # -- closing -------------------------------------------------------------------------------------------

    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self.closed

    def _check_open(self) -> None:
        if self.closed:
            raise ObjectError(f"the connection to {self.database.name} is closed")

    def close(self) -> None:
        """Drop pending changes and cut all objects off."""
        with self.lock:
            if self.closed:
                return
            self._drop_overlays(0)
            for obj in list(self.objects.values()):
                durable.detach(obj)
            self.objects.clear()
            self.closed = True
            self.view.release()


class Weak:
    """A reference that does not hold its target: what is stored for `weak_proxy` values."""

    __slots__ = ("_cls", "_connection", "_oid", "_target")

    def __init__(self, target: durable.Durable) -> None:
        self._connection: Connection | None = durable.owner_of(target)
        self._oid = durable.oid_of(target)
        self._cls = type(target)
        self._target = None if self._oid else target

    @property
    def target(self) -> durable.Durable:
        """The object referred to; dead when it was dropped."""
        if self._target is not None:
            return self._target
        assert self._connection is not None
        return self._connection.ghost(self._oid, self._cls)

    def refer(self, connection: Connection) -> codec.Reference:
        """The stored form."""
        if self._target is not None:
            self._oid, self._connection = connection.add(self._target), connection
            self._target = None
        if self._connection is not connection:
            raise ObjectError(f"{durable.describe(self.target)} belongs to another connection")
        return codec.Reference(self._oid, connection.catalog.class_id(self._cls), True)


def _is_typed(cls: type) -> bool:
    return bool(getattr(cls, "_perdure_typed_", False))


def _weak_fields(holder: durable.Durable | None, target: durable.Durable) -> int:
    """How many weak fields of a loaded object refer to the target."""
    if holder is None or not holder._perdure_weak_ or durable.state_of(holder) <= durable.GHOST:
        return 0
    weak = holder._perdure_weak_
    return sum(1 for name, value in durable.fields(holder).items() if value is target and name in weak)


def find_weak(connection: Connection, reference: codec.Reference) -> object:
    """A `Weak` for the target of a stored weak reference."""
    cls = connection.classes.get(reference.class_id) or connection.class_of(reference.class_id)
    return Weak(connection.ghost(reference.oid, cls))

"""The objects of a connection: one Python object for each id, loaded on first use, forgotten by the cache."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, NoReturn, cast

from perdure.errors import FrozenObjectError, ObjectError, ReferenceError
from perdure.kernel import codec, durable, keys, locks, records
from perdure.session.builtin import FIRST_FREE_ID
from perdure.session.classes import is_redefinition
from perdure.session.extensions import read_extension
from perdure.session.pending import PendingBytes
from perdure.session.weak import Weak, find_weak, weak_fields
from perdure.storage import View, spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection
    from perdure.session.database import Database
    from perdure.session.lifetime import Lifetime

__all__ = ["Objects"]

_RECORDS = spaces.RECORDS.id
_NOTHING = nullcontext()


class Objects(PendingBytes):
    """Identity map, loading and identification of objects."""

    __slots__ = ("_extend", "_met", "_redefined", "_weak_holders", "catalog", "closed", "database", "lifetime", "lock")

    lifetime: Lifetime

    def __init__(self, database: Database, view: View, *, writable: bool, budget: int) -> None:
        super().__init__(view)
        self.database = database
        self.catalog = database.catalog
        self.writable = writable
        self.budget = budget
        self.lock = locks.RecursiveLock()
        self.closed = False
        self._weak_holders: dict[int, weakref.ref[durable.Durable]] = {}
        self._met: set[Objects] = set()
        self._redefined: list[tuple[list[int], type[durable.Durable]]] = []
        self._extend = partial(read_extension, cast("Connection", self))

    def _check_open(self) -> None:
        if self.closed:
            raise ObjectError(f"the connection to {self.database.name} is closed")

    def fetch(self, oid: int) -> durable.Durable:
        """What `get` does with an id that is not in the identity map."""
        with self.lock:
            if self.closed:
                self._check_open()
            shapes = self.catalog.shapes
            if self.overlay.puts or len(self.overlays) > 1:
                data = self.read(_RECORDS, keys.encode_uint(oid))
                found = None if data is None else records.fetch(self, oid, data, shapes, self._extend)
            else:
                view = self.view
                found = records.fetch_newest(self, oid, view.seekers[_RECORDS], view.suffix, shapes, self._extend)
            if found is None:
                return self._fetch_missing(oid)
            if self._met:
                self.note_elsewhere(found)
            return found

    def _fetch_missing(self, oid: int) -> durable.Durable:
        """What `fetch` does with an id that has no record."""
        raise ReferenceError(f"there is no object #{oid} in {self.database.name} at state {self.state}")

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
                self.forget(oid)
                raise ReferenceError(f"{durable.describe(obj)} does not exist at state {self.state}; it was deleted")
            self._restore(obj, data)

    def _restore(self, obj: durable.Durable, data: bytes) -> None:
        records.restore(self, obj, data, self.catalog.shapes, self._extend)
        self.note_elsewhere(obj)
        self.make_room()

    def peek(self, page: durable.Durable, place: int, kind: int) -> object:
        """The value at `place` of a ghost's record, by itself; `records.WHOLE` when the ghost has to be loaded."""
        with self.lock:
            if durable.state_of(page) != durable.GHOST:
                return records.WHOLE
            self._check_open()
            data = self.read(_RECORDS, keys.encode_uint(durable.oid_of(page)))
            return records.WHOLE if data is None else records.peek(self, data, place, kind)

    def shape_of_id(self, shape_id: int) -> records.Shape:
        """The shape of a record whose shape was registered by another process."""
        return self.catalog.shape(shape_id)

    def unwrap_weak(self, obj: durable.Durable, names: tuple[str, ...], values: list[object]) -> None:
        """Replace `Weak` fields by their targets, and note on the object which they are."""
        weak = frozenset(name for name, value in zip(names, values, strict=True) if isinstance(value, Weak))
        values[:] = [value._perdure_aim_() if isinstance(value, Weak) else value for value in values]
        obj._perdure_weak_ = weak or None
        if weak:
            self.note_weak(obj)

    def note_weak(self, obj: durable.Durable) -> None:
        """Remember that a loaded object has weak fields: what they refer to is not held by them."""
        key, holders = id(obj), self._weak_holders
        if key not in holders:
            holders[key] = weakref.ref(obj, lambda _: holders.pop(key, None))

    def met_elsewhere(self, connection: Objects) -> None:
        """A record that is being loaded or stored refers to an object of another database, in `connection`."""
        self._met.add(connection)

    def note_elsewhere(self, *loaded: durable.Durable) -> None:
        """Let the other databases know which of the loaded objects refer to objects there: they do not hold them."""
        if not self._met:
            return
        met, self._met = self._met, set()
        for obj in loaded:
            owners = {id(durable.owner_of(one)) for one in weak_fields(obj)}
            for connection in met:
                if id(connection) in owners:
                    connection.note_weak(obj)

    def weak_targets(self) -> dict[int, list[weakref.ref[durable.Durable]]]:
        """The objects that weak fields of loaded objects refer to, each with those that hold it so in Python alone."""
        found: dict[int, list[weakref.ref[durable.Durable]]] = {}
        for key, reference in list(self._weak_holders.items()):
            targets = weak_fields(reference())
            if not targets:  # noted again when it is loaded or stored with any
                self._weak_holders.pop(key, None)
            for oid in {durable.oid_of(one) for one in targets if durable.owner_of(one) is self}:
                found.setdefault(oid, []).append(reference)
        return found

    def is_kept(self, oid: int, holders: Iterable[weakref.ref[durable.Durable]] = ()) -> bool:
        """Whether Python code holds the object, apart from the weak fields of `holders`."""
        if not self.is_held(oid):
            return False
        if not holders:
            return True
        target = self.objects[oid]
        return self.held_more(oid, 1 + sum(one is target for holder in holders for one in weak_fields(holder())))

    def prefetch(self, oids: list[int]) -> list[durable.Durable]:
        """The objects of several ids, read in one pass; those that do not exist are left out."""
        with self.lock:
            found = records.fetch_many(self, oids, partial(self.read_many, _RECORDS), self.catalog.shapes, self._extend)
            self.note_elsewhere(*found)
            self.make_room()
            return found

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

    def redefined(self, class_ids: list[int], cls: type[durable.Durable]) -> None:
        """Make the objects of a class, which has these ids here, those of its new definition.

        When the lock is taken, the next flush does so: its holder may be waiting for the import of the class.
        """
        if class_ids or self.created:
            self._redefined.append((class_ids, cls))
            if self.lock.acquire(blocking=False):
                try:
                    self._take_definitions()
                finally:
                    self.lock.release()

    def _take_definitions(self) -> None:
        while self._redefined:
            class_ids, cls = self._redefined.pop(0)
            self.classes.update(dict.fromkeys(class_ids, cls))
            for obj in [*self.created, *(self.objects.values() if class_ids else ())]:
                if is_redefinition(cls, type(obj)):
                    with suppress(TypeError):  # laid out differently by Python: it stays what it is until forgotten
                        durable.set_class(obj, cls)

    def weak(self, reference: codec.Reference) -> object:
        """The value that stands for a weak reference: its target, which may turn out to be gone."""
        return find_weak(cast("Connection", self), reference)

    def refuse_write(self, obj: durable.Durable) -> NoReturn:
        """Raise the error of a read-only connection."""
        self._check_open()
        raise FrozenObjectError(
            f"Cannot modify read-only prefix: {self.database.name} ({durable.describe(obj)} at state {self.state})"
        )

    def refuse_create(self, cls: type) -> NoReturn:
        """Raise the error of a new object in a read-only connection."""
        self._check_open()
        raise FrozenObjectError(f"Cannot modify read-only prefix: {self.database.name} takes no new {cls.__qualname__}")

    def abandoned(self, obj: durable.Durable) -> None:
        """Drop a new object that has an id already: its `__init__` failed."""
        with self.lock:
            oid = durable.oid_of(obj)
            if self.read_pending(_RECORDS, keys.encode_uint(oid)) is not None:
                self.lifetime.drop(oid)
            else:
                self.overlay.created.discard(oid)
                self.lifetime.hold(oid)
                self.forget(oid)

    def ask_before_change(self) -> None:
        """Wait for, or be refused by, what stands before a change that is not one of an object's fields."""
        durable.guard_change()
        while self.gate is not None and self.gate_thread != get_ident():
            if self.gate():
                break

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock for such a change, as soon as it may be made."""
        self.ask_before_change()
        with self.lock:
            self.ask_before_change()  # a block of another thread or task may have begun since
            yield

    def in_one_wait(self) -> AbstractContextManager[object]:
        """The lock, while another thread has it for a block: what takes it several times waits for one block then."""
        is_held = self.gate is not None and self.gate_thread not in (0, get_ident())
        return self.lock if is_held else _NOTHING

    def add(self, obj: durable.Durable) -> int:
        """Make a new object part of this database now; returns its id."""
        owner = durable.owner_of(obj)
        if owner is self and durable.oid_of(obj):
            return durable.oid_of(obj)
        if owner is not self and durable.oid_of(obj):
            raise ObjectError(f"{durable.describe(obj)} belongs to another connection, or one that was closed")
        self._check_open()
        durable.guard_change()
        if not self.writable:
            self.refuse_write(obj)
        if owner is not self:
            durable.adopt(obj, self)
        return self.identify(obj)

    def identify(self, obj: durable.Durable, oid: int = 0) -> int:
        """Give a new object its id: `oid`, or else the next one."""
        oid = oid or self.database.new_oid()
        durable.attach(obj, self, oid)
        self.overlay.created.add(oid)
        self.lifetime.born(oid)
        return oid

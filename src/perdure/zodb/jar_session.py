"""The session connection under a ZODB connection: it joins transactions, and gives new objects back on abort."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.errors import ReferenceError
from perdure.kernel import codec, durable, mapping
from perdure.session import Connection as Session
from perdure.session import Database, builtin_id
from perdure.session.overlay import Overlay
from perdure.storage import Batch, View, spaces
from perdure.storage.prepared import Prepared
from perdure.zodb.POSException import ConnectionStateError, InvalidObjectReference, POSKeyError
from perdure.zodb.utils import p64

if TYPE_CHECKING:
    from perdure.zodb.jar import Connection

__all__ = ["JarSession"]

_CATALOG = spaces.CATALOG.id


class JarSession(Session):
    """Objects and pending changes of a ZODB connection (`jar`).

    `gate` makes the jar join its transaction; it is None while the jar has joined. What an abort or a rollback takes
    back is no object of the database any more, but an unsaved one, as in ZODB.
    """

    jar: Connection
    root_oid: int | None = None

    def __init__(self, database: Database, view: View, **options: Any) -> None:
        super().__init__(database, view, **options)
        self.opened = True

    def _check_open(self) -> None:
        if not self.opened:
            raise ConnectionStateError(f"the connection to {self.database.name} is closed")
        super()._check_open()

    def begin(self) -> None:
        """See the newest committed state; what was declared as read is forgotten."""
        with self.lock:
            self._reads = {}
            self.refresh()

    # -- loading -------------------------------------------------------------------------------------------

    def load(self, obj: durable.Durable) -> None:
        """Read the state of a ghost. Raises `POSKeyError` when it is not in the database."""
        try:
            super().load(obj)
        except ReferenceError as error:
            raise POSKeyError(p64(durable.oid_of(obj))) from error
        if getattr(type(obj), "_perdure_stateful_", False):
            self._take_state(obj)

    def _fetch(self, oid: int) -> durable.Durable:
        try:
            found = super()._fetch(oid)
        except ReferenceError as error:
            raise POSKeyError(p64(oid)) from error
        if getattr(type(found), "_perdure_stateful_", False):
            self._take_state(found)
        return found

    def prefetch(self, oids: list[int]) -> list[durable.Durable]:
        """The objects of several ids, read in one pass; those that do not exist are left out."""
        with self.lock:
            fresh = {oid for oid in oids if not self._is_loaded(oid)}
            found = super().prefetch(oids)
            for obj in found:
                if getattr(type(obj), "_perdure_stateful_", False) and durable.oid_of(obj) in fresh:
                    self._take_state(obj)
            return found

    def _take_state(self, obj: Any) -> None:
        """Give a loaded object what it stored, through its own `__setstate__`."""
        state = durable.fields(obj)
        size, referring = durable.size_of(obj), durable.has_references(obj)
        durable.make_ghost(obj)
        durable.set_state(obj, durable.NEW)  # what `__setstate__` assigns is no change
        try:
            obj.__setstate__(state[""] if tuple(state) == ("",) else state)
        except BaseException:
            durable.make_ghost(obj)
            raise
        durable.mark_clean(obj, size, referring)

    # -- storing -------------------------------------------------------------------------------------------

    def _learn_type(self, cls: type[durable.Durable]) -> list[int] | None:
        typed = super()._learn_type(cls)
        if getattr(cls, "_perdure_stateful_", False):
            self._types.pop(cls, None)  # each instance goes through `_encode_values`
        return typed

    def _encode_values(self, obj: Any) -> bytes:
        if not getattr(type(obj), "_perdure_stateful_", False):
            return super()._encode_values(obj)
        state = obj.__getstate__()
        if not isinstance(state, dict) or not all(type(name) is str and name for name in state):
            state = {"": state}
        entry = self.catalog.entry_for(type(obj))
        shape = self.catalog._shape_named(entry, tuple(state))
        return codec.encode_record(shape.shape_id, list(state.values()), self.refer)

    def _refer_object(self, obj: durable.Durable) -> codec.Reference | codec.Extension:
        owner = durable.owner_of(obj)
        if owner is not None and owner is not self:
            if durable.oid_of(obj):
                raise InvalidObjectReference(f"{durable.describe(obj)} belongs to another connection")
            durable.set_owner(obj, None)  # new, and not yet stored where it was made
        return super()._refer_object(obj)

    # -- committing ----------------------------------------------------------------------------------------

    def resolve_conflict(
        self, space: int, key: bytes, old: bytes | None, committed: bytes | None, new: bytes | None
    ) -> bytes | None:
        """Two transactions that met a new class or shape at the same time take the same entry along."""
        if space == _CATALOG and committed == new:
            return new
        return super().resolve_conflict(space, key, old, committed, new)

    def prepare(self, batch: Batch, taken: dict[bytes, bytes], transaction_id: bytes) -> Prepared:
        """Store a batch for the second phase of its commit.

        New classes and shapes are committed now: while they wait, all that need them would be turned away.
        """
        storage = self.database.storage
        if taken:
            entries: dict[bytes, bytes | None] = dict(taken)
            storage.commit(Batch(base=self.view.state, puts={_CATALOG: entries}), self.resolve_conflict)
            self.catalog.committed(taken)
            own = {key: value for key, value in batch.puts[_CATALOG].items() if key not in taken}
            batch.puts = {**batch.puts, _CATALOG: own}
        return storage.prepare(batch, transaction_id, self.resolve_conflict)

    # -- taking back ---------------------------------------------------------------------------------------

    def discard(self) -> None:
        """Drop all changes; the state that is seen stays the same."""
        with self.lock:
            self._drop_overlays(0)
            self._reads = {}

    def new_level(self) -> int:
        """Flush, and begin a level of changes that `roll_back` can drop; its number."""
        with self.lock:
            self.flush()
            self.overlays.append(Overlay())
            self.overlay = self.overlays[-1]
            return len(self.overlays) - 1

    def roll_back(self, level: int) -> None:
        """Drop the changes of a level and of those above it, and begin the level anew."""
        with self.lock:
            self._drop_overlays(level)
            self.overlays.append(Overlay())
            self.overlay = self.overlays[-1]

    def merge_levels(self, level: int) -> None:
        """Make a level and those above it part of what is below."""
        self._merge_overlays(level)

    def _drop_overlays(self, depth: int) -> None:
        with self.lock:
            lost = {oid for overlay in self.overlays[depth:] for oid in overlay.created}
            for obj in self.created:
                self._disown(obj)
            self.created = []
            for oid in lost:
                known = self.objects.get(oid)
                if known is not None and _is_in_memory(known):
                    self._disown(known)
            self.dirty = [obj for obj in self.dirty if durable.owner_of(obj) is self]
            super()._drop_overlays(depth)

    def _disown(self, obj: durable.Durable) -> None:
        """Make a new object an unsaved one again, with the state that it has in memory."""
        self.forget(durable.oid_of(obj))
        durable.attach(obj, self, 0)
        del self.objects[0]
        durable.set_owner(obj, None)
        durable.set_state(obj, durable.NEW)


def _is_in_memory(obj: durable.Durable) -> bool:
    """Whether all of a stored object is in memory, so that it can become unsaved again."""
    if durable.state_of(obj) <= durable.GHOST:
        return False
    if isinstance(obj, mapping.HotMapping):
        if obj._perdure_complete_:
            obj._perdure_pending_ = None
        return obj._perdure_complete_
    return not builtin_id(type(obj))

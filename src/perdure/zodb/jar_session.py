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
from perdure.zodb.persistent.base import stateful_classes
from perdure.zodb.POSException import ConnectionStateError, InvalidObjectReference, POSKeyError
from perdure.zodb.utils import p64

if TYPE_CHECKING:
    from perdure.session.class_entries import ClassEntry
    from perdure.zodb.jar import Connection

__all__ = ["JarSession"]

_CATALOG = spaces.CATALOG.id
_NEAR = 8  # how far apart the ids of ghosts are that are loaded in order
_WINDOW_FIRST, _WINDOW_LAST = 8, 128
_OBJECT_GUESS = 1024  # bytes of memory that an object is assumed to take
_SPARE_IDS = 256


class JarSession(Session):
    """Objects and pending changes of a ZODB connection (`jar`).

    `gate` makes the jar join its transaction; it is None while the jar has joined. What an abort or a rollback takes
    back is no object of the database any more, but an unsaved one, as in ZODB.
    """

    __slots__ = ("_class_ids", "_last_loaded", "_spare_ids", "_window", "jar", "opened", "root_oid")

    jar: Connection

    def __init__(self, database: Database, view: View, **options: Any) -> None:
        super().__init__(database, view, **options)
        self.opened = True
        self.root_oid: int | None = None
        self._last_loaded = 0
        self._window = 0
        self._class_ids: dict[type, int] = {}
        self._spare_ids: list[int] = []

    def _check_open(self) -> None:
        if not self.opened:
            raise ConnectionStateError(f"the connection to {self.database.name} is closed")
        super()._check_open()

    def begin(self) -> None:
        """See the newest committed state; what was declared as read is forgotten."""
        with self.lock:
            self._reads = {}
            self._last_loaded = 0
            self.refresh()

    # -- loading -------------------------------------------------------------------------------------------

    def load(self, obj: durable.Durable) -> None:
        """Read the state of a ghost. Raises `POSKeyError` when it is not in the database.

        Where ghosts are loaded in the order of their ids, as the objects of a list mostly are, the next ones known are
        read with them.
        """
        oid = durable.oid_of(obj)
        if self._last_loaded and 0 < oid - self._last_loaded <= _NEAR:
            self._window = min(2 * self._window, _WINDOW_LAST) or _WINDOW_FIRST
            self._load_ahead(oid)
        else:
            self._window, self._last_loaded = 0, oid
        try:
            super().load(obj)
        except ReferenceError as error:
            raise POSKeyError(p64(oid)) from error
        if type(obj) in stateful_classes:
            self._take_state(obj)

    def _load_ahead(self, first: int) -> None:
        known, state_of, ghost = self.objects, durable.state_of, durable.GHOST
        near = range(first + 1, first + self._window)
        wanted = [oid for oid in near if oid in known and state_of(known[oid]) == ghost]
        self._last_loaded = wanted[-1] if wanted else first
        if len(wanted) * _OBJECT_GUESS < self.budget // 4:
            self.prefetch(wanted)

    def fetch(self, oid: int) -> durable.Durable:
        """What `get` does with an id that is not in the identity map. Raises `POSKeyError` when there is none."""
        found = Session.fetch(self, oid)  # quicker than `super()`, in the way of every object that is fetched
        if type(found) in stateful_classes:
            self._take_state(found)
        return found

    def _fetch_missing(self, oid: int) -> durable.Durable:
        try:
            return super()._fetch_missing(oid)
        except ReferenceError as error:
            raise POSKeyError(p64(oid)) from error

    def prefetch(self, oids: list[int]) -> list[durable.Durable]:
        """The objects of several ids, read in one pass; those that do not exist are left out."""
        with self.lock:
            fresh = {oid for oid in oids if not self._is_loaded(oid)} if stateful_classes else ()
            found = super().prefetch(oids)
            if fresh:
                for obj in found:
                    if type(obj) in stateful_classes and durable.oid_of(obj) in fresh:
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

    def learn_type(self, cls: type[durable.Durable]) -> list[int] | None:
        """Leave classes with a `__getstate__` of their own to the full path."""
        typed = super().learn_type(cls)
        if cls in stateful_classes:
            self._types.pop(cls, None)  # each instance goes through `_encode_values`
        return typed

    def _encode_values(self, obj: Any, entry: ClassEntry | None = None) -> bytes:
        if type(obj) not in stateful_classes:
            return super()._encode_values(obj, entry)
        state = obj.__getstate__()
        if not isinstance(state, dict) or not all(type(name) is str and name for name in state):
            state = {"": state}
        shape = self.catalog._shape_named(entry or self.catalog.entry_for(type(obj)), tuple(state))
        return codec.encode_record(shape.shape_id, list(state.values()), self.refer)

    def refer(self, value: object) -> codec.Reference | codec.Extension:
        """How the codec stores a value that is not plain: new objects become part of the database by being met here."""
        if not isinstance(value, durable.Durable) or durable.state_of(value) == durable.DEAD:
            return super().refer(value)
        cls, oid = type(value), durable.oid_of(value)
        class_id = self._class_ids.get(cls)
        if class_id is None:
            class_id = self._class_ids[cls] = self.catalog.class_id(cls)
        if durable.owner_of(value) is not self:
            if oid:
                raise InvalidObjectReference(f"{durable.describe(value)} belongs to another connection")
            durable.set_owner(value, self)  # if another connection has made it, it is not yet stored there
            self.created.append(value)
        return codec.Reference(oid or self.identify(value), class_id, False)

    def identify(self, obj: durable.Durable, oid: int = 0) -> int:
        """Give a new object its id: `oid`, or else the next one."""
        if not oid:
            if not self._spare_ids:
                self._spare_ids = self.database.new_oids(_SPARE_IDS)[::-1]
            oid = self._spare_ids.pop()
        durable.attach(obj, self, oid)
        self.overlay.created.add(oid)
        self.overlay.holders[oid] = -1
        return oid

    def _new_ids(self, fresh: list[durable.Durable]) -> list[int]:
        missing = sum(1 for obj in fresh if not durable.oid_of(obj))
        return self.database.new_oids(missing) if missing else []

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

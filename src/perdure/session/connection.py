"""A unit of work on a database at one state: savepoints, commit, abort and refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from perdure.errors import ConflictError, ObjectError, StateUnavailableError
from perdure.kernel import changes, durable, keys, records
from perdure.session.builtin import builtin_class
from perdure.session.catalog import DECISION
from perdure.session.conflicts import describe_key, explained
from perdure.session.embedding import Embedding
from perdure.session.lifetime import Lifetime
from perdure.session.overlay import Overlay
from perdure.session.postings import Postings
from perdure.session.roots import ROOT
from perdure.session.tagging import Tagging
from perdure.storage import Committed, View, spaces

if TYPE_CHECKING:
    from perdure.session.database import Database

__all__ = ["Connection", "Savepoint"]

_RECORDS = spaces.RECORDS.id
_TAGS = spaces.OBJECT_TAGS.id
_ENTRIES = spaces.ENTRIES.id
_COUNTERS = spaces.COUNTERS.id
_CATALOG = spaces.CATALOG.id
_POSTINGS = spaces.POSTINGS.id
_CACHED = {_RECORDS, _ENTRIES, _COUNTERS}


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


class Connection(Embedding):
    """Objects of one database as of one state, with the changes made to them.

    Made by `Database.connect`. `collects` says whether commits drop objects that nothing holds.
    """

    __slots__ = ("_reads", "collects", "declarations", "grants", "is_fixed", "obsolete", "postings", "rollbacks")

    def __init__(
        self, database: Database, view: View, *, writable: bool = True, budget: int = 64 << 20, collects: bool = True
    ) -> None:
        super().__init__(database, view, writable=writable, budget=budget)
        self.collects = collects
        self.is_fixed = False
        """Whether it stays at its state for ever."""
        self.lifetime = Lifetime(self)
        self.tagging = Tagging(self)
        self.postings = Postings(self)
        self._reads: dict[int, set[bytes]] = {}
        self.obsolete: set[bytes] = set()
        """Keys of the catalog that the next commit removes."""
        self.rollbacks = 0
        """How often pending changes were undone: what was worked out from them may be wrong then."""
        self.declarations: Any = None
        """What `perdure.declared` has read of this connection."""
        self.grants: Any = None
        """What `perdure.security` has read of this connection."""

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
            self.rollbacks += 1
            if self.created or self.dirty or self.tagging.has_changes():
                self.mutations += 1
            self.tagging.discard()
            self.forget_types()
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
        self.postings.undone(overlay)
        created = [obj for oid in overlay.created if (obj := self.objects.get(oid)) is not None]
        for obj in created:
            self.forget(durable.oid_of(obj))
        for obj in created:
            if durable.is_frozen(obj) and durable.state_of(obj) == durable.CLEAN:
                durable.loosen(obj)  # it is complete and was stored whole: now it is stored nowhere again
            else:
                durable.kill(obj)
        self.interning.forget()
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
            try:
                committed = self.database.storage.commit(batch, self.resolve_conflict)
            except ConflictError as error:
                raise explained(self, batch, error) from error
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
        batch.reads = self._read_keys()
        batch.required = self._required()
        taken = self.catalog.add_pending(batch)
        if self.obsolete:
            batch.puts[_CATALOG] = {**dict.fromkeys(self.obsolete), **batch.puts.get(_CATALOG, {})}
        return batch, taken

    def _read_keys(self) -> dict[int, set[bytes]]:
        """Declared reads, and the tags of deleted objects: with a tag that came since, they must live."""
        created = self.overlay.created
        deleted = {keys.encode_uint(oid) for oid in self.overlay.deleted if oid not in created}
        return {**self._reads, _TAGS: deleted} if deleted else self._reads

    def _required(self) -> dict[int, list[bytes]]:
        """Objects that got a reference or a tag: they must not have been deleted by another commit."""
        if not self.overlay.holders and _TAGS not in self.overlay.puts:
            return {}
        created = self.overlay.created
        holders = self.overlay.holders.items()
        held = changes.encode_ids([oid for oid, change in holders if change > 0 and oid not in created])
        tagged = [key for key, row in self.overlay.puts.get(_TAGS, {}).items() if row is not None]
        if self.catalog.has_immutable:
            oids = {keys.decode_uint(key)[0] for key in held + tagged}
            held, tagged = changes.encode_ids(sorted(self.roots(oids - created) - created)), []
        return {_RECORDS: held + tagged} if held or tagged else {}

    def finish_batch(self, committed: Committed, taken: dict[bytes, bytes]) -> None:
        """The batch is in: go to its state."""
        self.catalog.committed(taken)
        self.postings.settle()
        self.overlays = [Overlay()]
        self.overlay = self.overlays[0]
        self._reads = {}
        self.obsolete = set()
        self._move_to(committed.state, own=committed.state)

    def set_batch_apart(self) -> None:
        """Let what is changed from now on wait behind a batch that is decided and could not be finished yet."""
        with self.lock:
            self.overlays.append(Overlay())
            self.overlay = self.overlays[-1]

    def finish_apart(self, committed: Committed, taken: dict[bytes, bytes]) -> None:
        """The batch that `set_batch_apart` left behind is in; later changes are pending."""
        with self.lock:
            self.flush()
            later = self.overlays[1:]
            self.finish_batch(committed, taken)
            self.overlays, self.overlay = later, later[-1]

    def resolve_conflict(
        self, space: int, key: bytes, old: bytes | None, committed: bytes | None, new: bytes | None
    ) -> bytes | None:
        """Merge a conflicting change: possible for two that write the same where that means the same."""
        if committed == new and _is_alike(space, key, new):
            return new
        raise ConflictError(f"{describe_key(self, space, key)} was changed by another commit; try again")

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
            self.interning.forget()
            self._invalidate(before, state if own is None else own - 1)
        previous, self.view = self.view, self.database.storage.later_view(self.view, state)
        previous.release()

    def _invalidate(self, after: int, upto: int) -> None:
        try:
            every = self.database.storage.each_change(after, upto)
        except StateUnavailableError:  # packed away: all may have changed
            self.catalog.refresh()
            self.postings.forget()
            for obj in list(self.objects.values()):
                durable.make_ghost(obj)
            return
        named = [cast("list[bytes]", commit[_CATALOG]) for commit in every if _CATALOG in commit]
        if not all(key.startswith(DECISION) for each in named for key in each):
            self.catalog.refresh()
        objects = self.objects
        for commit in every:
            if _POSTINGS in commit:
                self.postings.changed_elsewhere(cast("list[bytes]", commit[_POSTINGS]))
            for space, changed in commit.items():
                if space not in _CACHED:
                    continue
                for first, count in cast("list[tuple[int, int]]", changed):
                    if count > len(objects):
                        affected = [oid for oid in objects if first <= oid < first + count]
                    else:
                        affected = [oid for oid in range(first, first + count) if oid in objects]
                    for oid in affected:
                        durable.make_ghost(objects[oid])

    # -- closing -------------------------------------------------------------------------------------------

    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self.closed

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


def _is_alike(space: int, key: bytes, data: bytes | None) -> bool:
    """Whether two commits may write the same value: an enum, a class, the kind of keys of an index."""
    if space == _CATALOG:
        return not key.startswith(ROOT)
    if space != _RECORDS or data is None:
        return False
    return getattr(builtin_class(records.shape_id_of(data)), "_perdure_alike_", False)

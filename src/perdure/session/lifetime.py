"""How long objects live: holder counts, and what is dropped when nothing holds an object any more.

Holders are strong references from records and collection entries, and regular tags. Only references are counted:
the stored counter is `references - 1` and absent when it is 0, so that the common object with one reference costs
nothing; tags are in the object's row. A commit drops what has no holder and no Python reference, with everything
that only it held.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from perdure.kernel import codec, durable, keys, records
from perdure.session.builtin import FIRST_FREE_ID
from perdure.session.parts import parts_in
from perdure.session.tagging import holds
from perdure.storage import merge, spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["Lifetime", "observe_drops"]

_RECORDS = spaces.RECORDS.id
_REFCOUNTS = spaces.REFCOUNTS.id
_TAGS = spaces.OBJECT_TAGS.id

Observer = Callable[["Connection", "list[tuple[int, int]]"], None]
_observers: list[Observer] = []


def observe_drops(observer: Observer) -> None:
    """Call `observer(connection, dropped)` when objects were deleted, given as pairs of object id and shape id."""
    _observers.append(observer)


class Lifetime:
    """Holder counts of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.unheld: set[int] = set()
        """Stored objects without holders that are kept because Python code holds them."""
        self._lost: set[int] = set()
        """Objects that lost a holder since the last collection."""
        self._orphans: set[int] = set()
        """Objects among the unheld ones that had holders once."""
        self._stored: dict[int, int] = {}
        """Committed counters read ahead for a collection."""
        self._weak: dict[int, list[weakref.ref[durable.Durable]]] = {}
        """What weak fields refer to, with their holders, as of a round of a collection."""

    def born(self, oid: int) -> None:
        """Count a new object from no holders."""
        self._connection.overlay.hold(oid, -1)

    def hold(self, oid: int) -> None:
        """One more reference."""
        self._connection.overlay.hold(oid, 1)

    def release(self, oid: int) -> None:
        """One reference less. Of an object that is deleted already, nothing is counted any more."""
        if any(oid in overlay.deleted for overlay in self._connection.overlays):
            return
        self._connection.overlay.hold(oid, -1)
        self._lost.add(oid)

    def lost(self, oids: Iterable[int]) -> None:
        """The objects lost the last tag that held them."""
        self._lost.update(oids)

    def release_references(self, data: bytes) -> None:
        """Release what a record holds."""
        for reference in codec.list_references(data):
            if not reference.weak:
                self.release(reference.oid)

    def exchange_references(self, before: bytes | None, after: list[codec.Reference]) -> None:
        """Count the references that a record has now instead of those before; what is in both changes nothing."""
        change = Counter(reference.oid for reference in after if not reference.weak)
        if before is not None:
            change.subtract(reference.oid for reference in codec.list_references(before) if not reference.weak)
        for oid, number in change.items():
            if number > 0:
                self._connection.overlay.hold(oid, number)
            for _ in range(-number):
                self.release(oid)

    def holders(self, oid: int) -> int:
        """How many references and regular tags hold the object, pending changes included."""
        connection = self._connection
        return self.references(oid) + connection.tagging.regular_tags(oid) + connection.held_parts(oid)

    def references(self, oid: int) -> int:
        """How many references hold the object, pending changes included."""
        return self.stored_references(oid) + self.pending(oid) + 1

    def stored_references(self, oid: int) -> int:
        """The counter as committed."""
        stored = self._stored.get(oid)
        if stored is None:
            stored = 0 if self._connection.is_newborn(oid) else self._read_stored([oid])[oid]
        return stored

    @staticmethod
    def counted(value: bytes) -> int:
        """The counter that is stored as these bytes."""
        return merge.counter_value(value)

    def _read_stored(self, oids: list[int]) -> dict[int, int]:
        found = self._connection.view.get_many(_REFCOUNTS, [keys.encode_uint(oid) for oid in oids])
        return {oid: merge.counter_value(value) if value else 0 for oid, value in zip(oids, found, strict=True)}

    def pending(self, oid: int) -> int:
        """The change of the counter that waits for a commit."""
        total = 0
        for overlay in self._connection.overlays:
            total += overlay.holders.get(oid, 0)
        return total

    def orphans(self) -> list[int]:
        """Objects that lost their last holder: gone with the next commit, or when Python code lets go of them."""
        connection = self._connection
        oids = sorted(connection.roots(self._lost | self._orphans))
        stored = self._read_stored(oids) if oids else {}
        tagging = connection.tagging
        found = [oid for oid in oids if stored[oid] + self.pending(oid) < 0 and not tagging.regular_tags(oid)]
        if connection.catalog.has_immutable:
            free = [oid for oid in found if not connection.held_parts(oid)]
            found = [one for oid in free for one in range(oid, oid + connection.part_count(oid) + 1)]
        return found

    def collect(self, *, everything: bool = False) -> None:
        """Drop unheld objects, cascading. With `everything`, Python references do not keep them either."""
        connection = self._connection
        self._weak = self._connection.weak_targets()
        waiting = self._candidates(everything)
        orphans = self._orphans | self._lost
        try:
            while waiting:
                self._lost = set()
                oids = sorted(connection.roots(waiting))
                newborn = [oid for oid in oids if self._connection.is_newborn(oid)]
                self._stored.update(dict.fromkeys(newborn, 0))
                self._stored.update(self._read_stored([oid for oid in oids if oid not in self._stored]))
                self.drop_all([oid for oid in oids if self._is_garbage(oid, everything)])
                self._weak = self._connection.weak_targets()
                waiting = self._lost
                orphans |= waiting
        finally:
            self._stored, self._weak = {}, {}
            self._orphans = orphans & self.unheld

    def _candidates(self, everything: bool) -> set[int]:
        """Objects that may have to go; those that Python code plainly holds are set apart at C speed."""
        connection = self._connection
        losing = {oid for overlay in connection.overlays for oid, change in overlay.holders.items() if change < 0}
        losing |= self._lost
        if everything:
            return losing | self.unheld
        self.unheld |= {oid for oid in losing if connection.is_newborn(oid) and self._is_lonely(oid)}
        free = set(connection.unheld(self.unheld))
        return (losing - self.unheld) | free | (self.unheld & self._weak.keys())

    def _is_lonely(self, oid: int) -> bool:
        """Whether a new object plainly has no reference and no regular tag."""
        row = self._connection.read_pending(_TAGS, keys.encode_uint(oid))
        return self.pending(oid) == -1 and holds(row) is False

    def _is_garbage(self, oid: int, everything: bool) -> bool:
        if self.holders(oid) > 0:
            self.unheld.discard(oid)
            return False
        if not everything and self._connection.is_kept(oid, self._weak.get(oid, ())):
            self.unheld.add(oid)
            return False
        return True

    def drop(self, oid: int) -> None:
        """Delete an object whatever holds it: its record, tags and entries; release what it held."""
        self.drop_all([oid])

    def drop_all(self, oids: list[int]) -> None:
        """Delete objects: their records, tags and entries; release what they held."""
        connection = self._connection
        wanted = [keys.encode_uint(oid) for oid in oids]
        dropped: list[tuple[int, int]] = []
        for oid, key, data in zip(oids, wanted, connection.read_many(_RECORDS, wanted), strict=True):
            self.unheld.discard(oid)
            if data is None:
                continue
            shape_id = records.shape_id_of(data)
            if connection.catalog.has_immutable and connection.is_immutable(shape_id):
                dropped += self._drop_parts(oid, shape_id, data)
            self.release_references(data)
            if shape_id < FIRST_FREE_ID:
                connection.class_of(shape_id)._perdure_dropped_(connection, oid)  # type: ignore[attr-defined]
            dropped.append((oid, shape_id))
            connection.overlay.put(_RECORDS, key, None)
            self._forget(oid)
        if dropped:
            connection.mutations += 1
        connection.tagging.dropped(dropped)
        for observer in _observers:
            observer(connection, dropped)

    def _drop_parts(self, oid: int, shape_id: int, data: bytes) -> list[tuple[int, int]]:
        """Forget the parts of an object, and what is interned of it; the ids and shape ids of the parts."""
        shape = self._connection.catalog.shape
        parts = list(enumerate(parts_in(self._connection.catalog, data), oid + 1))
        interned = [one for one, its_shape in [(oid, shape_id), *parts] if shape(its_shape).entry.flags.get("intern")]
        if interned:
            self._connection.interning.dropping(interned)
        for part, _ in parts:
            self._forget(part)
        return parts

    def _forget(self, oid: int) -> None:
        connection = self._connection
        if not connection.is_newborn(oid):
            connection.overlay.expected[oid] = self.stored_references(oid)
        change = 1 - self.references(oid)
        if change:
            connection.overlay.hold(oid, change)
        connection.overlay.deleted.add(oid)
        obj = connection.objects.get(oid)
        if obj is not None:
            durable.kill(obj)
            connection.forget(oid)
            connection.overlay.dropped[oid] = obj

"""How long objects live: holder counts, and what is dropped when nothing holds an object any more.

Holders are strong references from records and collection entries, and regular tags. The stored counter is
`holders - 1` and absent when it is 0, so that the common object with one holder costs nothing. A commit drops what
has no holder and no Python reference, with everything that only it held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.kernel import codec, durable, keys
from perdure.session.builtin import FIRST_FREE_ID
from perdure.storage import merge, spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["Lifetime"]

_RECORDS = spaces.RECORDS.id
_REFCOUNTS = spaces.REFCOUNTS.id


class Lifetime:
    """Holder counts of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.unheld: set[int] = set()
        """Stored objects without holders that are kept because Python code holds them."""
        self._lost: set[int] = set()
        """Objects that lost a holder since the last collection."""

    def born(self, oid: int) -> None:
        """Count a new object from no holders."""
        self._connection.overlay.hold(oid, -1)

    def hold(self, oid: int) -> None:
        """One more holder."""
        self._connection.overlay.hold(oid, 1)

    def release(self, oid: int) -> None:
        """One holder less."""
        self._connection.overlay.hold(oid, -1)
        self._lost.add(oid)

    def release_references(self, data: bytes) -> None:
        """Release what a record holds."""
        for reference in codec.list_references(data):
            if not reference.weak:
                self.release(reference.oid)

    def stored_holders(self, oid: int) -> int:
        """The counter as committed (holders - 1)."""
        found = self._connection.view.get(_REFCOUNTS, keys.encode_uint(oid))
        return merge.counter_value(found) if found is not None else 0

    def holders(self, oid: int) -> int:
        """How many hold the object, pending changes included."""
        pending = sum(overlay.holders.get(oid, 0) for overlay in self._connection.overlays)
        return self.stored_holders(oid) + pending + 1

    def collect(self, *, everything: bool = False) -> None:
        """Drop unheld objects, cascading. With `everything`, Python references do not keep them either."""
        connection = self._connection
        born = [oid for overlay in connection.overlays for oid, change in overlay.holders.items() if change < 0]
        waiting = list(self.unheld.union(self._lost, born))
        self._lost = set()
        while waiting:
            oid = waiting.pop()
            if self.holders(oid) > 0:
                self.unheld.discard(oid)
            elif not everything and connection.is_held(oid):
                self.unheld.add(oid)
            else:
                self.drop(oid)
                waiting.extend(self._lost)
                self._lost = set()

    def drop(self, oid: int) -> None:
        """Delete an object: its record, tags and entries; release what it held."""
        connection = self._connection
        self.unheld.discard(oid)
        key = keys.encode_uint(oid)
        data = connection.read(_RECORDS, key)
        if data is None:
            return
        shape_id = codec.decode_header(data)[0]
        self.release_references(data)
        connection.tagging.dropped(oid, shape_id)
        if shape_id < FIRST_FREE_ID:
            connection.class_of(shape_id)._perdure_dropped_(connection, oid)  # type: ignore[attr-defined]
        connection.overlay.put(_RECORDS, key, None)
        change = -(self.holders(oid) - 1)
        if change:
            connection.overlay.hold(oid, change)
        obj = connection.objects.get(oid)
        if obj is not None:
            durable.kill(obj)
            connection.forget(oid)
            connection.overlay.dropped[oid] = obj

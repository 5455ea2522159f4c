"""What was worked out for queries on a connection and is kept.

Results are kept until the connection sees a change. Plans and counts are kept beyond it, as what comes next can start
from: whatever has changed since shows in the postings that a new plan is made of.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from perdure.session import Connection

__all__ = ["Kept", "kept_for"]

_MOST = 512


class Kept:
    """What is kept for one connection."""

    __slots__ = ("_earlier", "_forgotten", "_generation", "results")

    def __init__(self, connection: Connection) -> None:
        self._generation = connection.generation
        self._forgotten = connection.postings.forgotten
        self.results: dict[object, Any] = {}
        """What is right as long as the connection sees no change; to be read only."""
        self._earlier: dict[object, Any] = {}

    def is_current(self, connection: Connection) -> bool:
        """Whether the results are right."""
        return self._generation == connection.generation and self._forgotten == connection.postings.forgotten

    def renewed(self, connection: Connection) -> Kept:
        """What is kept after a change. Threads that still look at this one keep what they have."""
        found = Kept(connection)
        if self._forgotten == found._forgotten:
            found._earlier = self._earlier
        return found

    def keep(self, key: object, found: Any) -> None:
        """Remember a result until the connection sees a change."""
        if len(self.results) >= _MOST:
            self.results.clear()
        self.results[key] = found

    def earlier(self, key: object) -> Any:
        """What `start_from` was last given, whatever has changed since; else None."""
        return self._earlier.get(key)

    def start_from(self, key: object, found: Any) -> None:
        """Remember what the next plan or count can start from."""
        if len(self._earlier) >= _MOST:
            self._earlier.clear()
        self._earlier[key] = found


_all: WeakKeyDictionary[Connection, Kept] = WeakKeyDictionary()


def kept_for(connection: Connection) -> Kept:
    """What is kept for what a connection sees now."""
    found = _all.get(connection)
    if found is None or not found.is_current(connection):
        found = _all[connection] = Kept(connection) if found is None else found.renewed(connection)
    return found

"""What the last commits of this process changed, so that its caches learn it without a look at the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from .log import Changes, LogEntry

__all__ = ["Recent"]

STATES_MAX = 256
_CHANGES_MAX = 256  # keys or runs of one commit


class Recent:
    """The changes of up to `STATES_MAX` small commits, by state. Commits of other processes are not among them.

    One thread at a time adds; any thread may ask.
    """

    def __init__(self) -> None:
        self._changes: OrderedDict[int, Changes] = OrderedDict()

    def add(self, entries: Iterable[LogEntry]) -> None:
        """Note commits that are durable."""
        for entry in entries:
            if sum(map(len, entry.changes.values())) <= _CHANGES_MAX:
                self._changes[entry.state] = entry.changes
        while len(self._changes) > STATES_MAX:
            self._changes.popitem(last=False)

    def changes(self, after: int, upto: int) -> list[Changes] | None:
        """What each of the commits with `after < state <= upto` changed; None if one of them is not known."""
        if upto - after > STATES_MAX:
            return None
        try:
            return [self._changes[state] for state in range(after + 1, upto + 1)]
        except KeyError:
            return None

"""What the last commits of this process changed, so that its caches learn it without a look at the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from .log import Changes, decode

__all__ = ["Recent"]

STATES_MAX = 256
_ENTRY_BYTES_MAX = 2048


class Recent:
    """The changes of up to `STATES_MAX` small commits, by state. Commits of other processes are not among them.

    One thread at a time adds; any thread may ask.
    """

    def __init__(self) -> None:
        self._changes: OrderedDict[int, Changes | bytes] = OrderedDict()

    def add(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Note the log entries, by state, of commits that are durable."""
        for state, data in entries:
            if len(data) <= _ENTRY_BYTES_MAX:
                self._changes[state] = data
        while len(self._changes) > STATES_MAX:
            self._changes.popitem(last=False)

    def changes(self, after: int, upto: int) -> list[Changes] | None:
        """What each of the commits with `after < state <= upto` changed; None if one of them is not known."""
        if upto - after > STATES_MAX:
            return None
        try:
            return [self._of(state) for state in range(after + 1, upto + 1)]
        except KeyError:
            return None

    def _of(self, state: int) -> Changes:
        changes = self._changes[state]
        if isinstance(changes, bytes):
            changes = decode(state, changes).changes
            if state in self._changes:
                self._changes[state] = changes
        return changes

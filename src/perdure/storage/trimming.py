"""Which versions nothing can see any more: the rule of `pack`, and of storages that keep no history.

Of the versions of a key at or before the floor, the oldest state that can be viewed, only what that state
sees is needed: the newest full value, with the deltas after it. A tombstone is not needed unless deltas
stand on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress

from perdure.engine import EngineTransaction
from perdure.errors import CorruptRecordError
from perdure.kernel import keys, versions

from .meta import PACKED_KEY, get_number, put_number
from .spaces import LOG
from .view import AFTER_ALL

__all__ = ["Cutter", "Trimmer"]

_LOG_SLACK = 64  # log entries that a storage without history lets gather before it cuts them


class Cutter:
    """Fed with the physical pairs of a space in order, tells which can go."""

    def __init__(self, space: int, floor: int) -> None:
        self._space = space
        self._floor = floor
        self._key = b""
        self._settled = True
        self._delta_above = False

    def drops(self, physical: bytes, stored: bytes) -> bool:
        """Whether this version can go. CorruptRecordError: it is damaged."""
        key, state = versions.split(physical)
        kind, _ = versions.open_value(physical, stored, self._space)
        if key != self._key:
            self._key, self._settled, self._delta_above = key, False, False
        if self._settled:
            return True
        above, self._delta_above = self._delta_above, kind == versions.DELTA
        if state > self._floor or kind == versions.DELTA:
            return False
        self._settled = True
        return kind == versions.TOMBSTONE and not above


class Trimmer:
    """Removes, with each commit, what earlier commits of this process left behind."""

    def __init__(self, pinned: Callable[[], int | None]) -> None:
        self._pinned = pinned
        self._waiting: deque[tuple[int, int, list[bytes]]] = deque()
        self._served = 0

    def note(self, written: list[tuple[int, int, list[bytes]]]) -> None:
        """Commits were made: state, space and keys that may have older versions."""
        for _ in range(self._served):
            self._waiting.popleft()
        self._served = 0
        self._waiting.extend(written)

    def run(self, transaction: EngineTransaction, head: int) -> None:
        """Remove what was superseded at or before the oldest state in view; `head` is the state before this
        commit.

        A view taken while this commit is under way may still be of `head`, so that state is spared in any
        case.
        """
        pinned = self._pinned()
        floor = head if pinned is None else min(head, pinned)
        self._served = 0
        dropped = 0
        for state, space, written in self._waiting:
            if state > floor:
                break
            dropped += _trim(transaction, space, written, floor)
            self._served += 1
        packed = get_number(transaction, PACKED_KEY)
        cut = floor - packed >= _LOG_SLACK
        if cut:
            transaction.delete_range(LOG, b"", keys.encode_uint(floor))
        if (dropped or cut) and floor > packed:
            put_number(transaction, PACKED_KEY, floor)


def _trim(transaction: EngineTransaction, space: int, written: list[bytes], floor: int) -> int:
    doomed: list[bytes] = []
    for key in written:
        cutter = Cutter(space, floor)
        pairs = transaction.scan(space, key, key + AFTER_ALL)
        # A damaged version is for `verify` to report; it must not keep others from being committed.
        with suppress(CorruptRecordError):
            doomed += [physical for physical, stored in pairs if cutter.drops(physical, stored)]
    return transaction.delete_many(space, doomed)

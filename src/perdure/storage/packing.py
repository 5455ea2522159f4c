"""Packing: forgetting the history before a state, beside running writers."""

from __future__ import annotations

from collections.abc import Callable

from .group import Group
from .reader import Reader
from .spaces import SPACES
from .trimming import Cutter
from .works import CutLog, Delete, Raise

__all__ = ["pack"]

_PART = 4096


def pack(reader: Reader, group: Group, smallest_pin: Callable[[], int | None], before: int) -> int:
    """Forget what only states before `before` see; the oldest state that can be viewed from now on.

    Open views of all processes are spared. Writers are kept waiting for short times only.
    StateUnavailableError: `before` is a state that does not exist yet.
    """
    floor = _raise_floor(group, smallest_pin, before)
    for space in SPACES:
        if space.versioned:
            _pack_space(reader, group, space, floor)
    group.run(CutLog(floor))
    return floor


def _raise_floor(group: Group, smallest_pin: Callable[[], int | None], before: int) -> int:
    """Announce the new oldest state, then look for views that were opened at the same time."""
    floor = before
    while True:
        pinned = smallest_pin()
        floor = floor if pinned is None else min(floor, pinned)
        reached: int = group.run(Raise(floor))
        pinned = smallest_pin()
        if pinned is None or pinned >= reached or reached > floor:
            return reached
        # A view of an older state came between; nothing has been removed yet.
        floor = pinned
        group.run(Raise(floor, back=True))


def _pack_space(reader: Reader, group: Group, space: int, floor: int) -> None:
    cutter = Cutter(space, floor)
    doomed: list[bytes] = []
    position = b""
    while True:
        part = reader.part(space, position, _PART)
        doomed += [physical for physical, stored in part if cutter.drops(physical, stored)]
        if doomed and (len(part) < _PART or len(doomed) >= _PART):
            group.run(Delete(space, doomed))
            doomed = []
        if len(part) < _PART:
            return
        position = part[-1][0] + b"\0"

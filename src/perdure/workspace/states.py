"""Which state each prefix has in a snapshot: by number, by time, or the newest one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from perdure.errors import WorkspaceError
from perdure.session import Database
from perdure.workspace.prefix import Prefix
from perdure.workspace.settling import waiting

__all__ = ["Moment", "state_at", "states_of"]

Moment = int | datetime | None
"""A state by its number, the newest one at a time, or the newest one of all."""

_TRIES = 200
_NAP_SECONDS = 0.002


def states_of(
    spec: Moment | Mapping[str, Moment],
    prefixes: Sequence[Prefix],
    current: str | None,
    settle: Callable[[Sequence[Prefix]], None],
) -> tuple[dict[str, int], datetime | None]:
    """The state of each open prefix that a snapshot asks for, and the time that prefixes opened later are seen at.

    `settle` completes or undoes what crashes left of commits over several prefixes, where that can be done.
    Raises `ValueError` for states that cannot exist, `TypeError` for what is no state, `RuntimeError` for a number
    without a current prefix.
    """
    wanted: Mapping[str, Moment]
    if isinstance(spec, Mapping):
        wanted = spec
    elif spec is None or isinstance(spec, datetime):
        wanted = {prefix.name: spec for prefix in prefixes}
    elif current is None:
        raise WorkspaceError("no default prefix exists; open one first, or name the prefixes in a mapping")
    else:
        wanted = {current: spec}
    states = _newest(prefixes, settle)
    for prefix in prefixes:
        moment = wanted.get(prefix.name)
        if moment is not None:
            states[prefix.name] = _resolve(prefix, moment)
    if isinstance(spec, datetime):
        if not any(states.values()):
            raise ValueError(f"there is no state at {spec}: no open prefix existed then")
        return states, spec
    return states, None


def _resolve(prefix: Prefix, moment: int | datetime) -> int:
    if isinstance(moment, datetime):
        return state_at(prefix.database, moment)
    if not isinstance(moment, int) or isinstance(moment, bool):
        raise TypeError(f"the state of {prefix.name} is an int or a datetime, not {type(moment).__name__}")
    if moment < 1:
        raise ValueError(f"there is no state {moment}")
    return moment


def _newest(prefixes: Sequence[Prefix], settle: Callable[[Sequence[Prefix]], None]) -> dict[str, int]:
    """The newest states; where several prefixes are committed together, all from before that or all from after."""
    databases = [prefix.database for prefix in prefixes]
    tried: set[bytes] = set()
    for _ in range(_TRIES):
        before = [database.storage.last_state for database in databases]
        parts = [part for database in databases for part in waiting(database)] if len(databases) > 1 else []
        left = {part.transaction_id for part in parts if part.orphaned}
        if len(left) < len(parts):
            time.sleep(_NAP_SECONDS)
        elif left - tried:
            settle(prefixes)
            tried |= left
        elif before == [database.storage.last_state for database in databases]:
            break
    return {prefix.name: state for prefix, state in zip(prefixes, before, strict=True)}


def state_at(database: Database, moment: datetime) -> int:
    """The newest state of a database at a time; 0 when it did not exist yet. A time without a zone is local time.

    Raises `ValueError` when the state of that time was packed away.
    """
    wanted = int(moment.timestamp() * 1_000_000)
    storage = database.storage
    low, high = storage.packed, storage.last_state  # the state is in low..high, if the log reaches back that far
    if high > low and _time_of(database, low + 1) > wanted:
        high = low
    while low < high:
        middle = (low + high + 1) // 2
        if _time_of(database, middle) <= wanted:
            low = middle
        else:
            high = middle - 1
    if low == storage.packed and low > 0 and _is_later(database, low, wanted):
        raise ValueError(f"{database.name} has no state at {moment}: its history begins later")
    return low


def _time_of(database: Database, state: int) -> int:
    return next(iter(database.storage.log(state - 1, state))).time


def _is_later(database: Database, state: int, wanted: int) -> bool:
    """Whether the oldest state may have been made after a time; its entry of the log may be gone."""
    last = database.storage.last_commit
    return last.time > wanted if last.state == state else True

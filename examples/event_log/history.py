"""Time travel: the warehouse at any state or time, what changed in between, and going back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import perdure as db0

from .warehouse import Event, Kind, Stock, Warehouse


@dataclass
class Changes:
    """What two states have apart."""

    events: list[str] = field(default_factory=list)
    arrived: dict[str, int] = field(default_factory=dict)
    moved: dict[str, tuple[int, int]] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)


def levels_at(moment: int | datetime) -> dict[str, int]:
    """The stock at a state of the database, by its number or by time."""
    with db0.snapshot(moment) as past:
        return past.fetch(Warehouse).levels() if past.exists(Warehouse) else {}


def changes_between(before: int, after: int | None = None) -> Changes:
    """What happened from one state to another one, by default the newest."""
    with db0.SnapshotWindow(before, after, prefix=db0.get_current_prefix().name) as (pre, last):
        stock = db0.find(Stock)
        return Changes(
            events=[str(event) for event in db0.select_new(db0.find(Event), pre, last)],
            arrived={new.item: new.level for new in db0.select_new(stock, pre, last)},
            moved={new.item: (old.level, new.level) for old, new in db0.select_modified(stock, pre, last)},
            gone={old.item: old.level for old in db0.select_deleted(stock, pre, last)},
        )


def undo_to(state: int) -> list[Event]:
    """Make the stock what it was at an earlier state, by recording what the comparison of the two says.

    The log keeps what was undone: an undo is made of events, too, and can itself be undone.
    """
    changes = changes_between(state)
    wanted = dict.fromkeys(changes.arrived, 0) | {item: old for item, (old, _) in changes.moved.items()}
    wanted |= changes.gone  # last: an item that was gone and came anew is in both
    with db0.atomic():
        return [Warehouse().record(Kind.COUNTED, item, level) for item, level in sorted(wanted.items())]


def events_of(item: str, kind: db0.EnumValue | None = None) -> list[Event]:
    """The events of an item, found by their tags."""
    return list(db0.find(Event, f"item:{item}", *[kind] if kind else []))

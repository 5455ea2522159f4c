"""The classes of the warehouse, and the only way to change it: recording an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import perdure as db0

PREFIX = "warehouse"

Kind = db0.enum("Kind", ["RECEIVED", "SHIPPED", "COUNTED"])


@db0.memo
@dataclass
class Event:
    """Something that happened. Events are only ever added."""

    number: int
    at: datetime
    kind: db0.EnumValue
    item: str
    amount: int

    def level_after(self, level: int) -> int:
        """How much of the item there is after this event, if it was `level` before."""
        if self.kind == Kind.COUNTED:
            return self.amount
        level += self.amount if self.kind == Kind.RECEIVED else -self.amount
        if level < 0:
            raise ValueError(f"cannot ship {self.amount} {self.item}: only {level + self.amount} are there")
        return level

    def __str__(self) -> str:
        return f"{self.number}: {self.kind} {self.amount} {self.item}"


@db0.memo
@dataclass
class Stock:
    """What is there of an item: a projection of the events. It ends with the last piece."""

    item: str
    level: int


@db0.memo(singleton=True)
class Warehouse:
    """The log and its two projections: the stock, and what was shipped on each day."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.stock: dict[str, Stock] = {}
        self.shipped: dict[date, int] = {}

    def record(self, kind: db0.EnumValue, item: str, amount: int, at: datetime | None = None) -> Event:
        """Add an event and bring the projections up to date: both or, when the event is impossible, neither.

        Raises `ValueError` when more is shipped than is there. Durable with the next commit.
        """
        with db0.atomic():
            event = Event(len(self.events) + 1, at or datetime.now(UTC), kind, item, amount)
            self.events.append(event)
            db0.tags(event).add(kind, f"item:{item}")
            self._apply(event)
        return event

    def _apply(self, event: Event) -> None:
        known = self.stock.get(event.item)
        level = event.level_after(known.level if known else 0)
        if level == 0:
            self.stock.pop(event.item, None)
        elif known:
            known.level = level
        else:
            self.stock[event.item] = Stock(event.item, level)
        if event.kind == Kind.SHIPPED:
            day = event.at.date()
            self.shipped[day] = self.shipped.get(day, 0) + event.amount

    def levels(self) -> dict[str, int]:
        """Item → what is there of it."""
        return {item: stock.level for item, stock in self.stock.items()}

    def rebuild(self) -> None:
        """Forget the projections and replay all events, as one does after changing what is projected."""
        with db0.atomic():
            self.stock.clear()
            self.shipped.clear()
            for event in self.events:
                self._apply(event)


@dataclass
class Replayed:
    """The projections as plain values, worked out from events alone."""

    levels: dict[str, int] = field(default_factory=dict)
    shipped: dict[date, int] = field(default_factory=dict)


def replay(events: Iterable[Event]) -> Replayed:
    """What events amount to; the database is not changed."""
    result = Replayed()
    for event in events:
        level = event.level_after(result.levels.pop(event.item, 0))
        if level:
            result.levels[event.item] = level
        if event.kind == Kind.SHIPPED:
            day = event.at.date()
            result.shipped[day] = result.shipped.get(day, 0) + event.amount
    return result

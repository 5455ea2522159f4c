"""Recording events, and the projections that follow them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

import perdure as db0
from event_log.history import events_of
from event_log.warehouse import Event, Kind, Stock, Warehouse, replay

MONDAY = datetime(2030, 1, 7, 12, tzinfo=UTC)
TUESDAY = datetime(2030, 1, 8, 12, tzinfo=UTC)


def fill(warehouse: Warehouse) -> None:
    for kind, item, amount, at in [
        (Kind.RECEIVED, "bolts", 100, MONDAY),
        (Kind.RECEIVED, "nuts", 50, MONDAY),
        (Kind.SHIPPED, "bolts", 30, MONDAY),
        (Kind.SHIPPED, "nuts", 50, TUESDAY),
        (Kind.COUNTED, "bolts", 69, TUESDAY),
    ]:
        warehouse.record(kind, item, amount, at)
        db0.commit()


def test_projections_follow_the_events(warehouse: Warehouse) -> None:
    fill(warehouse)
    assert warehouse.levels() == {"bolts": 69}
    assert warehouse.shipped == {date(2030, 1, 7): 30, date(2030, 1, 8): 50}


def test_replaying_all_events_gives_the_projections(warehouse: Warehouse) -> None:
    fill(warehouse)
    replayed = replay(warehouse.events)
    assert (replayed.levels, replayed.shipped) == (warehouse.levels(), warehouse.shipped)


def test_projections_are_rebuilt_from_the_events(warehouse: Warehouse) -> None:
    fill(warehouse)
    warehouse.stock["bolts"].level = 1
    warehouse.stock["ghosts"] = Stock("ghosts", 7)
    warehouse.shipped.clear()
    warehouse.rebuild()
    assert warehouse.levels() == {"bolts": 69}
    assert warehouse.shipped == {date(2030, 1, 7): 30, date(2030, 1, 8): 50}


def test_an_impossible_event_leaves_no_trace(warehouse: Warehouse) -> None:
    fill(warehouse)
    with pytest.raises(ValueError, match="cannot ship 70 bolts: only 69 are there"):
        warehouse.record(Kind.SHIPPED, "bolts", 70)
    assert len(warehouse.events) == len(db0.find(Event)) == 5
    assert warehouse.levels() == {"bolts": 69}


def test_events_are_found_by_item_and_kind(warehouse: Warehouse) -> None:
    fill(warehouse)
    assert [event.number for event in events_of("bolts")] == [1, 3, 5]
    assert [event.number for event in events_of("bolts", Kind.SHIPPED)] == [3]
    assert events_of("screws") == []


def test_everything_is_there_after_reopening(warehouse: Warehouse, tmp_path: object) -> None:
    fill(warehouse)
    db0.close()
    db0.init(str(tmp_path), prefix="warehouse", autocommit=False)
    again = Warehouse()
    assert [str(event) for event in again.events][-1] == "5: COUNTED 69 bolts"
    assert again.levels() == replay(again.events).levels == {"bolts": 69}

"""Time travel over the states of a warehouse."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

import pytest

import perdure as db0
from event_log.history import changes_between, levels_at, undo_to
from event_log.warehouse import Kind, Warehouse, replay


def record(warehouse: Warehouse, kind: str, item: str, amount: int) -> int:
    """Record and commit; the number of the new state."""
    warehouse.record(Kind[kind], item, amount)
    db0.commit()
    return db0.get_state_num(finalized=True)


def test_every_state_can_be_looked_at(warehouse: Warehouse) -> None:
    first = record(warehouse, "RECEIVED", "bolts", 5)
    second = record(warehouse, "RECEIVED", "nuts", 3)
    third = record(warehouse, "SHIPPED", "bolts", 5)
    assert levels_at(first) == {"bolts": 5}
    assert levels_at(second) == {"bolts": 5, "nuts": 3}
    assert levels_at(third) == {"nuts": 3}


def test_every_time_can_be_looked_at(warehouse: Warehouse) -> None:
    times = []
    for amount in (1, 2, 4):
        record(warehouse, "COUNTED", "bolts", amount)
        times.append(datetime.now(UTC))
        time.sleep(0.002)  # so that the next commit has another time
    assert [levels_at(one) for one in times] == [{"bolts": 1}, {"bolts": 2}, {"bolts": 4}]


def test_states_that_never_were_are_refused(warehouse: Warehouse) -> None:
    record(warehouse, "RECEIVED", "bolts", 5)
    with pytest.raises(ValueError, match="99"):
        levels_at(99)
    with pytest.raises(ValueError, match="2001"):
        levels_at(datetime(2001, 1, 1, tzinfo=UTC))


def test_the_changes_between_two_states_are_told_apart(warehouse: Warehouse) -> None:
    record(warehouse, "RECEIVED", "bolts", 5)
    before = record(warehouse, "RECEIVED", "nuts", 3)
    record(warehouse, "SHIPPED", "nuts", 3)
    record(warehouse, "COUNTED", "bolts", 4)
    after = record(warehouse, "RECEIVED", "pins", 9)
    record(warehouse, "SHIPPED", "bolts", 4)
    found = changes_between(before, after)
    assert found.events == ["3: SHIPPED 3 nuts", "4: COUNTED 4 bolts", "5: RECEIVED 9 pins"]
    assert (found.arrived, found.moved, found.gone) == ({"pins": 9}, {"bolts": (5, 4)}, {"nuts": 3})
    assert changes_between(before).gone == {"nuts": 3, "bolts": 5}


def test_undo_brings_the_stock_back_and_keeps_the_log(warehouse: Warehouse) -> None:
    record(warehouse, "RECEIVED", "bolts", 5)
    before = record(warehouse, "RECEIVED", "nuts", 3)
    record(warehouse, "SHIPPED", "nuts", 3)
    record(warehouse, "COUNTED", "bolts", 4)
    undone = record(warehouse, "RECEIVED", "pins", 9)
    undo_to(before)
    db0.commit()
    assert warehouse.levels() == levels_at(before) == {"bolts": 5, "nuts": 3}
    assert len(warehouse.events) == 8
    undo_to(undone)
    db0.commit()
    assert warehouse.levels() == levels_at(undone) == {"bolts": 4, "pins": 9}


def test_random_events_every_state_is_what_its_events_say_and_can_be_gone_back_to(warehouse: Warehouse) -> None:
    chance = random.Random(1)
    seen: dict[int, dict[str, int]] = {}
    for _ in range(60):
        item = chance.choice(["bolts", "nuts", "pins"])
        kind = chance.choice(["RECEIVED", "SHIPPED", "COUNTED"])
        amount = chance.randrange(1 if kind == "RECEIVED" else 0, 9)
        if kind == "SHIPPED":
            amount = min(amount, warehouse.levels().get(item, 0))
        state = record(warehouse, kind, item, amount)
        seen[state] = warehouse.levels()
    for number, (state, levels) in enumerate(seen.items(), 1):
        with db0.snapshot(state) as past:
            assert levels_at(state) == levels == replay(past.fetch(Warehouse).events).levels
            assert len(past.fetch(Warehouse).events) == number
    for state in chance.sample(sorted(seen), 10):
        undo_to(state)
        db0.commit()
        assert warehouse.levels() == seen[state]

"""The cache of a connection: what it keeps in memory, and what it gives up."""

from __future__ import annotations

import pytest

from perdure.kernel import durable
from perdure.session import Connection, Database, get_root, set_root

from .things import Thing

BUDGET = 50_000


def fill(database: Database, count: int) -> None:
    """Store one thing that refers to `count` others."""
    writer = database.connect()
    durable.set_ambient(writer)
    set_root(writer, "thing", Thing(items=tuple(Thing(number=index, text="x" * 100) for index in range(count))))
    writer.commit()
    durable.set_ambient(None)


def test_the_cache_budget_bounds_loaded_objects_and_loses_no_change(database: Database) -> None:
    fill(database, 2000)
    small = database.connect(budget=BUDGET)
    items = get_root(small, "thing").items
    for index, item in enumerate(items):
        assert item.number == index
        if index % 10 == 0:
            item.number = -index
    assert small.cached_bytes < 500_000
    small.commit()
    assert [item.number for item in get_root(database.connect(), "thing").items][10] == -10


def test_a_transaction_larger_than_the_cache_is_not_swept_again_for_each_object(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, 3000)
    small = database.connect(budget=BUDGET)
    items = get_root(small, "thing").items
    sweeps: list[int] = []
    sweep = Connection.sweep
    monkeypatch.setattr(Connection, "sweep", lambda self, target: sweeps.append(target) or sweep(self, target))
    for item in items:
        item.number = -1
    assert small.cached_bytes > 10 * BUDGET
    assert 0 < len(sweeps) < 300
    small.commit()
    durable.make_ghost(items[0])
    assert items[0].number == -1  # loading sweeps again: the commit's sweep spared what had just been used
    assert small.cached_bytes <= BUDGET


@pytest.mark.parametrize("budget", [1, 300, 3000])
def test_what_was_just_loaded_is_not_swept_away_by_its_own_loading(database: Database, budget: int) -> None:
    fill(database, 100)
    small = database.connect(budget=budget)
    for item in get_root(small, "thing").items:
        durable.load(item)
        assert durable.state_of(item) == durable.CLEAN

"""Several processes write two prefixes at once, in all ways; everything is as each of them knows it, and sound."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace

from .conftest import Process
from .writers import WRITERS, Entry, Label, Ledger, Shop, check_shop, open_shop

SCRIPT = """
import json
from tests.workspace.writers import Writer, open_shop

mine, seed, seconds = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
open_shop(sys.argv[1])
writer = Writer(mine, seed)
say('ready')
hear()
writer.run(seconds)
say(json.dumps([sorted(writer.serials), writer.transfers, sum(writer.done.values())]))
hear()
db0.close()
"""


READER = """
from tests.workspace.writers import read_along
say('ready')
hear()
say(read_along(sys.argv[1], float(sys.argv[2])))
"""


def begin(root: Path, start: Callable[..., Process], seconds: float, seed: int) -> list[Process]:
    """The writers, at work."""
    open_shop(root)
    Shop()
    Ledger()
    db0.commit()
    processes = [start(SCRIPT, root, writer, seed, seconds) for writer in range(WRITERS)]
    assert [process.hear() for process in processes] == ["ready"] * WRITERS
    for process in processes:
        process.tell("go")
    return processes


def work_at_once(root: Path, start: Callable[..., Process], seconds: float, seed: int) -> None:
    reader = start(READER, root, seconds)
    assert reader.hear() == "ready"
    processes = begin(root, start, seconds, seed)
    reader.tell("go")
    told: list[Any] = [json.loads(process.hear()) for process in processes]
    assert all(done > 10 for _, _, done in told) and int(reader.hear()) > 1
    db0.refresh()
    check(told)
    db0.close()
    for process in processes:
        process.tell("end")
        assert process.end() == 0
    open_shop(root)
    check(told)


def check(told: list[Any]) -> None:
    """What all writers left."""
    shop: Any = Shop()
    check_shop(shop, db0.find)
    serials = sorted(serial for own, _, _ in told for serial in own)
    for writer, (own, _, _) in enumerate(told):
        assert sorted(shop.tables[writer]) == own
        assert len(db0.find(f"owner {writer}")) == len(own)
    assert shop.transfers == sum(transfers for _, transfers, _ in told)
    assert [key for key, _ in shop.index] == serials
    in_order = list(db0.index_of(Entry, "due").sort(db0.find(Entry)))
    assert [entry.due for entry in in_order] == sorted(entry.due for entry in in_order)
    assert len(in_order) == len(serials)
    names = [label.name for label in db0.find(Label)]
    assert len(names) == len(set(names)), "one object for each value"
    check_sound(shop)


def check_sound(shop: Any) -> None:
    """What holds whoever wrote what."""
    assert dict(shop.pairs) == dict(Ledger().pairs)
    for prefix in workspace().list_open():
        assert list(prefix.database.verify()) == []
        assert not prefix.database.storage.prepared()


@pytest.mark.parametrize("seed", [1, 2])
def test_writers_at_once_leave_everything_as_each_of_them_knows_it(
    tmp_path: Path, start: Callable[..., Process], seed: int
) -> None:
    work_at_once(tmp_path, start, 2, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [3, 4])
def test_writers_at_once_for_long(tmp_path: Path, start: Callable[..., Process], seed: int) -> None:
    work_at_once(tmp_path, start, 60, seed)


def die_at_once(root: Path, start: Callable[..., Process], seconds: float, deaths: int, seed: int) -> None:
    """Let writers be killed at random moments, and others come in their places, while the rest goes on."""
    choices = random.Random(seed)
    processes = begin(root, start, seconds, seed)
    for death in range(deaths):
        time.sleep(choices.uniform(0.1, seconds / (deaths + 2)))
        processes[1].kill()
        processes[1] = start(SCRIPT, root, 1, seed + 100 * (death + 1), seconds)
        assert processes[1].hear() == "ready"
        processes[1].tell("go")
    for process in processes:
        assert json.loads(process.hear())[2] > 10
    db0.refresh()
    check_shop(Shop(), db0.find)
    check_sound(Shop())


def test_writers_that_are_killed_leave_whole_transactions_and_hold_nobody_up(
    tmp_path: Path, start: Callable[..., Process]
) -> None:
    die_at_once(tmp_path, start, 2, 3, 5)


@pytest.mark.soak
def test_writers_that_are_killed_for_long(tmp_path: Path, start: Callable[..., Process]) -> None:
    die_at_once(tmp_path, start, 60, 60, 6)

"""The command line, and what killed processes leave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import perdure as db0
from event_log.__main__ import main
from event_log.warehouse import PREFIX, Kind, Warehouse, replay

EXAMPLES = Path(__file__).parents[2]


def run(directory: Path, *arguments: str) -> str:
    """What a command prints."""
    return CliRunner().invoke(main, ["--data", str(directory), *arguments]).output


def test_a_day_in_the_warehouse(tmp_path: Path) -> None:
    assert "not found" in run(tmp_path, "stock")
    assert run(tmp_path, "record", "received", "bolts", "100") == "1: RECEIVED 100 bolts (state 2)\n"
    run(tmp_path, "record", "shipped", "bolts", "30")
    assert "only 70 are there" in run(tmp_path, "record", "shipped", "bolts", "71")
    assert run(tmp_path, "stock") == "    70 bolts\n"
    assert run(tmp_path, "stock", "--state", "2") == "   100 bolts\n"
    assert "no state at" in run(tmp_path, "stock", "--when", "2001-01-01 00:00:00")
    assert run(tmp_path, "changes", "2") == "2: SHIPPED 30 bolts\nmoved: bolts from 100 to 70\n"
    assert run(tmp_path, "undo", "2") == "3: COUNTED 100 bolts\n"
    assert run(tmp_path, "events", "bolts").count("\n") == 3
    assert run(tmp_path, "check").startswith("3 events replayed")


def test_the_command_is_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "event_log", "--data", str(tmp_path)]
    done = subprocess.run([*command, "record", "counted", "bolts", "7"], cwd=EXAMPLES, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1: COUNTED 7 bolts (state 2)\n", "")
    assert run(tmp_path, "stock") == "     7 bolts\n"


WRITER = """
import sys
import perdure as db0
from event_log.warehouse import PREFIX, Kind, Warehouse

db0.init(sys.argv[1], prefix=PREFIX, autocommit=False)
warehouse = Warehouse()
while True:
    for kind, amount in ((Kind.RECEIVED, 3), (Kind.SHIPPED, 1)):
        event = warehouse.record(kind, "bolts", amount)
        db0.commit()
        print(event.number, flush=True)
    warehouse.record(Kind.SHIPPED, "bolts", 2)  # not committed here: goes with the next commit, or not at all
"""


@pytest.mark.parametrize("heard", [1, 8, 31])
def test_after_a_kill_everything_committed_is_there_and_whole(tmp_path: Path, heard: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=EXAMPLES, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        numbers = [int(writer.stdout.readline()) for _ in range(heard)]
        writer.kill()
        numbers += [int(line) for line in writer.stdout if line.endswith("\n")]
    db0.init(tmp_path, prefix=PREFIX, autocommit=False)
    try:
        warehouse = Warehouse()
        assert len(warehouse.events) >= numbers[-1]
        assert [event.number for event in warehouse.events] == [*range(1, len(warehouse.events) + 1)]
        assert replay(warehouse.events).levels == warehouse.levels()
        warehouse.record(Kind.COUNTED, "bolts", 1)
        db0.commit()
        assert warehouse.levels() == {"bolts": 1}
    finally:
        db0.close()

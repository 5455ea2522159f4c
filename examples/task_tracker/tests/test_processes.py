"""A server in a process of its own that is killed between two requests."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

import perdure as db0
from serving import serving
from task_tracker.model import PREFIX, Tracker
from task_tracker.reports import Filter

pytest.importorskip("flask", reason="the web front needs Flask: pip install '.[examples]'")


def post(address: str, **fields: str) -> str:
    """Send a form; the address that it leads to."""
    with urlopen(address, urlencode(fields).encode()) as answer:
        return str(answer.geturl())


def test_after_a_kill_everything_answered_is_there(tmp_path: Path) -> None:
    for turn in range(3):
        with serving("task_tracker", tmp_path) as server:
            project = post(f"{server.address}projects", name="House")
            for number in range(4):
                post(f"{project}/tasks", title=f"{turn}.{number}", owner="Ann", labels=f"turn{turn}")
    db0.init(tmp_path, prefix=PREFIX, autocommit=False)
    try:
        house = Tracker().projects["House"]
        assert [task.title for task in house.tasks] == [f"{turn}.{number}" for turn in range(3) for number in range(4)]
        assert [task.title for task in Filter(labels=("turn1",)).query()] == ["1.0", "1.1", "1.2", "1.3"]
    finally:
        db0.close()


def test_the_server_begins_with_an_example_once(tmp_path: Path) -> None:
    for _ in range(2):
        with serving("task_tracker", tmp_path, "--example") as server, urlopen(server.address) as answer:
            page = answer.read().decode()
        assert re.findall(r'">(\w+)</a></td>', page) == ["House", "Garden"]
        assert "mend the roof" in page.partition("overdue")[2]

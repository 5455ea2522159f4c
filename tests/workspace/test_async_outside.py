"""What tasks do outside of any block, beside a thread that is in one block after the other."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import perdure as db0

from .things import Node, Root

PLAIN: dict[str, Callable[[Any], object]] = {
    "len": lambda kept: len(db0.find(Root, "kept")),
    "bool": lambda kept: bool(db0.find("kept")),
    "in": lambda kept: kept in db0.find(Root),
    "list": lambda kept: list(db0.find("kept", db0.no("none"))),
    "reversed": lambda kept: list(reversed(db0.find("kept"))),
    "filter": lambda kept: list(db0.filter(lambda one: True, db0.find("kept"))),
    "assign": lambda kept: setattr(kept, "value", 1),
    "tag": lambda kept: db0.tags(kept).add("more"),
    "create": lambda kept: Root(2),
    "list item": lambda kept: kept.items.append(3),
}
"""What a task may do outside of any block, with an object that has the tag "kept"."""
BLOCK_SECONDS = 0.02


@pytest.mark.usefixtures("main")
@pytest.mark.parametrize("name", PLAIN)
def test_outside_of_blocks_a_task_waits_for_no_more_than_the_block_that_a_thread_is_in(run: Any, name: str) -> None:
    kept = Node(0, items=[])
    Root(kept)
    db0.tags(kept).add("kept")
    db0.commit()
    inside, ended, done = threading.Event(), threading.Event(), [0]

    def hold() -> None:
        while not ended.is_set():
            with db0.atomic():
                kept.other = done[0]
                inside.set()
                time.sleep(BLOCK_SECONDS)
                done[0] += 1

    async def main() -> list[int]:
        passed = []
        for _ in range(12):
            inside.clear()
            while not inside.is_set():
                await asyncio.sleep(0)
            before = done[0]
            PLAIN[name](kept)
            passed.append(done[0] - before)
        return passed

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        passed = run(main())
    finally:
        ended.set()
        thread.join()
    most = 2 if name == "filter" else 1  # functions of the user are called with no lock held
    assert sorted(passed)[-3] <= most, passed  # with some room for what else the machine does

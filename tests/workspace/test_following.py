"""A reader that follows a writer of another process, which commits each millisecond: never a mixed or stale state."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import Process, eventually
from .things import Node, Root

WRITER = """
    import random, threading
    choices = random.Random(int(sys.argv[2]))
    db0.init(sys.argv[1], prefix='main', autocommit_interval=1)
    with db0.atomic():
        kept = Root(0)
        kept.nodes, kept.table, kept.small, kept.index = [], {}, [0] * 3, db0.index()
    db0.commit()
    say('ready')
    stop = threading.Event()
    threading.Thread(target=lambda: (hear(), stop.set()), daemon=True).start()
    serial = 0
    while not stop.is_set():
        with db0.atomic():
            serial += 1
            step = choices.random()
            if step < 0.45 or len(kept.nodes) < 5:
                node = Node(serial, number=serial, twin=serial, parts=[serial, serial])
                kept.nodes.append(node)
                kept.table[serial] = node
                kept.index.add(serial, node)
                db0.tags(node).add('kept', 'even' if serial % 2 == 0 else 'odd')
            elif step < 0.75 and len(kept.nodes) < 300:
                node = choices.choice(list(kept.nodes))
                db0.tags(node).remove('even' if node.number % 2 == 0 else 'odd')
                node.number = node.twin = serial
                node.parts[:] = [serial, serial]
                db0.tags(node).add('even' if serial % 2 == 0 else 'odd')
            else:
                node = kept.nodes.pop(choices.randrange(len(kept.nodes)))
                del kept.table[node.name]
                kept.index.remove(node.name, node)
                db0.tags(node).remove('kept', 'even', 'odd')
                del node
            kept.small[:] = [serial] * 3
            kept.value = serial
    db0.close()
    say(serial)
"""


def check_block() -> int:
    """What a reader sees inside of a block is one state, whole."""
    with db0.locked():
        kept: Any = Root()
        value = kept.value
        nodes = list(kept.nodes)
        assert list(kept.small) == [value] * 3
        names = [node.name for node in nodes]
        assert set(kept.table) == set(names) and len(kept.table) == len(names)
        assert all(kept.table[node.name] is node for node in nodes)
        assert [key for key, _ in kept.index] == sorted(names)
        assert {node.name for node in db0.find("kept")} == set(names) == {node.name for node in db0.find(Node)}
        assert {node.name for node in db0.find("even")} == {node.name for node in nodes if node.number % 2 == 0}
        assert all(node.number == node.twin and list(node.parts) == [node.number] * 2 for node in nodes)
        assert all(node.number <= value for node in nodes)
        return int(value)


def check_snapshot() -> int:
    """So is what a snapshot shows."""
    with db0.snapshot() as now:
        kept: Any = now.fetch(Root)
        names = [node.name for node in kept.nodes]
        assert {node.name for node in now.find("kept")} == set(names) == set(kept.table)
        assert all(node.number == node.twin for node in kept.nodes) and list(kept.small) == [kept.value] * 3
        return int(kept.value)


def check_free(known: list[Any]) -> int:
    """Single reads outside of blocks are of a whole state each; handles of what was deleted say so."""
    kept: Any = Root()
    first = kept.value
    for node in known:
        try:
            assert node.number >= node.name
            assert db0.fetch(db0.uuid(node)) is node
        except db0.ReferenceError:
            continue
    known[:] = list(db0.find("kept"))[-20:]
    assert len(set(kept.small)) == 1 and len(kept.small) == 3
    for node in db0.find("odd"):
        try:
            assert isinstance(node.number, int) and len(node.parts) in (0, 1, 2)
        except db0.ReferenceError:
            continue
    assert kept.value >= first
    return int(kept.value)


def later(before: int, value: int) -> int:
    assert value >= before, "an older state than before"
    return value


def follow(root: Path, start: Callable[..., Process], seconds: float, seed: int) -> None:
    writer = start(WRITER, root, seed)
    assert writer.hear() == "ready"
    db0.open("main", "r")
    known: list[Any] = []
    seen = [0, 0, 0]
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end:
        seen[0] = later(seen[0], check_block())
        seen[1] = later(max(seen), check_snapshot())
        seen[2] = later(seen[0], check_free(known))
        rounds += 1
    assert rounds > 3 and min(seen) > 10
    last = int(writer.ask("stop"))
    eventually(lambda: Root().value == last)
    assert check_block() == last
    assert writer.end() == 0


def test_a_reader_follows_a_writer_that_commits_each_millisecond(root: Path, start: Callable[..., Process]) -> None:
    follow(root, start, 3, 1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [2, 3])
def test_a_reader_follows_a_writer_for_long(root: Path, start: Callable[..., Process], seed: int) -> None:
    follow(root, start, 60, seed)


def test_a_reader_stays_at_one_state_inside_of_a_block_and_goes_on_after_it(
    root: Path, start: Callable[..., Process]
) -> None:
    writer = start(
        """
        db0.init(sys.argv[1], prefix='main', autocommit=False)
        kept = Root(0); db0.commit(); say('ready')
        for number in range(1, 4):
            hear(); kept.value = number; db0.commit(); say(number)
        hear()
        """,
        root,
    )
    writer.hear()
    db0.open("main", "r")
    kept: Any = Root()
    for number, block in enumerate((db0.atomic(), db0.locked())):
        with block:
            assert kept.value == number
            assert writer.ask("next") == str(number + 1)
            time.sleep(0.3)
            assert kept.value == number and db0.get_state_num() == 2 + number
        eventually(lambda expected=number + 1: kept.value == expected)
    with db0.atomic():
        assert writer.ask("next") == "3"
        assert db0.refresh() and kept.value == 3, "asked for, it moves"

"""`retry`: changes that are done again when another writer was first; writers that work at once lose nothing."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.errors import ConflictError
from perdure.workspace.functions import workspace

from .conftest import Process
from .things import Root


def test_retry_runs_again_on_what_another_writer_stored(shared: Any, other: Any) -> None:
    seen: list[int] = []

    @db0.retry
    def add(amount: int) -> int:
        """Add to the value."""
        seen.append(shared.value)
        if len(seen) == 1:
            assert other("kept.value = 10; db0.commit()") == "done"
        shared.value += amount
        return int(shared.value)

    assert add(5) == 15 and seen == [0, 10]
    assert add.__name__ == "add" and add.__doc__ == "Add to the value."
    assert other("db0.refresh(); assert kept.value == 15") == "done"


def test_retry_gives_up_after_its_attempts_with_the_conflict(shared: Any, other: Any) -> None:
    runs: list[int] = []

    @db0.retry(attempts=3)
    def add() -> None:
        runs.append(1)
        assert other("kept.value += 10; db0.commit()") == "done"
        shared.value += 1

    with pytest.raises(ConflictError, match="Root"):
        add()
    assert len(runs) == 3 and shared.value == 30
    with pytest.raises(ValueError, match="attempt"):
        db0.retry(attempts=0)(add)


def test_an_exception_in_retry_undoes_its_changes_and_is_not_tried_again(shared: Any) -> None:
    runs: list[int] = []

    @db0.retry
    def fail() -> None:
        runs.append(1)
        shared.value = 5
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert runs == [1] and shared.value == 0
    state = db0.get_state_num()
    db0.commit()
    assert db0.get_state_num() == state


def test_what_was_pending_before_retry_is_committed_first(shared: Any) -> None:
    shared.value = "before"
    state = db0.get_state_num()
    with pytest.raises(KeyError):
        db0.retry(lambda: {}["x"])()
    assert db0.get_state_num(finalized=True) == state and shared.value == "before"


def test_retry_inside_of_a_block_or_of_retry_is_a_part_of_it(shared: Any) -> None:
    @db0.retry
    def inner() -> None:
        shared.value += 1

    @db0.retry
    def outer() -> None:
        inner()
        inner()

    state = db0.get_state_num(finalized=True)
    outer()
    assert shared.value == 2 and db0.get_state_num(finalized=True) == state + 1
    with db0.atomic() as block:
        inner()
        block.cancel()
    assert shared.value == 2


def test_retry_works_over_prefixes_and_on_prefixes_that_are_not_shared(root: Path) -> None:
    db0.open("alone")
    alone = Root(0)
    db0.open("main", shared=True)
    kept = Root(0)

    @db0.retry
    def move() -> None:
        alone.value -= 1
        kept.value += 1

    for _ in range(3):
        move()
    assert (alone.value, kept.value) == (-3, 3)


ADDER = """
    db0.init(sys.argv[1], shared=True)
    db0.open('other', shared=True)
    far = Root()
    db0.open('main')
    kept = Root()
    mine = sys.argv[2]

    @db0.retry(attempts=1000)
    def add():
        kept.value += 1
        kept.items.append(mine)
        node = Node(mine, number=kept.value)
        kept.big[(mine, kept.value)] = node
        db0.tags(node).add('added', mine)
        far.value -= 1

    say('ready')
    hear()
    for _ in range(40):
        add()
    say(kept.value)
"""


def test_processes_that_add_at_once_lose_no_addition(root: Path, shared: Any, start: Callable[..., Process]) -> None:
    db0.open("other", shared=True)
    Root(0)
    db0.commit()
    processes = [start(ADDER, root, f"p{number}") for number in range(3)]
    for process in processes:
        assert process.hear() == "ready"
    for process in processes:
        process.tell("go")
    for process in processes:
        process.hear()
        assert process.end() == 0
    db0.refresh()
    assert (shared.value, db0.fetch(Root, prefix="other").value) == (120, -120)
    assert sorted(shared.items) == ["p0"] * 40 + ["p1"] * 40 + ["p2"] * 40
    found = list(db0.find("added", prefix="main"))
    assert sorted(node.number for node in found) == list(range(1, 121))
    assert all(shared.big[node.name, node.number] is node for node in found) and len(shared.big) == 2120
    assert [len(db0.find(f"p{number}", prefix="main")) for number in range(3)] == [40] * 3
    for prefix in workspace().list_open():
        assert not prefix.database.storage.prepared() and not list(prefix.database.verify())


def test_a_writer_killed_in_the_middle_does_not_stop_the_others(
    root: Path, shared: Any, start: Callable[..., Process]
) -> None:
    db0.open("other", shared=True)
    far: Any = Root(0)
    db0.commit()
    victim = start(
        """
        import os
        from perdure.storage import VersionedStorage
        db0.init(sys.argv[1], shared=True)
        for name in ('other', 'main'):
            db0.open(name)
            Root().value = 'theirs'
        real = VersionedStorage.commit
        def commit(self, *arguments):
            real(self, *arguments)
            os._exit(9)
        VersionedStorage.commit = commit
        db0.commit()
        """,
        root,
    )
    assert victim.end() == 9

    @db0.retry
    def change() -> tuple[Any, Any]:
        before = far.value, shared.value
        far.value, shared.value = "mine", "mine"
        return before

    assert change() == ("theirs", "theirs")


def test_threads_of_one_process_each_get_their_additions(shared: Any, other: Any) -> None:
    errors: list[BaseException] = []

    @db0.retry(attempts=1000)
    def add() -> None:
        shared.value += 1
        shared.items.append(1)

    def work() -> None:
        try:
            for _ in range(25):
                add()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    add_there = "\n".join(["for _ in range(25):", "    db0.refresh()", "    kept.big[_] = 'there'", "    db0.commit()"])
    assert other(f"exec({add_there!r})") == "done"
    for thread in threads:
        thread.join()
    assert errors == []
    db0.refresh()
    assert shared.value == 100 and len(shared.items) == 100 and shared.big[24] == "there"

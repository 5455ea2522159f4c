"""Claims of the spec, section 8.3: `locked`, its log, and `await_commit`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import eventually, reopen
from .things import Node, Root


@pytest.fixture
def node(main: Path) -> Any:
    """An object with everything in it, committed."""
    made = Node("a", items=[1], table={"k": 1}, marks={1}, raw=bytearray(b"a"), index=db0.index())
    made.index.add(1, made)
    Root(made)
    db0.tags(made).add("old")
    db0.commit()
    return made


def state(prefix: str = "main") -> int:
    return db0.get_state_num(prefix)


CHANGES: list[Callable[[Any], object]] = [
    lambda node: setattr(node, "name", "b"),
    lambda node: delattr(node, "name"),
    lambda node: db0.tags(node).add("x"),
    lambda node: db0.tags(node).remove("old"),
    lambda node: node.index.add(2, node),
    lambda node: node.index.remove(1, node),
    lambda node: node.items.append(2),
    lambda node: node.items.clear(),
    lambda node: node.table.update(a=1),
    lambda node: node.table.clear(),
    lambda node: node.marks.add(2),
    lambda node: node.marks.clear(),
    lambda node: node.raw.append(1),
    lambda node: Root().__setattr__("kept", Node("new")),
    lambda node: db0.tags(Node("new")).add("new"),
    lambda node: db0.touch(node),
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_is_in_the_log_with_the_state_it_will_have(
    node: Any, change: Callable[[Any], object]
) -> None:
    with db0.locked() as block:
        change(node)
        assert block.get_mutation_log() == []
    assert block.get_mutation_log() == [("main", state())]
    db0.commit()
    assert block.get_mutation_log() == [("main", state() - 1)]


def test_deleting_is_in_the_log(node: Any) -> None:
    gone = Node("gone")
    db0.tags(gone).add("gone")
    db0.commit()
    db0.tags(gone).remove("gone")
    db0.commit()
    with db0.locked() as block:
        db0.delete(gone)
    assert block.get_mutation_log() == [("main", state())]


READS: list[Callable[[Any], object]] = [
    lambda node: node.name,
    lambda node: list(db0.find("old")),
    lambda node: list(node.index.select(0, 5)),
    lambda node: db0.fetch(db0.uuid(node)),
    lambda node: (list(node.items), dict(node.table), set(node.marks)),
    lambda node: Root().value,
    lambda node: db0.load(node, exclude=['index']),
    lambda node: db0.commit(),
    lambda node: db0.snapshot().find("old"),
]


@pytest.mark.parametrize("read", READS)
def test_reads_and_commits_of_nothing_leave_no_entry(main: Path, node: Any, read: Callable[[Any], object]) -> None:
    reopen(main)
    node = Root().value
    with db0.locked() as block:
        read(node)
    assert block.get_mutation_log() == []


def test_what_was_pending_before_is_not_in_the_log_even_if_it_is_committed_inside(node: Any) -> None:
    node.name = "before"
    with db0.locked() as block:
        node.name
        db0.commit()
    assert block.get_mutation_log() == []


def test_a_change_committed_inside_has_the_state_it_was_stored_in(node: Any) -> None:
    before = state()
    with db0.locked() as block:
        node.name = "b"
        db0.commit()
    assert block.get_mutation_log() == [("main", before)] and state() == before + 1
    with db0.locked() as block:
        node.name = "c"
        db0.commit()
        node.name = "d"
    assert block.get_mutation_log() == [("main", state())]


def test_each_changed_prefix_is_named_also_one_opened_or_closed_inside(main: Path, node: Any) -> None:
    for name in ("closed", "read", "late"):
        db0.open(name)
        Root(0)
        db0.commit()
    db0.close("late")
    db0.open("main")
    with db0.locked() as block:
        closing = db0.get_state_num("closed")
        db0.fetch(Root, prefix="closed").value = 1
        db0.close("closed")
        db0.open("late")
        Root().value = 1
        db0.open("fresh")
        db0.open("main")
        node.name = "b"
        assert db0.fetch(Root, prefix="read").value == 0
    assert sorted(block.get_mutation_log()) == [("closed", closing), ("late", state("late")), ("main", state())]


def test_nested_blocks_both_see_inner_changes_and_reverted_ones_count(node: Any) -> None:
    with db0.locked() as outer:
        with db0.locked() as inner:
            node.name = "b"
        with db0.locked() as quiet:
            node.name
    expected = [("main", state())]
    assert outer.get_mutation_log() == inner.get_mutation_log() == expected and quiet.get_mutation_log() == []
    db0.commit()
    with db0.locked() as block, db0.atomic() as atomic:
        node.name = "c"
        atomic.cancel()
    assert [name for name, _ in block.get_mutation_log()] == ["main"] and node.name == "b"


def test_an_exception_propagates_and_nothing_is_undone(node: Any) -> None:
    with pytest.raises(KeyError), db0.locked() as block:
        node.name = "kept"
        raise KeyError
    assert node.name == "kept" and block.get_mutation_log() == [("main", state())]


def test_the_background_commits_nothing_inside(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=1)
    kept = Root(0)
    with db0.locked() as block:
        before = state()
        for number in range(5):
            kept.value = number
            assert not db0.wait("main", before, 20)
        assert state() == before
    assert block.get_mutation_log() == [("main", before)]
    assert db0.wait("main", before, 60_000)
    db0.close()


def test_a_section_begun_by_hand_ends_by_close_and_a_manager_can_be_used_again(node: Any) -> None:
    section = db0.begin_locked()
    node.name = "b"
    section.close()
    section.close()
    assert section.get_mutation_log() == [("main", state())]
    manager = db0.locked()
    assert manager.get_mutation_log() == []
    with manager:
        node.name = "c"
        with pytest.raises(RuntimeError, match="begun already"):
            manager.__enter__()
    with manager:
        pass
    assert manager.get_mutation_log() == [] and isinstance(manager, db0.LockedManager)


# -- awaiting ----------------------------------------------------------------------------------------------


def test_await_commit_needs_async_with(node: Any) -> None:
    with pytest.raises(RuntimeError, match="async with"), db0.locked(await_commit=True):
        raise AssertionError("not entered")
    node.name = "b"
    db0.commit()


def test_async_with_waits_for_the_background_commit(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=5)
    kept = Root(0)

    async def work() -> None:
        async with db0.locked(await_commit=True) as block:
            kept.value = 1
        [(name, number)] = block.get_mutation_log()
        assert db0.get_state_num(name, finalized=True) >= number

    asyncio.run(work())
    db0.close()


def test_async_with_commits_what_no_background_commits_all_as_one(main: Path) -> None:
    kept = Root(0)
    db0.open("other")
    far = Root(0)
    db0.commit()

    async def work() -> None:
        async with db0.locked(await_commit=True) as block:
            kept.value = far.value = 1
        assert sorted(block.get_mutation_log()) == [("main", state() - 1), ("other", state("other") - 1)]
        async with db0.locked(await_commit=True) as block:
            pass
        assert block.get_mutation_log() == []
        async with db0.locked():
            kept.value = 2
        assert db0.get_state_num("main") == db0.get_state_num("main", finalized=True) + 1

    asyncio.run(work())
    reopen(main, "other", "main")
    assert Root().value == 2 and db0.fetch(Root, prefix="other").value == 1


def test_an_exception_skips_the_waiting(node: Any) -> None:
    async def work() -> None:
        async with db0.locked(await_commit=True):
            node.name = "b"
            raise KeyError

    before = db0.get_state_num(finalized=True)
    with pytest.raises(KeyError):
        asyncio.run(work())
    assert db0.get_state_num(finalized=True) == before


def test_awaiting_inside_of_another_section_commits_and_does_not_hang(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=1)
    kept = Root(0)

    async def work() -> None:
        with db0.locked():
            async with db0.locked(await_commit=True):
                kept.value = 1

    asyncio.run(asyncio.wait_for(work(), 60))
    db0.close()


def test_await_commit_of_a_log_and_inside_of_atomic(node: Any) -> None:
    async def work() -> None:
        with db0.locked() as block:
            node.name = "b"
        async with db0.async_atomic():
            with pytest.raises(RuntimeError, match="atomic"):
                await db0.await_commit(block.get_mutation_log())
        await db0.await_commit(block.get_mutation_log())
        await db0.await_commit(block.get_mutation_log())
        await db0.await_commit([("closed long ago", 5)])

    before = state()
    asyncio.run(work())
    assert state() == before + 1
    eventually(lambda: True)

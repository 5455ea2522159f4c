"""Claims of the spec, section 8.5: `async_wait`."""

import asyncio
import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import Process
from .things import Root


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def test_a_reached_state_is_there_at_once_and_a_later_one_with_its_commit(main: Path) -> None:
    kept = Root(0)
    db0.commit()

    async def work() -> None:
        now = db0.async_wait("main", db0.get_state_num(finalized=True))
        assert now.done()
        pending = db0.get_state_num()
        waiting = [db0.async_wait("main", pending) for _ in range(3)]
        later = db0.async_wait("main", pending + 1)
        kept.value = 1
        assert not any(one.done() for one in waiting)
        await asyncio.to_thread(db0.commit)
        await asyncio.gather(*waiting)
        assert db0.get_state_num(finalized=True) == pending and not later.done()
        kept.value = 2
        db0.commit()
        await later
        assert all(one.result() is None for one in [*waiting, later])

    run(work())


def test_the_background_commit_is_awaited(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=5)
    kept = Root(0)

    async def work() -> None:
        for number in range(10):
            kept.value = number
            state = db0.get_state_num()
            await db0.async_wait("main", state)
            assert db0.get_state_num(finalized=True) >= state

    run(work())
    db0.close()


def test_a_reader_awaits_what_another_process_commits_and_sees_it(root: Path, start: Callable[..., Process]) -> None:
    writer = start(
        """
        db0.init(sys.argv[1], prefix='main', autocommit=False)
        kept = Root(0); db0.commit(); say(db0.get_state_num()); hear()
        kept.value = 1; db0.commit(); hear()
        """,
        root,
    )
    state = int(writer.hear())
    db0.open("main", "r")

    async def work() -> None:
        future = db0.async_wait("main", state)
        assert not future.done()
        writer.tell("go")
        await future
        assert Root().value == 1 and db0.get_state_num() == state

    run(work())
    writer.tell("end")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("other", 1), RuntimeError),
        (("main", -1), ValueError),
        (("main", "1"), TypeError),
        (("main", True), TypeError),
        ((1, 1), TypeError),
        ((None, 1), TypeError),
    ],
)
def test_bad_arguments_raise_at_the_call(main: Path, arguments: Any, error: type[Exception]) -> None:
    async def work() -> None:
        with pytest.raises(error):
            db0.async_wait(*arguments)
        with pytest.raises(error):
            db0.wait(*arguments)

    run(work())


def test_without_an_event_loop_there_is_nothing_to_await_in(main: Path) -> None:
    with pytest.raises(RuntimeError, match="event loop"):
        db0.async_wait("main", 100)


def test_futures_that_nobody_awaits_or_that_are_cancelled_do_no_harm(
    main: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Root(0)

    async def work() -> None:
        for number in range(20):
            db0.async_wait("main", 1000 + number)
        db0.async_wait("main", 2000).cancel()
        kept.value = 1
        db0.commit()
        await db0.async_wait("main", db0.get_state_num(finalized=True))

    run(work())
    db0.close("main")
    gc.collect()
    assert not caplog.records
    for thread in threading.enumerate():
        if thread.name.startswith("perdure-wait"):
            thread.join(60)
            assert not thread.is_alive()


def test_closing_the_prefix_ends_the_waiting_with_an_error_unless_its_last_commit_reaches_the_state(main: Path) -> None:
    kept = Root(0)
    db0.commit()

    async def work() -> None:
        reached, missed = db0.async_wait("main", db0.get_state_num()), db0.async_wait("main", 1000)
        kept.value = 1
        db0.close("main")
        await reached
        with pytest.raises(RuntimeError, match="main was closed before"):
            await missed

    run(work())

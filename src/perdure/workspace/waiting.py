"""Waiting until a prefix has reached a state: `wait`, `async_wait`, `await_commit`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from perdure.errors import WorkspaceError
from perdure.workspace.functions import workspace
from perdure.workspace.locking import LockedManager, Section
from perdure.workspace.prefix import Prefix
from perdure.workspace.together import commit_together

__all__ = ["async_wait", "await_commit", "begin_locked", "locked", "wait"]


def _checked(prefix: str, state: int) -> Prefix:
    if not isinstance(state, int) or isinstance(state, bool):
        raise TypeError(f"state is an int, not {type(state).__name__}")
    if not isinstance(prefix, str):
        raise TypeError(f"prefix is a str, not {type(prefix).__name__}")
    found = workspace().opened(prefix)
    if state < 0:
        raise ValueError(f"a state is not negative: {state}")
    return found


def wait(prefix: str, state: int, timeout: int | None = None) -> bool:
    """Wait until a prefix has committed a state; False when that takes longer than `timeout` milliseconds.

    Raises `RuntimeError` for a prefix that is not open, `ValueError` for a negative state, `TypeError` for arguments
    of other types.
    """
    if timeout is not None and (not isinstance(timeout, int) or isinstance(timeout, bool)):
        raise TypeError(f"timeout is an int, not {type(timeout).__name__}")
    found = _checked(prefix, state)
    last = found.database.storage.watch(state - 1, None if timeout is None else timeout / 1000)
    if last >= state:
        found.waiters.arrive()
    return last >= state


def async_wait(prefix: str, state_num: int) -> asyncio.Future[None]:
    """A future that is done when a prefix has committed a state: by this process, or by the one it reads from.

    Raises as `wait` does, and `RuntimeError` without a running event loop. When the prefix is closed before, the
    future raises `RuntimeError`.

    >>> await perdure.async_wait("main", state)  # doctest: +SKIP
    """
    found = _checked(prefix, state_num)
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.add_done_callback(_retrieve)
    if found.database.storage.last_state >= state_num:
        found.waiters.arrive()
        future.set_result(None)
    else:
        found.waiters.add(state_num, future)
    return future


def _retrieve(future: asyncio.Future[None]) -> None:
    """Look at the outcome, so that a future nobody awaits is not complained about."""
    if not future.cancelled():
        future.exception()


async def await_commit(mutation_log: Iterable[tuple[str, int]]) -> None:
    """Wait until all states of the log of a `locked` block are committed.

    What is not committed in the background is committed by this call. Raises `RuntimeError` inside of `atomic`.
    """
    space = workspace()
    if space.blocks.active():
        raise WorkspaceError("cannot await a commit inside an active atomic block; leave it first")
    waiting: list[asyncio.Future[None]] = []
    own: list[Prefix] = []
    for name, state in mutation_log:
        prefix = space.prefixes.get(name)
        if prefix is None or prefix.connection.state >= state:
            continue  # a prefix that was closed was committed
        if prefix.autocommits and not space.locks.any_held():
            waiting.append(async_wait(name, state))
        else:
            own.append(prefix)
    if own:
        await asyncio.to_thread(commit_together, own)
    if waiting:
        await asyncio.gather(*waiting)


def locked(await_commit: bool = False) -> LockedManager:
    """A block in which nothing is committed in the background, and which knows afterwards what it changed.

    `commit()` may be called inside. Nothing is undone by an exception. With `await_commit`, leaving the block (an
    `async with`) waits until its changes are committed; where that is not done in the background, it commits them.

    >>> with perdure.locked() as block:  # doctest: +SKIP
    ...     task.done = True
    >>> block.get_mutation_log()  # doctest: +SKIP
    [('main', 7)]
    """
    return LockedManager(begin_locked, _await if await_commit else None)


_await = await_commit


def begin_locked() -> Section:
    """A `locked` block that has begun; it ends by its `close()`."""
    return workspace().locks.begin()

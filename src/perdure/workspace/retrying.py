"""`retry`: changes of prefixes that several processes write, done again when another process was first."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar, overload

from perdure.errors import ConflictError
from perdure.workspace.atomic import AtomicManager
from perdure.workspace.functions import workspace
from perdure.workspace.workspace import Workspace

__all__ = ["retry"]

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_FIRST_NAP_SECONDS = 0.001
_LONGEST_NAP_SECONDS = 0.25


@overload
def retry(function: Callable[_Arguments, _Result], /) -> Callable[_Arguments, _Result]: ...
@overload
def retry(*, attempts: int = 20) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]: ...
def retry(
    function: Callable[_Arguments, _Result] | None = None, /, *, attempts: int = 20
) -> Callable[_Arguments, _Result] | Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Make a function a transaction: it runs on the newest state, and its changes are committed at its end.

    When another writer was first, its changes are undone and it runs again, up to `attempts` times in all; then
    `ConflictError` is raised. An exception of its own undoes its changes and is raised. Let it read what it
    decides on, and keep nothing from one run for the next. What was pending before the call is committed first.
    Inside of a block or of another such function it is a part of that. Other threads' changes wait.

    >>> @perdure.retry  # doctest: +SKIP
    ... def deposit(amount):
    ...     Account().balance += amount
    """
    if function is None:
        return lambda decorated: _retrying(decorated, attempts)
    return _retrying(function, attempts)


def _retrying(function: Callable[_Arguments, _Result], attempts: int) -> Callable[_Arguments, _Result]:
    if attempts < 1:
        raise ValueError(f"there must be at least one attempt, not {attempts}")

    @functools.wraps(function)
    def run(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        space = workspace()
        if space.blocks.active():
            with AtomicManager(space.blocks):
                return function(*args, **kwargs)
        nap = _FIRST_NAP_SECONDS
        for _ in range(attempts - 1):
            try:
                return _attempt(space, lambda: function(*args, **kwargs))
            except _Overtaken:
                time.sleep(nap * random.uniform(0.5, 1.5))
                nap = min(nap * 2, _LONGEST_NAP_SECONDS)
        try:
            return _attempt(space, lambda: function(*args, **kwargs))
        except _Overtaken as last:
            raise last.error from None

    return run


class _Overtaken(Exception):
    """The commit of an attempt came second."""

    def __init__(self, error: ConflictError) -> None:
        self.error = error


def _attempt(space: Workspace, work: Callable[[], _Result]) -> _Result:
    with space.blocks.alone():
        space.commit(None)
        for prefix in space.list_open():
            if prefix.writable:
                prefix.refresh()
        with AtomicManager(space.blocks):
            result = work()
        try:
            space.commit(None)
        except ConflictError as error:
            raise _Overtaken(error) from error
        return result

"""Keeping other threads from changing the objects of connections for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from perdure.session import Connection
from perdure.workspace.turns import Task, current_task, refuse_foreign

__all__ = ["Gate", "TaskGate", "acquire_all", "closed", "locked_all", "try_all"]

_RETRY_SECONDS = 0.001


class Gate:
    """Makes other threads wait before a change until the thread that closed it lets go of the connection's lock."""

    def __init__(self, connection: Connection) -> None:
        self._lock = connection.lock

    def __call__(self) -> None:
        """Return when the calling thread may change objects of the connection."""
        with self._lock:
            pass


class TaskGate:
    """Lets the changes of one task pass; those of other threads wait, those of other tasks are refused."""

    def __init__(self, task: Task, connection: Connection) -> None:
        self._task = task
        self._thread = threading.get_ident()
        self._open = False
        # Waiting lets go of the connection's lock, however often the waiting thread holds it.
        self._changed = threading.Condition(cast(threading.RLock, connection.lock))

    def __call__(self) -> bool:
        """Whether the caller may pass while the gate stands; False when it has waited for its end."""
        if threading.get_ident() == self._thread:
            if current_task() is not self._task:
                raise refuse_foreign()
            return True
        with self._changed:
            self._changed.wait_for(lambda: self._open)
        return False

    def end(self) -> None:
        """Wake those who wait: the gate is taken away."""
        with self._changed:
            self._open = True
            self._changed.notify_all()


@contextmanager
def closed(connection: Connection) -> Iterator[None]:
    """Hold the connection's lock and keep other threads from changing its objects meanwhile."""
    with connection.lock:
        before = connection.gate, connection.gate_thread
        connection.gate, connection.gate_thread = Gate(connection), threading.get_ident()
        try:
            yield
        finally:
            connection.gate, connection.gate_thread = before


def acquire_all(connections: Sequence[Connection]) -> None:
    """Take the locks of all connections; gives way instead of waiting for one while it has others."""
    while not try_all(connections, waiting=True):
        time.sleep(_RETRY_SECONDS)


def try_all(connections: Sequence[Connection], *, waiting: bool = False) -> bool:
    """Take the locks of all connections if they are free, else none; with `waiting`, wait for the first one."""
    taken: list[Connection] = []
    for connection in connections:
        if not connection.lock.acquire(blocking=waiting and not taken):
            break
        taken.append(connection)
    if len(taken) == len(connections):
        return True
    for connection in taken:
        connection.lock.release()
    return False


@contextmanager
def locked_all(connections: Sequence[Connection]) -> Iterator[None]:
    """Hold the locks of all connections."""
    acquire_all(connections)
    try:
        yield
    finally:
        for connection in connections:
            connection.lock.hand_over()

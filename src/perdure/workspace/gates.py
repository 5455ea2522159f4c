"""Keeping other threads from changing the objects of connections for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from perdure.session import Connection

__all__ = ["Gate", "acquire_all", "closed", "locked_all"]

_RETRY_SECONDS = 0.001


class Gate:
    """Makes other threads wait before a change until the thread that closed it lets go of the connection's lock."""

    def __init__(self, connection: Connection) -> None:
        self._lock = connection.lock

    def __call__(self) -> None:
        """Return when the calling thread may change objects of the connection."""
        with self._lock:
            pass


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
    while True:
        taken: list[Connection] = []
        for connection in connections:
            if not connection.lock.acquire(blocking=not taken):
                break
            taken.append(connection)
        if len(taken) == len(connections):
            return
        for connection in taken:
            connection.lock.release()
        time.sleep(_RETRY_SECONDS)


@contextmanager
def locked_all(connections: Sequence[Connection]) -> Iterator[None]:
    """Hold the locks of all connections."""
    acquire_all(connections)
    try:
        yield
    finally:
        for connection in connections:
            connection.lock.release()

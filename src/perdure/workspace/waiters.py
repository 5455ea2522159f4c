"""Futures that wait for states of a prefix, and the thread that watches for them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from perdure.errors import PerdureError, WorkspaceError

if TYPE_CHECKING:
    from perdure.workspace.prefix import Prefix

__all__ = ["Waiters"]

_WATCH_SECONDS = 0.2
_RETURN_SECONDS = 0.05


class Waiters:
    """The futures of one prefix. There is a thread while there are any."""

    def __init__(self, prefix: Prefix) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._thread: threading.Thread | None = None

    def add(self, state: int, future: asyncio.Future[None]) -> None:
        """Have `future` end when the prefix has reached a state, or fail when it is closed before."""
        with self._lock:
            self._waiting.append((state, future))
            if self._thread is None:
                name = f"perdure-wait-{self._prefix.name}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def arrive(self) -> None:
        """Let this process see a state that is committed: a reader goes there, a commit under way here returns."""
        connection = self._prefix.connection
        if not self._prefix.writable:
            connection.refresh()
        elif connection.lock.acquire(timeout=_RETURN_SECONDS):  # the commit holds it until it returns
            connection.lock.release()

    def _run(self) -> None:
        last = -1
        while True:
            with self._lock:
                self._waiting = [(state, future) for state, future in self._waiting if not future.done()]
                if not self._waiting:
                    self._thread = None
                    return
            try:
                newest = self._prefix.database.storage.watch(last, _WATCH_SECONDS)
                if newest > last:
                    self.arrive()
                    last = newest
            except PerdureError as error:
                if self._prefix.is_open():
                    continue  # it is being opened anew, for writing
                self._settle(self._prefix.connection.state)
                self._fail(WorkspaceError(f"{self._prefix.name} was closed before it reached the state: {error}"))
                continue
            self._settle(last)

    def _settle(self, last: int) -> None:
        with self._lock:
            reached = [future for state, future in self._waiting if state <= last]
            self._waiting = [(state, future) for state, future in self._waiting if state > last]
        for future in reached:
            _tell(future, None)

    def _fail(self, error: WorkspaceError) -> None:
        with self._lock:
            failed, self._waiting = self._waiting, []
        for _, future in failed:
            _tell(future, error)


def _tell(future: asyncio.Future[None], error: Exception | None) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    with contextlib.suppress(RuntimeError):  # the loop has ended
        future.get_loop().call_soon_threadsafe(settle)

"""Threads of a workspace: one commits pending changes, one for each read-only prefix follows its writer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from perdure.errors import PerdureError

if TYPE_CHECKING:
    from perdure.workspace.prefix import Prefix

__all__ = ["Autocommit", "Follower"]

_log = logging.getLogger("perdure")
_WATCH_SECONDS = 0.2
"""How long a follower waits at a time: closing a prefix waits that long at most."""


class Autocommit:
    """Commits the prefixes that have changes, at most once an interval; leaves out those in an atomic block."""

    def __init__(self, prefixes: Callable[[], list[Prefix]], interval_seconds: float) -> None:
        self._prefixes = prefixes
        self._interval = interval_seconds
        self._stopping = threading.Event()
        self._failing: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="perdure-autocommit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a commit under way is finished."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            for prefix in self._prefixes():
                if prefix.autocommits and prefix.writable and prefix.connection.has_changes():
                    self._commit(prefix)

    def _commit(self, prefix: Prefix) -> None:
        lock = prefix.connection.lock
        if not lock.acquire(blocking=False):
            return  # in use, perhaps by an atomic block: at the next interval
        try:
            if prefix.is_open() and len(prefix.connection.overlays) == 1:
                prefix.commit()
                self._failing.discard(prefix.name)
        except PerdureError as error:
            if prefix.name not in self._failing:  # once, not at every interval
                self._failing.add(prefix.name)
                _log.error("autocommit of prefix %s failed; changes stay pending: %s", prefix.name, error)
        finally:
            lock.release()


class Follower:
    """Brings a read-only prefix to each newer state that another process commits."""

    def __init__(self, prefix: Prefix) -> None:
        self._prefix = prefix
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"perdure-follow-{prefix.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        storage, connection = self._prefix.database.storage, self._prefix.connection
        while not self._stopping:
            try:
                if storage.watch(connection.state, _WATCH_SECONDS) > connection.state and not self._stopping:
                    connection.refresh()
            except PerdureError as error:
                if not self._stopping:
                    _log.error("prefix %s no longer follows its writer: %s", self._prefix.name, error)
                return

"""The thread of a workspace that commits pending changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from perdure.errors import PerdureError
from perdure.workspace.gates import locked_all
from perdure.workspace.locking import Locks
from perdure.workspace.prefix import Prefix
from perdure.workspace.together import commit_together

__all__ = ["Autocommit"]

_log = logging.getLogger("perdure")


class Autocommit:
    """Commits the prefixes that have changes, all together, at most once an interval.

    It waits for atomic blocks to end, and does nothing while there are `locked` blocks.
    """

    def __init__(self, prefixes: Callable[[], list[Prefix]], locks: Locks, interval_seconds: float) -> None:
        self._prefixes = prefixes
        self._locks = locks
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
            prefixes = [one for one in self._prefixes() if one.autocommits and one.writable]
            if any(prefix.connection.has_changes() for prefix in prefixes):
                self._commit(prefixes)

    def _commit(self, prefixes: list[Prefix]) -> None:
        names = {prefix.name for prefix in prefixes}
        try:
            # All of them: an atomic block that ends meanwhile may have changed several.
            with locked_all([prefix.connection for prefix in prefixes]), self._locks.none_held() as free:
                if free:
                    commit_together([prefix for prefix in prefixes if prefix.is_ready()], undo=False)
                    self._failing -= names
        except PerdureError as error:
            if not names <= self._failing:  # once, not at every interval
                self._failing |= names
                _log.error(
                    "autocommit (prefixes %s) failed; changes stay pending, and commit() or close() raise unless it "
                    "succeeds later: %s",
                    ", ".join(sorted(names)),
                    error,
                )

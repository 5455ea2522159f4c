"""The thread of a read-only prefix, which follows its writer."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from perdure.errors import PerdureError

if TYPE_CHECKING:
    from perdure.workspace.prefix import Prefix

__all__ = ["Follower"]

_log = logging.getLogger("perdure")
_WATCH_SECONDS = 0.2
"""How long a follower waits at a time: closing a prefix waits that long at most."""
_HELD_SECONDS = 0.002
"""How long it waits for a block to end inside of which the prefix stays as it is."""


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
                newer = storage.watch(connection.state, _WATCH_SECONDS) > connection.state
                if newer and not self._stopping and not self._prefix.follow():
                    time.sleep(_HELD_SECONDS)
            except PerdureError as error:
                if not self._stopping:
                    _log.error("prefix %s no longer follows its writer: %s", self._prefix.name, error)
                return

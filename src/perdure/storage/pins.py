"""Which states the views of this storage read, so that `pack` spares them in every process."""

from __future__ import annotations

import threading

from perdure.engine import Engine

__all__ = ["Pins"]


class Pins:
    """Counts the open views of each state and tells the engine the smallest."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counts: dict[int, int] = {}
        self._smallest: int | None = None
        self._lock = threading.RLock()

    def add(self, state: int) -> bool:
        """Count a view of `state`; whether that made it the smallest."""
        with self._lock:
            self._counts[state] = self._counts.get(state, 0) + 1
            if self._smallest is not None and self._smallest <= state:
                return False
            self._publish(state)
            return True

    def remove(self, state: int) -> None:
        """A view of `state` was released."""
        with self._lock:
            count = self._counts.get(state, 0) - 1
            if count > 0:
                self._counts[state] = count
                return
            self._counts.pop(state, None)
            if state == self._smallest:
                self._publish(min(self._counts, default=None))

    def _publish(self, state: int | None) -> None:
        self._smallest = state
        self._engine.pin(state)

    @property
    def smallest(self) -> int | None:
        """The smallest state with a view of this storage, or None."""
        return self._smallest

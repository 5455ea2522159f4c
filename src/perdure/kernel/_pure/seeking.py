"""Pure-Python twin of `kernel/seeking.pyx`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .versions import Pair, read_version

__all__ = ["Seeker"]


class Seeker:
    """Finds versions in one space; see the compiled one."""

    def __init__(self, space: int, guard: Any, again: Callable[[int, bytes], Pair | None]) -> None:
        self.space = space
        self._guard = guard
        self._again = again
        self.drop()

    def use(self, move: Callable[[bytes], object], item: Callable[[], Pair]) -> None:
        """Seek through this cursor from now on."""
        self._move: Callable[[bytes], object] | None = move
        self._item: Callable[[], Pair] | None = item

    def drop(self) -> None:
        """The cursor is no longer to be used."""
        self._move = self._item = None

    def newest(
        self, key: bytes, suffix: bytes, fold: Callable[[int, bytes, bytes], bytes | None] | None = None
    ) -> bytes | None:
        """The value of `key` as of the state of which `suffix` is; see `versions.read_version`."""
        with self._guard:
            item = self._seek(key + suffix)
        return read_version(self.space, key, item, fold)

    def _seek(self, physical: bytes) -> Pair | None:
        move, item = self._move, self._item
        if move is not None and item is not None:
            try:
                return item() if move(physical) else None
            except Exception:
                pass  # mostly a transaction that was ended; what else it may be, the other way says better
        return self._again(self.space, physical)

"""Types of the compiled search for versions; `_pure/seeking.py` has the same names."""

from collections.abc import Callable

from perdure.kernel.locks import RecursiveLock

class Seeker:
    def __init__(
        self, space: int, guard: RecursiveLock, again: Callable[[int, bytes], tuple[bytes, bytes] | None]
    ) -> None: ...
    @property
    def space(self) -> int: ...
    def use(self, move: Callable[[bytes], object], item: Callable[[], tuple[bytes, bytes]]) -> None: ...
    def drop(self) -> None: ...
    def newest(
        self, key: bytes, suffix: bytes, fold: Callable[[int, bytes, bytes], bytes | None] | None = None
    ) -> bytes | None: ...

"""`read_only`: blocks in which the running thread or task changes nothing."""

from __future__ import annotations

from types import TracebackType

from perdure.session import Guarded, is_guarded

__all__ = ["ReadOnlyManager", "begin_read_only", "in_read_only", "read_only"]


class ReadOnlyManager:
    """A block in which every change raises `RuntimeError`: use it with `with`, in tasks too. It can be used again."""

    def __init__(self) -> None:
        self._entered: list[Guarded] = []

    def __enter__(self) -> ReadOnlyManager:
        block = Guarded()
        block.enter()
        self._entered.append(block)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the block; harmless when it has ended."""
        if self._entered:
            self._entered.pop().leave()


def read_only() -> ReadOnlyManager:
    """A block in which the running thread or asyncio task changes nothing, in no prefix: every change raises.

    It holds for tasks begun inside of it too, as long as it is open; other threads and tasks are not affected. Changes
    made before may still be committed. `atomic()` does nothing inside of it.

    >>> with perdure.read_only():  # doctest: +SKIP
    ...     report(perdure.find(Task))
    """
    return ReadOnlyManager()


def begin_read_only() -> ReadOnlyManager:
    """A `read_only` block that has begun; it ends by its `close()`."""
    return read_only().__enter__()


def in_read_only() -> bool:
    """Whether the running thread or task is inside of a `read_only` block.

    >>> perdure.in_read_only()  # doctest: +SKIP
    False
    """
    return is_guarded()

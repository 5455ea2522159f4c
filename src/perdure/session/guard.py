"""Contexts in which nothing may be changed: `read_only` blocks, per thread and per asyncio task.

A block belongs to the context that it was begun in, and to tasks made in that context as long as it is open.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from perdure.errors import ReadOnlyContextError
from perdure.kernel import durable

__all__ = ["Guarded", "is_guarded", "unguarded"]


class Guarded:
    """A block in which nothing may be changed."""

    def __init__(self) -> None:
        self.open = False

    def enter(self) -> None:
        """Begin the block."""
        global _count
        self.open = True
        _blocks.set((*_blocks.get(), self))
        with _lock:
            _count += 1
            durable.set_guard(_refuse)

    def leave(self) -> None:
        """End the block; harmless when it has ended."""
        global _count
        if not self.open:
            return
        self.open = False
        _blocks.set(tuple(block for block in _blocks.get() if block.open))
        with _lock:
            _count -= 1
            if not _count:
                durable.set_guard(None)


_blocks: ContextVar[tuple[Guarded, ...]] = ContextVar("perdure_read_only", default=())
_lock = threading.Lock()
_count = 0


def is_guarded() -> bool:
    """Whether the running thread or task is inside of a block."""
    return _count > 0 and any(block.open for block in _blocks.get())


def _refuse() -> None:
    if is_guarded():
        raise ReadOnlyContextError("mutation refused: inside of a read_only() block; leave it first")


@contextmanager
def unguarded() -> Iterator[None]:
    """For what a read does on the way: writing pending changes, which were made elsewhere, to the overlay."""
    token = _blocks.set(())
    try:
        yield
    finally:
        _blocks.reset(token)

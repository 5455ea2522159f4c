"""Lets a database file grow ahead of small commits, so that their sync has data to write and no file size.

A commit that extends its file makes the file system write its own journal as well, which takes longer than the data.
Zeros that are really written, unlike space that is only reserved, leave nothing for the file system to note later.
"""

from __future__ import annotations

import contextlib
import os

__all__ = ["Growth"]

STEP_SHARE = 8  # a step is this part of the file
STEP_BYTES_MIN, STEP_BYTES_MAX = 1 << 16, 1 << 24
SPARE_BYTES = 1 << 15  # room that a small commit may need
_PART_BYTES = 1 << 20


class Growth:
    """Watches the file at `path` and extends it by a step when small commits have used up its end.

    ```
    growth = Growth("/tmp/example.db")
    growth.before_writes(end=40960)
    ```
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._end: int | None = None
        self._refused: int | None = None

    def before_writes(self, end: int) -> None:
        """A write transaction begins, nothing is written yet; pages in use end at byte `end`.

        Who commits once, or much at once, gets no byte more than that takes. Where there is no room nothing is done:
        the commit itself then tells, if it needs some.
        """
        before, self._end = self._end, end
        if before is None or end == before:
            return
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        size = os.fstat(self._descriptor).st_size
        step = min(max(size // STEP_SHARE, STEP_BYTES_MIN), STEP_BYTES_MAX)
        if size - end >= SPARE_BYTES or not 0 < end - before < step or size == self._refused:
            return
        self._extend(self._descriptor, size, size + step // SPARE_BYTES * SPARE_BYTES)

    def _extend(self, descriptor: int, size: int, target: int) -> None:
        try:
            for start in range(size, target, _PART_BYTES):
                length = min(_PART_BYTES, target - start)
                if os.pwrite(descriptor, bytes(length), start) < length:
                    raise OSError("the write was cut short")
        except OSError:
            self._refused = size
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)  # leave to others what is left

    def close(self) -> None:
        """Let go of the file; harmless when closed."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

"""The progress bar of a load; on the error stream, so that reports and JSON stay alone on the other."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

__all__ = ["LoadingBar"]


class LoadingBar:
    """A bar that appears with the first step; a run that loads nothing shows none.

    >>> with LoadingBar() as bar:
    ...     bar.advance(512, 1024, 10)  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._task: TaskID | None = None
        self._progress = Progress(
            TextColumn("loading the package catalogue"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[entries]:,} entries"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._progress.stop()

    def advance(self, position: int, size: int, entries: int) -> None:
        """Show that `position` of `size` bytes are read and `entries` are stored."""
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("loading", total=size, entries=0)
        self._progress.update(self._task, completed=position, total=size, entries=entries)

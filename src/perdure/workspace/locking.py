"""`locked`: sections in which nothing is committed in the background, and which know what they changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from perdure.errors import WorkspaceError
from perdure.session import Connection

if TYPE_CHECKING:
    from perdure.workspace.prefix import Prefix
    from perdure.workspace.workspace import Workspace

__all__ = ["LockedManager", "Locks", "Section"]

MutationLog = list[tuple[str, int]]


class Section:
    """A section that has begun. `close` ends it; `get_mutation_log` tells then what was changed in it."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks
        self._began: dict[Connection, int] = {}
        self._left: dict[str, int] = {}
        self._held: list[Prefix] = []
        self._log: MutationLog | None = None

    def close(self) -> None:
        """End the section; harmless when it has ended."""
        if self._log is None:
            self._log = self._locks.end(self)

    def get_mutation_log(self) -> MutationLog:
        """Each prefix that was changed, with the state in which the change is, or will be, stored; empty until the end.

        Changes that an atomic block undid count as well.
        """
        return list(self._log or ())

    def _was_changed(self, prefix: Prefix) -> bool:
        connection = prefix.connection
        with connection.lock:
            if not connection.is_closed():
                connection.flush()
            return connection.mutations != self._began.get(connection, 0)


class Locks:
    """The sections of a workspace; while there are any, nothing is committed in the background."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._turn = threading.Lock()
        """Held while the background commits: a section begins before or after that."""
        self._sections: list[Section] = []

    @contextmanager
    def none_held(self) -> Iterator[bool]:
        """Keep sections from beginning; whether there are none."""
        with self._turn:
            yield not self._sections

    def any_held(self) -> bool:
        """Whether a section is open."""
        return bool(self._sections)

    def begin(self) -> Section:
        """Begin a section."""
        section = Section(self)
        with self._turn:
            self._sections.append(section)
        for prefix in self._workspace.list_open():
            connection = prefix.connection
            if not prefix.writable:
                prefix.hold()
                section._held.append(prefix)
                continue
            with connection.lock:
                connection.flush()
                section._began[connection] = connection.mutations
        return section

    def end(self, section: Section) -> MutationLog:
        """End a section; what was changed in it."""
        found = dict(section._left)
        try:
            for prefix in self._workspace.list_open():
                if prefix.writable and section._was_changed(prefix):
                    found[prefix.name] = _next_state(prefix.connection)
        finally:
            with self._turn:
                self._sections.remove(section)
            for held in section._held:
                held.let_go()
        return list(found.items())

    @contextmanager
    def leaving(self, prefix: Prefix) -> Iterator[None]:
        """Around the last commit of a prefix: open sections note whether they had changed it, and its last state."""
        changed = [section for section in list(self._sections) if prefix.writable and section._was_changed(prefix)]
        yield
        for section in changed:
            section._left[prefix.name] = prefix.connection.state


def _next_state(connection: Connection) -> int:
    return connection.state + 1 if connection.has_changes() else connection.state


class LockedManager:
    """A section without commits in the background: use it with `with`, or with `async with` to await its commits."""

    def __init__(
        self, begin: Callable[[], Section], await_commit: Callable[[MutationLog], Coroutine[Any, Any, None]] | None
    ) -> None:
        self._begin = begin
        self._await_commit = await_commit
        self._section: Section | None = None

    def __enter__(self) -> LockedManager:
        if self._await_commit is not None:
            raise WorkspaceError("locked(await_commit=True) needs `async with`: a plain `with` cannot await")
        return self._enter()

    def _enter(self) -> LockedManager:
        if self._section is not None and self._section._log is None:
            raise WorkspaceError("this locked block has begun already; call locked() for another one")
        self._section = self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> LockedManager:
        return self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if kind is None and self._await_commit is not None:
            await self._await_commit(self.get_mutation_log())

    def close(self) -> None:
        """End the block now; harmless when it has ended."""
        if self._section is not None:
            self._section.close()

    def get_mutation_log(self) -> MutationLog:
        """Each changed prefix with the state in which the change is, or will be, stored; empty inside of the block."""
        return [] if self._section is None else self._section.get_mutation_log()

"""When a workspace completes or undoes what processes that have gone left of commits over several prefixes.

That is at the opening of a prefix, when a snapshot of several is taken, when a commit conflicts in a prefix of several
writers, and before a prefix is deleted that others wait for. How it is done is in `settling`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.errors import PerdureError
from perdure.session import Database
from perdure.workspace.prefix import OpenOptions, Prefix
from perdure.workspace.settling import has_decisions, orphans, settle, settle_file

if TYPE_CHECKING:
    from perdure.workspace.workspace import Workspace

__all__ = ["Recovery"]


class Recovery:
    """The recovery of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def settle(self, prefixes: Sequence[Prefix]) -> None:
        """Settle what is left in open prefixes; in those that are open for reading it stays until a writer does."""
        for prefix in prefixes:
            if prefix.writable:
                settle(prefix.database, self._ask)

    def opened(self, prefix: Prefix) -> Prefix:
        """A prefix just opened, or in its place another one after what was left in its file was settled."""
        if not orphans(prefix.database):
            return prefix
        if prefix.writable:
            settle(prefix.database, self._ask)
            prefix.connection.refresh()
            return prefix
        name, path, implicit = prefix.name, prefix.path, prefix.implicit
        prefix.close()
        settle_file(path, name, self._ask)
        return Prefix(name, path, write=False, implicit=implicit, options=prefix.options)

    def deleting(self, name: str, path: Path, options: OpenOptions) -> None:
        """Settle in the other prefixes what the one decides that is going to be deleted."""
        if not has_decisions(path, name):
            return
        space = self._workspace
        for other, file in space.find_files():
            if other != name and other not in space.prefixes:
                with contextlib.suppress(PerdureError):
                    self.opened(Prefix(other, file, write=False, implicit=True, options=options)).close()

    def _ask(self, uuid: int, question: Callable[[Database], bool | None]) -> bool | None:
        """What a question about the database with that uuid gives, be its prefix open or not; None: it is not here."""
        for prefix in self._workspace.prefixes.values():
            if prefix.database.uuid == uuid:
                return question(prefix.database)
        for name, path in self._workspace.find_files():
            with contextlib.suppress(PerdureError):
                database = Database.open(path, name=name, create=False, read_only=True)
                try:
                    if database.uuid == uuid:
                        return question(database)
                finally:
                    database.close()
        return None

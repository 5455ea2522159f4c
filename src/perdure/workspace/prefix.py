"""One open prefix: its database file, its live connection, and the writer's lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perdure.errors import ConflictError, DatabaseLockedError, WorkspaceError
from perdure.kernel import durable
from perdure.session import Connection, Database
from perdure.workspace.background import Follower

__all__ = ["OpenOptions", "Prefix"]


@dataclass(frozen=True)
class OpenOptions:
    """How a prefix is opened; `lock_flags` as in `init`."""

    autocommit: bool = True
    lock_flags: dict[str, Any] = field(default_factory=dict)
    history: bool = True
    check: bool = False


def _move(connection: Connection, database: Database) -> None:
    """Let a connection without changes go on with a file that was opened anew."""
    connection.database, connection.catalog = database, database.catalog
    connection.view = database.storage.view()
    connection.classes.clear()
    connection.generation += 1
    for obj in list(connection.objects.values()):
        durable.make_ghost(obj)


class Prefix:
    """A prefix that this process has open; for writing, no other process can write it.

    `implicit`: opened only because something referred to it.
    """

    def __init__(self, name: str, path: Path, *, write: bool, implicit: bool, options: OpenOptions) -> None:
        self.name = name
        self.path = path
        self.implicit = implicit
        self.options = options
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise WorkspaceError(f"Prefix: {name} not found ({path})")
        self.database = self._open_database(write)
        try:
            self.connection: Connection = self.database.connect(writable=write)
        except BaseException:
            self.database.close()
            raise
        self._follower = None if write else Follower(self)

    def _open_database(self, write: bool) -> Database:
        """The database, for this process alone when it is written; shared with what has it open here already."""
        arguments = self._arguments(write)
        try:
            return Database.open(self.path, name=self.name, **arguments)
        except DatabaseLockedError:
            if not write or not Database.is_open(self.path):
                raise
            return Database.open(self.path, name=self.name, **{**arguments, "exclusive": False})

    def _arguments(self, write: bool) -> dict[str, Any]:
        options = self.options
        found: dict[str, Any] = {"create": write, "history": options.history, "check": options.check}
        if write:
            return {**found, "exclusive": True, "lock_flags": options.lock_flags}
        return {**found, "read_only": True}

    @property
    def autocommits(self) -> bool:
        """Whether changes are committed in the background."""
        return bool(self.options.autocommit)

    def is_open(self) -> bool:
        """Whether it was not closed."""
        return not self.connection.is_closed()

    @property
    def writable(self) -> bool:
        """Whether this process may change the prefix."""
        return self.connection.writable

    def make_writable(self) -> None:
        """Let a prefix that was opened implicitly, for reading, be written; objects handed out stay usable.

        Raises `DatabaseLockedError` when another process writes it; then it stays as it was.
        """
        connection = self.connection
        if self._follower is not None:
            self._follower.stop()
        with connection.lock:
            connection.view.release()
            self.database.close()
            try:
                self.database = self._open_database(write=True)
            except BaseException:
                self.database = self._open_database(write=False)
                self._follower = Follower(self)
                raise
            finally:
                _move(connection, self.database)
            connection.writable = True

    def commit(self) -> None:
        """Commit pending changes, if this process may write and there are any.

        Raises `ConflictError` when the other face has committed a change of the same things in this process; the
        changes here are undone then.
        """
        if not self.writable:
            return
        try:
            self.connection.commit()
        except ConflictError:
            self.connection.abort()
            raise

    def refresh(self) -> bool:
        """See the newest committed state, unless changes are pending; whether it is another one."""
        connection = self.connection
        with connection.lock:
            return not connection.has_changes() and connection.refresh()

    def finish(self) -> None:
        """Commit for the last time: what nothing stored holds is dropped, whoever has a handle of it."""
        if self.writable:
            with self.connection.lock:
                self.connection.flush()
                self.connection.lifetime.collect(everything=True)
                self.connection.commit()

    def close(self) -> None:
        """End without committing; handles of objects become inaccessible."""
        if self._follower is not None:
            self._follower.stop()
        try:
            self.connection.close()
        finally:
            self.database.close()

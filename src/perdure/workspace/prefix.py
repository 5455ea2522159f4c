"""One open prefix: its database file, its live connection, and the writer's lock."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perdure.errors import ConflictError, DatabaseLockedError, WorkspaceError
from perdure.kernel import durable
from perdure.model.restriction import NONE, Restriction
from perdure.session import Connection, Database
from perdure.storage.prepared import Prepared
from perdure.workspace.following import Follower
from perdure.workspace.gates import closed, locked_all
from perdure.workspace.waiters import Waiters

__all__ = ["OpenOptions", "Prefix"]


@dataclass(frozen=True)
class OpenOptions:
    """How a prefix is opened, as in `open`; `lock_flags` as in `init`."""

    autocommit: bool = True
    lock_flags: dict[str, Any] = field(default_factory=dict)
    history: bool = True
    check: bool = False
    shared: bool = False
    no_auto_migrate: bool = False
    restriction: Restriction = NONE


def _move(connection: Connection, database: Database) -> None:
    """Let a connection without changes go on with a file that was opened anew."""
    connection.database, connection.catalog = database, database.catalog
    database.join(connection)
    connection.view = database.storage.view()
    connection.classes.clear()
    connection.postings.forget()
    connection.generation += 1
    for obj in list(connection.objects.values()):
        durable.make_ghost(obj)


class Prefix:
    """A prefix that this process has open; for writing, no other process can write it unless all open it `shared`.

    `implicit`: opened only because something referred to it.
    """

    def __init__(self, name: str, path: Path, *, write: bool, implicit: bool, options: OpenOptions) -> None:
        self.name = name
        self.path = path
        self.implicit = implicit
        self.options = options
        self.unfinished: tuple[Prepared, dict[bytes, bytes]] | None = None
        """A part of a commit over several prefixes that is decided, and that the storage has not taken yet."""
        self._held = 0
        self._dropped: list[durable.Durable] = []
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
        self.waiters = Waiters(self)
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
            return {**found, "exclusive": not options.shared, "lock_flags": options.lock_flags}
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

    # -- states --------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Stay at the present state, whatever is committed elsewhere, until `let_go` was called as often."""
        with self.connection.lock:
            self._held += 1

    def let_go(self) -> None:
        """See `hold`."""
        with self.connection.lock:
            self._held -= 1

    def follow(self) -> bool:
        """Go to the newest state; False when that is not allowed now (see `hold`)."""
        with self.connection.lock:
            if self._held:
                return False
            self.connection.refresh()
            return True

    def refresh(self) -> bool:
        """See the newest committed state, unless changes are pending; whether it is another one."""
        connection = self.connection
        with self.exclusively():
            return not connection.has_changes() and connection.refresh()

    def exclusively(self) -> AbstractContextManager[object]:
        """Hold the connection's lock; where others commit to the database, too, also keep other threads from changes.

        What another commit has changed becomes a ghost then, which must not hit an object that is just being changed.
        """
        return closed(self.connection) if self.writable and self.database.is_shared else self.connection.lock

    def is_ready(self) -> bool:
        """Whether it can be committed now: no atomic block is under way."""
        return self.is_open() and (self.unfinished is not None or len(self.connection.overlays) == 1)

    def commit(self, *, undo: bool = True) -> None:
        """Commit pending changes, if this process may write and there are any.

        Raises `ConflictError` when something else has committed a change of the same things; with `undo`, the changes
        here are dropped then.
        """
        if not self.writable:
            return
        with locked_all([self.connection]), self.exclusively():
            self.complete()
            try:
                self.connection.commit()
            except ConflictError:
                if undo:
                    self.connection.abort()
                raise
            if self.options.shared:
                self.connection.refresh()

    def complete(self) -> None:
        """Have the storage take a part of a commit over several prefixes that it could not take before."""
        if self.unfinished is not None:
            prepared, taken = self.unfinished
            self.connection.finish_apart(prepared.finish(), taken)
            self.unfinished = None

    def drop_unheld(self) -> None:
        """Drop what nothing stored holds, whoever has a handle of it: the prefix is going to be closed."""
        with self.connection.lock:
            self.complete()
            self.connection.flush()
            deleted = set(self.connection.overlay.dropped)
            self.connection.lifetime.collect(everything=True)
            dropped = self.connection.overlay.dropped.items()
            self._dropped = [obj for oid, obj in dropped if oid not in deleted]

    def close(self) -> None:
        """End without committing; handles of objects become inaccessible."""
        if self._follower is not None:
            self._follower.stop()
        try:
            self.connection.close()
            for obj in self._dropped:  # to whoever has them, they are not deleted but closed like all others
                durable.revive(obj)
                durable.detach(obj)
        finally:
            self.database.close()

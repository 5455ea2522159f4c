"""One open prefix: its database file, its live connection, and the writer's lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perdure.errors import WorkspaceError
from perdure.session import Connection, Database

__all__ = ["OpenOptions", "Prefix"]


@dataclass(frozen=True)
class OpenOptions:
    """How a prefix is opened: `autocommit` None follows the workspace; `lock_flags` as in `init`."""

    autocommit: bool | None = None
    lock_flags: dict[str, Any] = field(default_factory=dict)
    history: bool = True
    check: bool = False


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
        self.database = Database.open(path, name=name, **self._arguments(write))
        try:
            self.connection: Connection = self.database.connect(writable=write)
        except BaseException:
            self.database.close()
            raise

    def _arguments(self, write: bool) -> dict[str, Any]:
        options = self.options
        found: dict[str, Any] = {"create": write, "history": options.history, "check": options.check}
        if write:
            return {**found, "exclusive": True, "lock_flags": options.lock_flags}
        return {**found, "read_only": True}

    @property
    def writable(self) -> bool:
        """Whether this process may change the prefix."""
        return self.connection.writable

    def commit(self) -> None:
        """Commit pending changes, if this process may write and there are any."""
        if self.writable:
            self.connection.commit()

    def close(self) -> None:
        """Commit, drop what nothing holds any more, and end; handles of objects become inaccessible."""
        try:
            if self.writable:
                with self.connection.lock:
                    self.connection.flush()
                    self.connection.lifetime.collect(everything=True)
                    self.connection.commit()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End without committing."""
        try:
            self.connection.close()
        finally:
            self.database.close()

"""Where objects live: how the model reaches the connections of the prefixes that are open.

The workspace stands above the model, so it installs itself here; without one, every question is refused.
"""

from __future__ import annotations

from typing import NoReturn, Protocol

from perdure.errors import WorkspaceError
from perdure.kernel import durable
from perdure.session import Connection, check_accessible

__all__ = [
    "Scope",
    "beside",
    "connection_of",
    "current",
    "elsewhere",
    "holding",
    "install",
    "is_open",
    "migrates",
    "name_of",
    "named",
    "require",
    "set_current",
]


class Scope(Protocol):
    """What a workspace offers to the layers below it."""

    def current(self) -> Connection:
        """The live connection of the current prefix."""

    def named(self, name: str, *, write: bool = False) -> Connection:
        """The live connection of a prefix, opened when it is not: read-only, or for writing."""

    def holding(self, database: int, name: str | None = None) -> Connection:
        """The live connection of the database with this uuid, opened read-only when it is not open."""

    def beside(self, connection: Connection, live: Connection) -> Connection:
        """Where an object that `connection` refers to is seen: in the same snapshot, or the live one."""

    def name_of(self, connection: Connection) -> str:
        """The name of the prefix that a connection belongs to."""

    def is_open(self, name: str) -> bool:
        """Whether this process has a prefix open."""

    def migrates(self, connection: Connection) -> bool:
        """Whether changed declarations of fields are applied in the prefix of a connection without being asked."""


class _Nowhere(durable.Owner):
    """The owner of new objects while no prefix is current: there is no place for them."""

    def __init__(self) -> None:
        self.writable = False

    def refuse_alone(self) -> None:
        """Raise the error of a collection made before `init` or after `close`; it needs no current prefix."""
        require()

    def refuse_create(self, cls: type) -> NoReturn:
        """Raise the error of the missing prefix."""
        current()
        raise WorkspaceError(f"there is no prefix for a new {cls.__qualname__}; open one first")


_nowhere = _Nowhere()
_elsewhere = 0
_scope: Scope | None = None
live: dict[int, Connection] = {}
"""The live connections by the uuid of their database, also closed ones: the quick part of `holding`."""


def set_current(connection: Connection | None) -> None:
    """Make new objects belong to `connection`; for None they are refused, or belong nowhere (see `elsewhere`)."""
    durable.set_ambient(connection or (None if _elsewhere else _nowhere))


def elsewhere(change: int) -> None:
    """Say that databases were opened (1) or closed (-1) other than as prefixes.

    While there are any, objects made without a current prefix are not refused: they may become part of those.
    """
    global _elsewhere
    _elsewhere += change
    if not isinstance(durable.get_ambient(), Connection):
        set_current(None)


def install(scope: Scope | None) -> None:
    """Make `scope` answer for this process; None ends it."""
    global _scope
    _scope = scope
    live.clear()


def opened(connection: Connection) -> None:
    """Say that `connection` is now the live one of its database."""
    live[connection.database.uuid] = connection


def require() -> Scope:
    """The installed scope. Raises `RuntimeError` before `init` and after `close`."""
    if _scope is None:
        raise WorkspaceError("perdure is not initialized; call init(directory) first")
    return _scope


def current() -> Connection:
    """The live connection of the current prefix. Raises `RuntimeError` when no prefix is open."""
    return require().current()


def named(name: str | None, *, write: bool = False) -> Connection:
    """The live connection of the prefix `name` (opened when it is not), of the current one for None."""
    return require().current() if name is None else require().named(name, write=write)


def holding(database: int, name: str | None = None) -> Connection:
    """The live connection of the database with the uuid `database`; `name` is where it was last seen."""
    return require().holding(database, name)


def beside(connection: Connection | None, live: Connection) -> Connection:
    """The connection that sees the database of `live` as `connection` sees its own: in the same snapshot."""
    return live if connection is None else require().beside(connection, live)


def name_of(connection: Connection) -> str:
    """The name of the prefix of a connection."""
    return connection.database.name if _scope is None else _scope.name_of(connection)


def is_open(name: str) -> bool:
    """Whether this process has a prefix open."""
    return require().is_open(name)


def migrates(connection: Connection) -> bool:
    """Whether changed declarations of fields are applied without being asked."""
    return _scope is None or _scope.migrates(connection)


def connection_of(obj: durable.Durable) -> Connection:
    """The connection that an object belongs to: for one that has none yet, that of the current prefix.

    Raises `RuntimeError` for an object whose prefix was closed.
    """
    owner = durable.owner_of(obj)
    if isinstance(owner, Connection):
        return owner
    connection = current()
    check_accessible(obj)
    return connection

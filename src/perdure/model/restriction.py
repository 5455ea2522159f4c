"""Which prefixes are restricted: code that gets an object of theirs is to reach its fields and methods alone."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from perdure.errors import WorkspaceError
from perdure.kernel import durable
from perdure.session import Connection

__all__ = [
    "NONE",
    "Restriction",
    "is_any_restricted",
    "is_restricted",
    "is_static",
    "lift",
    "restrict",
    "restriction_of",
    "watch_restrictions",
]


@dataclass(frozen=True)
class Restriction:
    """How far a prefix, or all of them, are restricted: not, while a context variable is true, or always."""

    static: bool = False
    context: ContextVar[Any] | None = None

    def active(self) -> bool:
        """Whether it holds now; what the context variable's value raises is raised."""
        return self.static or (self.context is not None and bool(self.context.get(None)))

    def raised(self, restricted: bool | None, context: ContextVar[Any] | None) -> Restriction:
        """The restriction after a change, which can only make it stronger. Raises `RuntimeError` for any other."""
        if restricted is not None and context is not None:
            raise WorkspaceError("restricted and restricted_context exclude each other; give one")
        if context is not None:
            if not isinstance(context, ContextVar):
                raise TypeError(f"restricted_context is a ContextVar, not {type(context).__name__}")
            if self.static:
                raise WorkspaceError("restricted mode cannot be weakened: it holds always")
            if self.context is not None:
                raise WorkspaceError("the context variable of restricted mode cannot be replaced")
            return Restriction(context=context)
        if restricted is None:
            return self
        if not restricted:
            raise WorkspaceError("restricted mode cannot be weakened")
        return Restriction(static=True)


NONE = Restriction()
_by_database: dict[int, Restriction] = {}
"""Database uuid → the restriction of its prefix, where there is any."""
_watchers: list[Callable[[], None]] = []


def watch_restrictions(watcher: Callable[[], None]) -> None:
    """Call `watcher` when a prefix becomes restricted."""
    _watchers.append(watcher)


def is_any_restricted() -> bool:
    """Whether any prefix is restricted, if only at times."""
    return bool(_by_database)


def restrict(database: int, restriction: Restriction) -> None:
    """Restrict the objects of a database."""
    if restriction != NONE:
        _by_database[database] = restriction
        for watcher in _watchers:
            watcher()


def lift(database: int) -> None:
    """Forget the restriction of a database that was closed."""
    _by_database.pop(database, None)


def restriction_of(connection: Connection) -> Restriction:
    """The restriction of the prefix of a connection."""
    return _by_database.get(connection.database.uuid, NONE)


def is_static(connection: Connection) -> bool:
    """Whether the prefix of a connection is always restricted."""
    return restriction_of(connection).static


def is_restricted(obj: durable.Durable) -> bool:
    """Whether restricted mode holds for an object now."""
    if not _by_database or durable.is_building(obj):
        return False
    owner = durable.owner_of(obj)
    connection = owner if owner is not None else durable.get_ambient()
    return isinstance(connection, Connection) and restriction_of(connection).active()

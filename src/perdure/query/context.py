"""Which connection a query runs on, where its criteria do not say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.kernel import durable
from perdure.model import scope
from perdure.session import Connection, builtin_id, check_accessible, check_identified

__all__ = [
    "attach",
    "class_source",
    "connection_of",
    "current_connection",
    "database_connection",
    "identified",
    "is_memo",
    "is_memo_class",
    "live",
    "register_class_source",
]


def current_connection() -> Connection:
    """The connection of the current prefix; where no workspace is used, that of new objects.

    Raises `RuntimeError` when there is none.
    """
    ambient = durable.get_ambient()
    return ambient if isinstance(ambient, Connection) else scope.current()


def connection_of(obj: durable.Durable) -> Connection:
    """The connection that an object belongs to, or will belong to when it is stored."""
    owner = durable.owner_of(obj)
    if isinstance(owner, Connection):
        return owner
    check_accessible(obj)
    return current_connection()


def live(connection: Connection) -> Connection:
    """The connection that sees the newest state of the same database; `connection` itself when it does."""
    if connection.writable:
        return connection
    ambient = durable.get_ambient()
    if isinstance(ambient, Connection) and ambient.database.uuid == connection.database.uuid:
        return ambient
    try:
        return scope.holding(connection.database.uuid, connection.database.name)
    except RuntimeError:
        return connection


def database_connection(database: int, name: str | None = None) -> Connection:
    """The live connection of the database with a uuid, last seen under `name`.

    Raises `RuntimeError` when there is none.
    """
    ambient = durable.get_ambient()
    if isinstance(ambient, Connection) and ambient.database.uuid == database:
        return ambient
    return scope.holding(database, name)


def is_memo(value: object) -> bool:
    """Whether `value` is an object that can have tags and be found: durable, and no collection."""
    return isinstance(value, durable.Durable) and not builtin_id(type(value))


def is_memo_class(value: object) -> bool:
    """Whether `value` is a class of such objects."""
    return isinstance(value, type) and issubclass(value, durable.Durable) and not builtin_id(value)


def identified(obj: durable.Durable) -> tuple[Connection, int]:
    """The connection and the id of an object; a new object gets its id now.

    Raises `RuntimeError` for an object whose `__init__` is still running.
    """
    connection = connection_of(obj)
    oid = durable.oid_of(obj)
    if oid:
        return connection, oid
    check_identified(obj)
    with connection.lock:
        return connection, connection.add(obj)


_class_sources: dict[type, Callable[[Any], tuple[Connection, type]]] = {}


def register_class_source(kind: type, source: Callable[[Any], tuple[Connection, type]]) -> None:
    """Let values of type `kind` stand for classes in queries: `source(value)` gives a connection and the class."""
    _class_sources[kind] = source


def class_source(value: object) -> tuple[Connection, type] | None:
    """The connection and the class that a value stands for, or None."""
    source = _class_sources.get(type(value))
    return None if source is None else source(value)


def attach(cls: type, connection: Connection) -> None:
    """Tell a class that has something to keep up in each database that this one is about to be asked for it."""
    hook = getattr(cls, "_perdure_attach_", None)
    if hook is not None:
        hook(connection)

"""What the memo face tells of prefixes, settings and caches; copies of prefixes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from perdure.engine.lmdb import LmdbEngine
from perdure.errors import WorkspaceError
from perdure.kernel import COMPILED, durable
from perdure.model import scope
from perdure.model.base import Memo
from perdure.model.identity import parse_uuid
from perdure.query import Query
from perdure.session import Connection, Database, Forwarding
from perdure.workspace.files import prefix_file
from perdure.workspace.functions import workspace
from perdure.workspace.prefix import Prefix

__all__ = [
    "PrefixMetaData",
    "build_flags",
    "clear_cache",
    "copy_prefix",
    "get_cache_stats",
    "get_config",
    "get_current_prefix",
    "get_mutable_prefixes",
    "get_prefix_of",
    "get_prefixes",
    "set_cache_size",
]


class PrefixMetaData(NamedTuple):
    """Name and 64-bit identity of a prefix."""

    name: str
    uuid: int


def _describe(prefix: Prefix) -> PrefixMetaData:
    return PrefixMetaData(prefix.name, prefix.database.uuid)


def get_current_prefix() -> PrefixMetaData:
    """The prefix that new objects go to. Raises `RuntimeError` when none is open."""
    return _describe(workspace().current_prefix())


def get_prefixes() -> Iterator[PrefixMetaData]:
    """Every prefix in the directory, open or not."""
    space = workspace()
    for name, path in space.find_files():
        opened = space.prefixes.get(name)
        if opened is not None:
            yield _describe(opened)
            continue
        database = Database.open(path, name=name, create=False, read_only=True)
        try:
            yield PrefixMetaData(name, database.uuid)
        finally:
            database.close()


def get_mutable_prefixes() -> Iterator[PrefixMetaData]:
    """The prefixes that this process has open for writing."""
    for prefix in workspace().list_open():
        if prefix.writable:
            yield _describe(prefix)


def get_prefix_of(obj: Any, /) -> PrefixMetaData:
    """The prefix of an object, a collection, a query, an enum, a scoped class, or of the object of a uuid.

    Raises `TypeError` for anything else.
    """
    space = workspace()
    if isinstance(obj, str):
        return _describe_connection(space.holding(parse_uuid(obj)[0]))
    if isinstance(obj, type):
        name = getattr(obj, "_perdure_prefix_", None)
        if not issubclass(obj, Memo) or name is None:
            raise TypeError(f"{obj.__qualname__} belongs to no prefix")
        return _describe_connection(space.named(name))
    if isinstance(obj, Forwarding):
        obj = obj._perdure_aim_()
    if isinstance(obj, durable.Durable):
        return _describe_connection(scope.connection_of(obj))
    if isinstance(obj, Query):
        return _describe_connection(obj.connection)
    own = getattr(type(obj), "_perdure_connection_", None)
    if own is None:
        raise TypeError(f"a {type(obj).__qualname__} belongs to no prefix")
    return _describe_connection(own(obj))


def _describe_connection(connection: Connection) -> PrefixMetaData:
    return PrefixMetaData(scope.name_of(connection), connection.database.uuid)


# -- settings and caches -----------------------------------------------------------------------------------


def get_config() -> dict[str, Any]:
    """The settings in force. Raises `RuntimeError` when not initialized."""
    settings = workspace().settings
    return {
        "autocommit": settings.autocommit,
        "autocommit_interval": settings.autocommit_interval,
        "cache_size": settings.cache_size,
        "lang_cache_size": settings.lang_cache_size,
        "no_auto_migrate": settings.no_auto_migrate,
        "restricted": settings.restricted,
    }


def set_cache_size(size: int, /) -> None:
    """Change the memory for cached objects, in bytes, and free what is above it."""
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"the cache size is a number of bytes, not a {type(size).__name__}")
    workspace().set_cache_size(size)


def clear_cache() -> None:
    """Free all cached objects that can be loaded again."""
    workspace().clear_cache()


def get_cache_stats() -> dict[str, Any]:
    """`size` and `capacity` of the cache in bytes, `lang_cache_size`: how many objects are in memory.

    `deferred_free_count`: how many objects only Python code holds, which the commit after that lets go drops.
    `P_size` divides the size into that of objects (`P0`) and of anything else (`P1`, 0 here).
    """
    space = workspace()
    connections = [prefix.connection for prefix in space.list_open()]
    size = sum(connection.cached_bytes for connection in connections)
    return {
        "size": size,
        "P_size": {"P0": size, "P1": 0},
        "capacity": space.settings.cache_size,
        "lang_cache_size": sum(len(connection.objects) for connection in connections),
        "deferred_free_count": sum(len(connection.lifetime.unheld) for connection in connections),
    }


def build_flags() -> str:
    """`C` when the compiled kernel is in use, `P` for the pure-Python one."""
    return "C" if COMPILED else "P"


def copy_prefix(
    file_name: str | os.PathLike[str], *, prefix: str | None = None, page_io_step_size: int | None = None
) -> None:
    """Write a consistent copy of a prefix, by default the current one, to a new file.

    It holds the newest committed state and all earlier ones, whoever is writing meanwhile; it can be put into a
    workspace as a prefix. It keeps the identity of its original: do not use both in one workspace.
    `page_io_step_size` is accepted for compatibility. Raises `RuntimeError` when there is no such prefix, or the file
    exists.
    """
    space = workspace()
    target = os.path.abspath(file_name)
    if os.path.exists(target):
        raise WorkspaceError(f"{target} exists; a copy is written to a new file")
    opened = space.current_prefix() if prefix is None else space.prefixes.get(prefix)
    if opened is not None:
        _copy(opened.database, target)
        return
    path = prefix_file(space.root, str(prefix))
    if not path.exists():
        raise WorkspaceError(f"Prefix: {prefix} not found ({path})")
    database = Database.open(path, name=prefix, create=False, read_only=True)
    try:
        _copy(database, target)
    finally:
        database.close()


def _copy(database: Database, target: str) -> None:
    engine = database.storage.engine
    if not isinstance(engine, LmdbEngine):
        raise WorkspaceError(f"{database.name} is not kept in a file")
    engine.copy(target)

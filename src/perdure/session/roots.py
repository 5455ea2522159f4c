"""Named objects of a database: where reachability starts. A root name holds its object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from perdure.kernel import codec, durable, keys
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["ROOT", "delete_root", "get_root", "root_names", "set_root"]

_CATALOG = spaces.CATALOG.id
ROOT = b"r"
"""How the keys of roots begin in the catalog."""


def _key(name: str) -> bytes:
    return ROOT + keys.encode((name,))


def root_oid(connection: Connection, name: str) -> int | None:
    """The id of the named object, or None."""
    found = connection.read(_CATALOG, _key(name))
    return None if found is None else cast(int, codec.decode_value(found))


def get_root(connection: Connection, name: str) -> durable.Durable | None:
    """The named object, or None."""
    oid = root_oid(connection, name)
    return None if oid is None else connection.get(oid)


def set_root(connection: Connection, name: str, obj: durable.Durable) -> None:
    """Give an object a name, in the running transaction; an object that had the name is released."""
    with connection.lock:
        delete_root(connection, name)
        oid = connection.add(obj)
        connection.lifetime.hold(oid)
        connection.overlay.put(_CATALOG, _key(name), codec.encode_value(oid))


def delete_root(connection: Connection, name: str) -> bool:
    """Take the name away and release its object; whether there was one."""
    with connection.lock:
        oid = root_oid(connection, name)
        if oid is None:
            return False
        connection.overlay.put(_CATALOG, _key(name), None)
        connection.lifetime.release(oid)
        return True


def root_names(connection: Connection) -> Iterator[str]:
    """All names, in order."""
    for key, _ in connection.scan(_CATALOG, ROOT, b"s"):
        yield cast(str, keys.decode(key[1:])[0])

"""Uuids of objects, and the way back from a uuid to its object."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from perdure.errors import ObjectError, ReferenceError, WorkspaceError
from perdure.kernel import durable, identity
from perdure.model import scope
from perdure.model.weak import Address, Foreign, address_of
from perdure.security import is_visible
from perdure.session import Connection, StandIn, Weak, check_identified, is_restricted

__all__ = ["find_by_uuid", "parse_uuid", "uuid", "uuid_of_address"]

_IDENTIFIED = (durable.Durable, Weak, Foreign)


def uuid(obj: Any, /) -> str:
    """The identity of an object for the outside: 24 characters of `A-Z2-7`, unique over databases and for ever.

    A new object gets its identity by this call. Raises `RuntimeError` for values that have none.

    >>> perdure.uuid(task)  # doctest: +SKIP
    'FHNXLIOQ2R5W6AAAAAAAAABR'
    """
    if isinstance(obj, _IDENTIFIED):
        check_identity(obj)
        return uuid_of_address(address_of(obj))
    own = getattr(type(obj), "_perdure_uuid_", None)
    if own is not None:
        return str(own(obj))
    raise ObjectError(f"Unable to generate UUID: {type(obj).__qualname__} values have none")


def check_identity(obj: durable.Durable | Weak | Foreign) -> None:
    """Raise `RuntimeError` for durable objects that are no memo objects, and for those of a closed prefix."""
    if isinstance(obj, Foreign):
        return
    if isinstance(obj, Weak):
        obj = obj._perdure_aim_()
    if not isinstance(obj, StandIn) and not hasattr(type(obj), "_perdure_factory_"):
        raise ObjectError(f"Unable to generate UUID: {type(obj).__qualname__} objects have none")
    check_identified(obj)


def uuid_of_address(address: Address) -> str:
    """The text of an address."""
    database, oid, _ = address
    return identity.uuid_text(database, oid)


def parse_uuid(text: str) -> tuple[int, int]:
    """Database uuid and object id. Raises `RuntimeError` when `text` is no uuid."""
    found = identity.parse_uuid(text)
    if found is None:
        raise WorkspaceError(f"Invalid UUID: {text[:40]!r} is not 24 characters of A-Z and 2-7")
    return found


def find_by_uuid(text: str, connection_at: Callable[[Connection], Connection] | None = None) -> durable.Durable:
    """The object of a uuid, in the live connection of its database or what `connection_at` gives for that.

    Raises `RuntimeError` for a uuid of no database here, `perdure.ReferenceError` when the object is gone, or may not
    be seen.
    """
    database, oid = identity.parse_uuid(text) or parse_uuid(text)
    connection = scope.live.get(database)
    if connection is None or connection.closed:
        try:
            connection = scope.holding(database)
        except WorkspaceError as error:
            raise WorkspaceError(f"Invalid UUID {text!r}: {error}") from None
    if connection_at is not None:
        connection = connection_at(connection)
    found: durable.Durable | None = None
    with contextlib.suppress(ReferenceError):
        found = connection.get(oid)
    if found is None or (is_restricted(type(found)) and not is_visible(found)):
        # One place for both, outside of a handler, so that their errors are alike in cause and context, too.
        raise ReferenceError(f"Invalid UUID or object has been deleted: {text}")
    return found

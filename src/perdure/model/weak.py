"""References that do not hold their target: in one database a mark on the reference, between two an address."""

from __future__ import annotations

from typing import Any, NamedTuple

from perdure.errors import CorruptRecordError, ReferenceError, StorageError, WorkspaceError
from perdure.kernel import durable
from perdure.model import scope
from perdure.session import Connection, Forwarding, Weak, register_extension

__all__ = ["Address", "Foreign", "WeakProxy", "address_of", "expired", "weak_proxy"]

_FOREIGN = 7

WeakProxy = Weak


class Address(NamedTuple):
    """An object as seen from any database: its database's uuid, its id, and the prefix name that had last."""

    database: int
    oid: int
    prefix: str


class Foreign(Forwarding):
    """A reference to an object of a prefix that was not there, or that had lost the object, when it was read.

    Using it tries again: `perdure.ReferenceError` when the object was deleted, `RuntimeError` when its prefix is not
    there.
    """

    __slots__ = ("__weakref__", "_perdure_address_")

    def __init__(self, address: Address) -> None:
        object.__setattr__(self, "_perdure_address_", address)

    _perdure_address_: Address

    def _perdure_aim_(self) -> durable.Durable:
        """The object, its prefix opened when it is not."""
        address = self._perdure_address_
        return scope.holding(address.database, address.prefix).get(address.oid)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, durable.Durable | Weak | Foreign):
            return NotImplemented
        return address_of(other)[:2] == self._perdure_address_[:2]

    def __hash__(self) -> int:
        return hash(self._perdure_address_[:2])

    def __repr__(self) -> str:
        return f"<weak proxy of #{self._perdure_address_.oid} in {self._perdure_address_.prefix}>"


def weak_proxy(obj: Any, /) -> Any:
    """A value that refers to a memo object without holding it.

    Raises `TypeError` for anything but a memo object or another weak proxy.

    >>> task.parent = perdure.weak_proxy(project)  # doctest: +SKIP
    """
    if isinstance(obj, Weak | Foreign):
        return obj
    if not isinstance(obj, durable.Durable):
        raise TypeError(f"weak_proxy takes a memo object, not {type(obj).__name__}")
    return Weak(obj)


def expired(value: Any, /) -> bool:
    """Whether `value` is a weak reference whose target was deleted. False for anything else.

    Raises `RuntimeError` when the target's prefix cannot be opened: then it cannot be told.
    """
    try:
        if isinstance(value, Forwarding):
            value = value.target
        if isinstance(value, durable.Durable) and durable.state_of(value) <= durable.GHOST:
            durable.load(value)
    except ReferenceError:
        return True
    return False


def address_of(value: durable.Durable | Weak | Foreign) -> Address:
    """Where an object lives; a new object gets its identity."""
    if isinstance(value, Forwarding):
        if isinstance(value, Foreign):
            return value._perdure_address_
        value = value._perdure_aim_()
    connection = scope.connection_of(value)
    oid = durable.oid_of(value) or connection.add(value)
    return Address(connection.database.uuid, oid, scope.name_of(connection))


def _encode_foreign(connection: Connection | None, value: durable.Durable | Foreign) -> object:
    return tuple(address_of(value))


def _decode_foreign(connection: Connection | None, payload: object) -> object:
    """The object itself when its prefix can be opened and it is there, else a proxy that tells why on use."""
    if not isinstance(payload, tuple) or [type(part) for part in payload] != [int, int, str]:
        raise CorruptRecordError(f"a reference into another database is damaged: {payload!r}")
    address = Address(*payload)
    try:
        home = scope.beside(connection, scope.holding(address.database, address.prefix))
    except (StorageError, WorkspaceError):
        return Foreign(address)
    found = _ghost(home, address.oid)
    if found is None:
        return Foreign(address)
    if connection is not None:
        connection.met_elsewhere(home)
    return found


def _ghost(connection: Connection, oid: int) -> durable.Durable | None:
    """The object of an id, perhaps not loaded; None when there is none.

    Takes no lock: the caller has that of another connection, and another thread may have them the other way round.
    """
    found = connection.objects.get(oid)
    if found is None:
        class_id = connection.class_id_of(oid)
        if class_id is None:
            return None
        found = connection.ghost(oid, connection.classes.get(class_id) or connection.class_of(class_id))
    return found


register_extension(_FOREIGN, durable.Durable, _encode_foreign, _decode_foreign)
register_extension(_FOREIGN, Foreign, _encode_foreign, _decode_foreign)

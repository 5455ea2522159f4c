"""References that do not hold their target: in one database a mark on the reference, between two an address."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from perdure.collections.convert import register_conversion
from perdure.errors import CorruptRecordError, ReferenceError, StorageError, WorkspaceError
from perdure.kernel import durable
from perdure.model import scope
from perdure.session import Connection, Weak, register_extension

__all__ = ["Address", "WeakProxy", "address_of", "expired", "target_of", "weak_proxy"]

_FOREIGN = 7


class Address(NamedTuple):
    """An object as seen from any database: its database's uuid, its id, and the prefix name that had last."""

    database: int
    oid: int
    prefix: str


class WeakProxy:
    """A weak reference as a value: store it to refer to an object without holding it.

    Attributes are those of the target. Using it after the target was deleted raises `perdure.ReferenceError`.
    """

    __slots__ = ("__weakref__", "_perdure_address_", "_perdure_target_")

    def __init__(self, target: durable.Durable | None, address: Address | None = None) -> None:
        _set(self, "_perdure_target_", target)
        _set(self, "_perdure_address_", address)

    _perdure_target_: durable.Durable | None
    _perdure_address_: Address | None

    def __getattr__(self, name: str) -> Any:
        return getattr(target_of(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(target_of(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(target_of(self), name)

    def __eq__(self, other: object) -> bool:
        mine = _known_address(self)
        if isinstance(other, (WeakProxy, durable.Durable)):
            theirs = _known_address(other)
            return mine is not None and theirs is not None and mine[:2] == theirs[:2]
        return NotImplemented

    def __hash__(self) -> int:
        address = _known_address(self)
        return hash(address[:2]) if address is not None else id(self._perdure_target_)

    def __repr__(self) -> str:
        address = _known_address(self)
        return f"<weak proxy of #{address.oid} in {address.prefix}>" if address is not None else "<weak proxy>"


_set = object.__setattr__


def weak_proxy(obj: Any, /) -> WeakProxy:
    """A value that refers to a memo object without holding it.

    Raises `TypeError` for anything but a memo object or another weak proxy.

    >>> task.parent = perdure.weak_proxy(project)  # doctest: +SKIP
    """
    if isinstance(obj, WeakProxy):
        return obj
    if not isinstance(obj, durable.Durable):
        raise TypeError(f"weak_proxy takes a memo object, not {type(obj).__name__}")
    return WeakProxy(obj)


def target_of(value: WeakProxy) -> durable.Durable:
    """The object behind a weak proxy, its prefix opened when it is not.

    Raises `perdure.ReferenceError` when it was deleted, `RuntimeError` when its prefix is not there.
    """
    target = value._perdure_target_
    if target is None:
        address = cast(Address, value._perdure_address_)
        target = scope.holding(address.database, address.prefix).get(address.oid)
        _set(value, "_perdure_target_", target)
    return target


def expired(value: Any, /) -> bool:
    """Whether `value` is a weak reference whose target was deleted. False for anything else.

    Raises `RuntimeError` when the target's prefix cannot be opened: then it cannot be told.
    """
    try:
        if isinstance(value, WeakProxy):
            value = target_of(value)
        if isinstance(value, durable.Durable) and durable.state_of(value) <= durable.GHOST:
            durable.load(value)
    except ReferenceError:
        return True
    return False


def address_of(value: durable.Durable | WeakProxy) -> Address:
    """Where an object lives; a new object gets its identity."""
    if isinstance(value, WeakProxy):
        if value._perdure_address_ is not None:
            return value._perdure_address_
        value = cast(durable.Durable, value._perdure_target_)
    connection = scope.connection_of(value)
    oid = durable.oid_of(value) or connection.add(value)
    return Address(connection.database.uuid, oid, scope.name_of(connection))


def _known_address(value: durable.Durable | WeakProxy) -> Address | None:
    if isinstance(value, WeakProxy) and value._perdure_address_ is not None:
        return value._perdure_address_
    target = value._perdure_target_ if isinstance(value, WeakProxy) else value
    owner = durable.owner_of(target) if target is not None else None
    if target is None or not isinstance(owner, Connection) or not durable.oid_of(target):
        return None
    return Address(owner.database.uuid, durable.oid_of(target), scope.name_of(owner))


def _encode_foreign(connection: Connection | None, value: durable.Durable | WeakProxy) -> object:
    return tuple(address_of(value))


def _decode_foreign(connection: Connection | None, payload: object) -> object:
    """The object itself when its prefix can be opened and it is there, else a proxy that tells why on use."""
    if not isinstance(payload, tuple) or [type(part) for part in payload] != [int, int, str]:
        raise CorruptRecordError(f"a reference into another database is damaged: {payload!r}")
    address = Address(*payload)
    try:
        home = scope.beside(connection, scope.holding(address.database, address.prefix))
    except (StorageError, WorkspaceError):
        return WeakProxy(None, address)
    return _ghost(home, address.oid) or WeakProxy(None, address)


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


def _convert_element(value: WeakProxy, converting: object) -> object:
    target = value._perdure_target_
    return value if target is None else Weak(target)


register_conversion(WeakProxy, _convert_element)
register_extension(_FOREIGN, durable.Durable, _encode_foreign, _decode_foreign)
register_extension(_FOREIGN, WeakProxy, _encode_foreign, _decode_foreign)

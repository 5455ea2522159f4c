"""Functions on the fields of objects, and explicit destruction."""

from __future__ import annotations

from typing import Any

from perdure.errors import ObjectError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.access import matches
from perdure.model.base import Memo
from perdure.model.creation import is_the_singleton, remove_singleton
from perdure.security import visible_ids
from perdure.session import (
    Connection,
    Forwarding,
    builtin_id,
    count_instances,
    identity_of,
    instance_ids,
    is_restricted,
)

__all__ = ["assign", "delete", "getattr_as", "getrefcount", "touch"]


def assign(*objects: Any, **attributes: Any) -> None:
    """Set each attribute on each object. Nothing without objects or without attributes.

    Raises `RuntimeError` for what is no memo object and for values that cannot be stored; what was assigned before
    stays, use `atomic_assign` to have all or nothing.

    >>> perdure.assign(first, second, done=True)  # doctest: +SKIP
    """
    for obj in objects:
        if not isinstance(obj, Memo):
            raise ObjectError(f"assign takes memo objects, not {type(obj).__name__}")
    for obj in objects:
        for name, value in attributes.items():
            try:
                setattr(obj, name, value)
            except AttributeError as error:
                if isinstance(error, RuntimeError):
                    raise
                raise ObjectError(str(error)) from error


def touch(*objects: Any) -> None:
    """Mark objects as modified without changing them: the next commit stores them again.

    Raises `TypeError` for what is no memo object.
    """
    for obj in objects:
        if not isinstance(obj, Memo):
            raise TypeError(f"touch takes memo objects, not {type(obj).__name__}")
    for obj in objects:
        durable.mark_dirty(obj)


def getattr_as(obj: Any, name: str, expected: type, /) -> Any:
    """A field that refers to an object of the class `expected` (`MemoBase`: of any).

    Raises `RuntimeError` when it is of another class.
    """
    value = getattr(obj, name)
    if isinstance(value, Forwarding):
        value = value.target
    if isinstance(value, durable.Durable) and not matches(value, expected):
        raise ObjectError(f"{name} is a {type(value).__qualname__}, not a {expected.__qualname__}")
    return value


def delete(obj: Any, /) -> None:
    """Destroy an object that nothing refers to and that has no tags; it cannot be used afterwards.

    Raises `RuntimeError` when something holds it, `TypeError` for what is no durable object.
    """
    if not isinstance(obj, durable.Durable):
        raise TypeError(f"delete takes a durable object, not {type(obj).__name__}")
    connection = scope.connection_of(obj)
    if not connection.writable:
        connection.refuse_write(obj)
    with connection.changing():
        durable.load(obj)
        connection.flush()
        oid = durable.oid_of(obj)
        if oid:
            if durable.root_of(obj):
                raise ObjectError(f"Cannot delete {durable.describe(obj)}: it is part of #{durable.root_of(obj)}")
            if _count_holders(obj, connection):
                raise ObjectError(f"Cannot delete a memo object with references: {durable.describe(obj)}")
            remove_singleton(obj, connection)
            connection.lifetime.drop(oid)
        durable.kill(obj)
        connection.generation += 1


def _count_holders(obj: durable.Durable, connection: Connection) -> int:
    """What holds an object, besides its being a singleton."""
    oid = durable.oid_of(obj)
    return connection.lifetime.holders(oid) - is_the_singleton(obj, connection) if oid else 0


def getrefcount(value: Any, /) -> int:
    """How many stored references and regular tags hold an object; for a class, how many instances it has.

    Of a restricted class, the instances that can be seen are counted. Raises `RuntimeError` for anything else.
    """
    if isinstance(value, type) and issubclass(value, Memo):
        return _count_instances(value, scope.named(value._perdure_prefix_))
    if not isinstance(value, durable.Durable) or builtin_id(type(value)):
        raise ObjectError(f"getrefcount takes a memo object or class, not {type(value).__name__}")
    connection = scope.connection_of(value)
    with connection.lock:
        durable.load(value)
        connection.flush()
        return _count_holders(value, connection)


def _count_instances(cls: type[Memo], connection: Connection) -> int:
    with connection.lock:
        connection.flush()
        ids = connection.catalog.ids_of(identity_of(cls))
        if is_restricted(cls) or not connection.catalog.restricted_ids().isdisjoint(ids):
            oids = [oid for class_id in ids for oid in instance_ids(connection, class_id)]
            return len(visible_ids(connection, cls.__qualname__, oids, restricted=True))
        return sum(count_instances(connection, class_id) for class_id in ids)

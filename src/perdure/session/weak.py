"""References that do not hold their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.kernel import codec, durable

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["Weak", "find_weak", "weak_fields"]


class Weak:
    """A reference that does not hold its target: what is stored for `weak_proxy` values."""

    __slots__ = ("_cls", "_connection", "_oid", "_target")

    def __init__(self, target: durable.Durable) -> None:
        self._connection: Connection | None = durable.owner_of(target)
        self._oid = durable.oid_of(target)
        self._cls = type(target)
        self._target = None if self._oid else target

    @property
    def target(self) -> durable.Durable:
        """The object referred to; dead when it was dropped."""
        if self._target is not None:
            return self._target
        assert self._connection is not None
        return self._connection.ghost(self._oid, self._cls)

    def refer(self, connection: Connection) -> codec.Reference | codec.Extension:
        """The stored form."""
        if self._target is not None:
            owner = durable.owner_of(self._target) or connection
            self._oid, self._connection = owner.add(self._target), owner
            self._target = None
        if self._connection is not connection:
            return connection.refer(self.target)
        return codec.Reference(self._oid, connection.catalog.class_id(self._cls), True)


def weak_fields(holder: durable.Durable | None, target: durable.Durable) -> int:
    """How many weak fields of a loaded object refer to the target."""
    if holder is None or not holder._perdure_weak_ or durable.state_of(holder) <= durable.GHOST:
        return 0
    weak = holder._perdure_weak_
    return sum(1 for name, value in durable.fields(holder).items() if value is target and name in weak)


def find_weak(connection: Connection, reference: codec.Reference) -> Weak:
    """A `Weak` for the target of a stored weak reference."""
    cls = connection.classes.get(reference.class_id) or connection.class_of(reference.class_id)
    return Weak(connection.ghost(reference.oid, cls))

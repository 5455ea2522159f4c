"""References that do not hold their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.kernel import codec, durable

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["Forwarding", "Weak", "find_weak", "weak_fields"]

_set = object.__setattr__


class Forwarding:
    """A value whose attributes are those of the object it refers to, its `target`."""

    __slots__ = ()

    @property
    def target(self) -> durable.Durable:
        """The object referred to. Raises `PermissionError` when it is restricted and may not be seen."""
        found: durable.Durable = durable.release(self._perdure_aim_())
        return found

    def _perdure_aim_(self) -> durable.Durable:
        """The object referred to, whoever asks."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.target, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.target, name)


class Weak(Forwarding):
    """A reference that does not hold its target: what `weak_proxy` gives, and what is stored for it.

    Attributes are those of the target; using them after it was deleted raises `perdure.ReferenceError`.
    """

    __slots__ = ("__weakref__", "_perdure_cls_", "_perdure_connection_", "_perdure_oid_", "_perdure_target_")

    _perdure_cls_: type[durable.Durable]
    _perdure_connection_: Connection | None
    _perdure_oid_: int
    _perdure_target_: durable.Durable | None

    def __init__(self, target: durable.Durable) -> None:
        oid = durable.oid_of(target)
        _set(self, "_perdure_cls_", type(target))
        self._perdure_place_(durable.owner_of(target), oid, None if oid else target)

    def _perdure_place_(self, connection: Connection | None, oid: int, target: durable.Durable | None) -> None:
        _set(self, "_perdure_connection_", connection)
        _set(self, "_perdure_oid_", oid)
        _set(self, "_perdure_target_", target)

    def _perdure_aim_(self) -> durable.Durable:
        """The object referred to; dead when it was dropped."""
        if self._perdure_target_ is not None:
            return self._perdure_target_
        assert self._perdure_connection_ is not None
        return self._perdure_connection_.ghost(self._perdure_oid_, self._perdure_cls_)

    def refer(self, connection: Connection) -> codec.Reference | codec.Extension:
        """The stored form."""
        target = self._perdure_target_
        if target is not None:
            owner = durable.owner_of(target) or connection
            self._perdure_place_(owner, owner.add(target), None)
        if self._perdure_connection_ is not connection:
            return connection.refer(self._perdure_aim_())
        return codec.Reference(self._perdure_oid_, connection.catalog.class_id(self._perdure_cls_), True)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Weak):
            return self._perdure_aim_() is other._perdure_aim_()
        return self._perdure_aim_() is other if isinstance(other, durable.Durable) else NotImplemented

    def __hash__(self) -> int:
        return object.__hash__(self._perdure_aim_())

    def __repr__(self) -> str:
        return f"<weak proxy of {durable.describe(self._perdure_aim_())}>"


def weak_fields(holder: durable.Durable | None) -> list[durable.Durable]:
    """What the weak fields of a loaded object refer to, once for each field; so is any field into another database.

    A collection makes its references into other databases weak here (`_perdure_loosen_`), as far as they are elements
    or values; what it refers to in keys or in plain tuples is found like a field.
    """
    if holder is None or durable.state_of(holder) <= durable.GHOST:
        return []
    weak, home = holder._perdure_weak_ or (), durable.owner_of(holder)
    loosen = getattr(type(holder), "_perdure_loosen_", None)
    found = durable.fields(holder).items() if loosen is None else [("", loosen(holder))]
    objects = [(name, one) for name, value in found for one in _objects_in(value)]
    return [value for name, value in objects if name in weak or durable.owner_of(value) not in (home, None)]


def _objects_in(value: object) -> list[durable.Durable]:
    if isinstance(value, durable.Durable):
        return [value]
    if type(value) is tuple or type(value) is frozenset:
        return [one for item in value for one in _objects_in(item)]
    return []


def find_weak(connection: Connection, reference: codec.Reference) -> Weak:
    """A `Weak` for the target of a stored weak reference."""
    cls = connection.classes.get(reference.class_id) or connection.class_of(reference.class_id)
    return Weak(connection.ghost(reference.oid, cls))

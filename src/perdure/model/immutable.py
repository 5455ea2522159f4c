"""Immutable memo classes: what `memo` adds to a class whose objects are written once, and interned ones."""

from __future__ import annotations

from typing import Any

from perdure.errors import WorkspaceError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.fields import canonical
from perdure.security import check_content
from perdure.session import RESTRICTED, Connection, content_of, is_restricted

__all__ = ["check_flags", "is_interned", "members_of", "stored"]


def check_flags(target: type, flags: dict[str, bool]) -> None:
    """Refuse what goes not together: `intern` without `immutable`, a class that can change below one that cannot."""
    name = target.__qualname__
    if flags.get("intern") and not flags.get("immutable"):
        raise WorkspaceError(f"memo: intern=True of {name} needs immutable=True, since equal objects become one")
    if flags.get("intern") and flags.get("singleton"):
        raise WorkspaceError(f"memo: {name} cannot be both a singleton and interned (intern=True)")
    if flags.get("intern") and (flags.get(RESTRICTED) or is_restricted(target)):
        raise WorkspaceError(
            f"memo: {name} cannot be both interned (intern=True) and restricted (access_control=True): looking up a "
            "content would tell whether somebody else has stored it"
        )
    if not flags.get("immutable"):
        for base in target.__mro__:
            if "_perdure_flags_" in base.__dict__ and getattr(base, "_perdure_immutable_", False):
                raise TypeError(f"{name} derives from the immutable {base.__qualname__}; declare it immutable=True too")


def members_of(target: Any, flags: dict[str, bool], identity: str) -> dict[str, Any]:
    """What the class made from `target` has besides that of any memo class."""
    frozen, interned = flags.get("immutable", False), flags.get("intern", False)
    members: dict[str, Any] = {"_perdure_immutable_": frozen, "_perdure_interned_": interned}
    members["_perdure_domain_"] = identity
    if interned and target.__eq__ is object.__eq__ and target.__hash__ is object.__hash__:
        members |= {"__eq__": _equal, "__hash__": _hash}
    return members


def _equal(self: Any, other: Any) -> Any:
    """Interned objects are equal when their content is."""
    if self is other:
        return True
    if type(other) is not type(self):
        return NotImplemented
    check_content(self)
    check_content(other)
    return content_of(self) == content_of(other)


def _hash(self: Any) -> int:
    check_content(self)
    return hash(content_of(self))


def is_interned(obj: object) -> bool:
    """Whether an object is of an interned class."""
    return bool(getattr(type(obj), "_perdure_interned_", False))


def stored(obj: durable.Durable) -> durable.Durable:
    """The stored form of an immutable object that is stored nowhere: itself, or the equal interned one."""
    connection = durable.owner_of(obj) or durable.get_ambient()
    if not isinstance(connection, Connection):
        connection = scope.current()
    if type(obj)._perdure_interned_:  # type: ignore[attr-defined]
        found: durable.Durable | None = connection.interning.find_loaded(obj)
        if found is not None:
            return found
    else:
        with connection.lock:
            connection.add(obj)
        return obj
    return canonical(obj, connection)

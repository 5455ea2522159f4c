"""What a value becomes when it is assigned to a field of a memo object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.collections.convert import convert
from perdure.errors import ObjectError
from perdure.errors import ReferenceError as DeadReferenceError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.enums import EnumValue, translated
from perdure.session import Connection, Weak, builtin_id, check_accessible

if TYPE_CHECKING:
    from perdure.model.base import Memo

__all__ = ["canonical", "convert_field", "unsupported"]

_LIST = 1
_nothing: frozenset[str] = frozenset()


def convert_field(obj: Memo, name: str, value: Any) -> Any:
    """The value that the field keeps: containers become durable, the rest stays.

    Raises `AttributeError` for what cannot be stored; the object is as it was.
    """
    weak = False
    if isinstance(value, durable.Durable):
        if durable.state_of(value) <= durable.GHOST:
            _check_usable(value)
        if durable.is_transient(value):
            value = _stored(obj, value)
        elif builtin_id(type(value)):
            _check_home(obj, name, value)
            _take(obj, value)
        elif durable.owner_of(value) is not durable.owner_of(obj):
            _note_elsewhere(obj, value)
    elif isinstance(value, Weak):
        value = value._perdure_aim_()
        weak = _home(value) is _home(obj)
        if not weak:
            _note_elsewhere(obj, value)
    elif isinstance(value, EnumValue):
        value = translated(value, _home(obj))
    else:
        value = _convert_plain(obj, name, value)
    names = obj._perdure_weak_ or _nothing
    if weak != (name in names):
        obj._perdure_weak_ = names | {name} if weak else (names - {name}) or None
    return value


def _note_elsewhere(obj: Memo, value: durable.Durable) -> None:
    """Let another prefix know that `obj` refers to its object `value`, which the field does not hold."""
    home = durable.owner_of(value)
    if isinstance(home, Connection) and home is not _home(obj):
        home.note_weak(obj)


def _stored(obj: Memo, value: Any) -> durable.Durable:
    """The stored object for an interned one, if it is to be here; any other immutable object is stored with `obj`."""
    home = _home(obj)
    here = home is not None and home.writable and durable.owner_of(value) in (None, home)
    return canonical(value, home) if home is not None and here and value._perdure_interned_ else value


def canonical(obj: durable.Durable, connection: Connection) -> durable.Durable:
    """The one object with the content of the interned `obj` in a prefix, stored now when there is none."""
    with connection.lock:
        found = connection.interning.find(obj)
        if found is None:
            connection.add(obj)
            return obj
        return found


def _convert_plain(obj: Memo, name: str, value: Any) -> Any:
    if isinstance(value, type):
        _check_scope(obj, name, value)
    try:
        value = convert(value)
    except (TypeError, ObjectError) as error:
        raise unsupported(obj, name, value, error) from error
    if isinstance(value, durable.Durable):
        _take(obj, value)
    return value


def unsupported(obj: Memo, name: str, value: object, reason: object) -> AttributeError:
    """The error of a value that a field cannot keep."""
    kind, cls = type(value), type(obj)
    shown = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    place = f"{cls.__module__}.{cls.__qualname__}.{name}"
    return AttributeError(f"Unsupported attribute type {shown} for {place}: {reason}")


def _check_usable(value: durable.Durable) -> None:
    if durable.state_of(value) == durable.DEAD:
        raise DeadReferenceError(f"{durable.describe(value)} was deleted and cannot be referred to")
    check_accessible(value)


def _home(obj: durable.Durable) -> Connection | None:
    """The connection that an object belongs to, or will belong to once it is stored."""
    owner = durable.owner_of(obj)
    found = owner if owner is not None else durable.get_ambient()
    return found if isinstance(found, Connection) else None


def _check_home(obj: Memo, name: str, value: durable.Durable) -> None:
    """Refuse collections of another prefix: what they hold could not be counted here."""
    home = _home(obj)
    owner = durable.owner_of(value)
    filled_elsewhere = owner is None and builtin_id(type(value)) == _LIST and len(value) > 0  # type: ignore[arg-type]
    if _home(value) is not home and (owner is not None or filled_elsewhere):
        place = f"{type(obj).__qualname__}.{name}"
        raise AttributeError(f"a {type(value).__qualname__} of another prefix cannot be moved to {place}; copy it")


def _take(obj: Memo, value: durable.Durable) -> None:
    """Let a collection that is nowhere yet belong where the object does."""
    home = _home(obj)
    if home is not None and home.writable and durable.owner_of(value) is None:
        durable.adopt(value, home)


def _check_scope(obj: Memo, name: str, value: type) -> None:
    """Refuse a class that is bound to another prefix."""
    prefix = getattr(value, "_perdure_prefix_", None)
    home = _home(obj)
    if prefix is not None and home is not None and scope.name_of(home) != prefix:
        raise AttributeError(
            f"{value.__qualname__} is bound to prefix {prefix} and cannot be stored in "
            f"{type(obj).__qualname__}.{name} on prefix {scope.name_of(home)}"
        )

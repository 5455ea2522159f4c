"""What a value becomes when it is assigned to a field of a memo object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.errors import ObjectError
from perdure.kernel import durable
from perdure.model.weak import WeakProxy
from perdure.session import Weak

if TYPE_CHECKING:
    from perdure.model.base import Memo

__all__ = ["convert_field", "unsupported"]

_none: frozenset[str] = frozenset()


def unsupported(cls: type, name: str, value: object) -> AttributeError:
    """The error for a value that no field can keep."""
    kind = type(value)
    shown = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return AttributeError(f"Unsupported attribute type {shown} for {cls.__module__}.{cls.__qualname__}.{name}")


def convert_field(obj: Memo, name: str, value: Any) -> Any:
    """The value that the field keeps. Raises `AttributeError` for what cannot be stored."""
    if isinstance(value, durable.Durable):
        _note(obj, name, weak=False)
        return value
    if isinstance(value, Weak):
        return _convert_weak(obj, name, value)
    from perdure.collections.convert import convert

    try:
        converted = convert(value)
    except (TypeError, ObjectError) as error:
        raise unsupported(type(obj), name, value) from error
    _note(obj, name, weak=False)
    return converted


def _convert_weak(obj: Memo, name: str, value: Weak) -> Any:
    if not isinstance(value, WeakProxy) or value.is_resolved():
        _note(obj, name, weak=True)
        return value.target
    _note(obj, name, weak=False)
    return value


def _note(obj: Memo, name: str, *, weak: bool) -> None:
    """Record whether the reference in a field holds its target."""
    names = obj._perdure_weak_ or _none
    if weak != (name in names):
        obj._perdure_weak_ = names | {name} if weak else names - {name}

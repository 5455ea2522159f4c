"""Dataclasses that are frozen or have slots, in a form in which their instances can be durable.

A frozen dataclass sets its fields past `__setattr__`, which durable objects do not allow, so it gets an `__init__` with
the same meaning. One with slots keeps the values in itself, where nothing could be stored, so it is made anew without.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from perdure.kernel import durable

__all__ = ["frozen_init", "is_frozen", "without_slots"]

_OF_SLOTS = frozenset({"__slots__", "__dict__", "__weakref__", "__getstate__", "__setstate__"})


def is_frozen(cls: type) -> bool:
    """Whether a class is a frozen dataclass."""
    parameters = getattr(cls, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def without_slots(cls: Any) -> Any:
    """A dataclass with slots of its own as the same class without them; any other class as it is."""
    slots = cls.__dict__.get("__slots__")
    if not slots or not hasattr(cls, "__dataclass_fields__"):
        return cls
    names = _OF_SLOTS | set((slots,) if isinstance(slots, str) else slots)
    members = {name: value for name, value in vars(cls).items() if name not in names}
    members["__qualname__"] = cls.__qualname__
    metaclass: Any = type(cls)
    return metaclass(cls.__name__, cls.__bases__, members)


def frozen_init(cls: Any) -> Callable[..., None] | None:
    """The `__init__` of a frozen dataclass for durable instances; None where the class has one of its own."""
    signature = inspect.signature(cls.__init__)
    given = list(signature.parameters)[1:]
    fields = dataclasses.fields(cls)
    own = {field.name for field in fields}
    variables = [name for name in given if name not in own]
    if not {field.name for field in fields if field.init} <= set(given) or _is_free(signature):
        return None

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        arguments = signature.bind(self, *args, **kwargs).arguments
        for field in fields:
            value = _value_of(field, arguments)
            if value is not dataclasses.MISSING:
                durable.Durable.__setattr__(self, field.name, value)
        finish = getattr(self, "__post_init__", None)
        if finish is not None:
            finish(*[arguments.get(name, getattr(cls, name, None)) for name in variables])

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


def _is_free(signature: inspect.Signature) -> bool:
    """Whether it takes any arguments, as no generated `__init__` does."""
    return any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in signature.parameters.values())


def _value_of(field: dataclasses.Field[Any], arguments: dict[str, Any]) -> Any:
    """What a field is set to: the argument or default; `MISSING` where it is left to the class."""
    if field.init and field.name in arguments:
        return arguments[field.name]
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default if field.init else dataclasses.MISSING

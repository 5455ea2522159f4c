"""Methods and properties of objects, described for those who show or call them without knowing the class."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from perdure.kernel import durable
from perdure.model import Memo
from perdure.reflection.markers import (
    get_complete_action_name,
    is_immutable,
    is_immutable_parameter,
    is_private,
    parameters_of,
)

__all__ = [
    "CallableType",
    "MethodInfo",
    "MethodParam",
    "get_callables",
    "get_methods",
    "get_properties",
    "methods_of",
]

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class CallableType(enum.Enum):
    """What calling does: a property is read, a query answers, an action needs arguments, a mutator none."""

    PROPERTY = 1
    QUERY = 2
    ACTION = 3
    MUTATOR = 4


@dataclass(frozen=True)
class MethodParam:
    """A parameter: its name, its default and annotation (`inspect.Parameter.empty` where there is none)."""

    name: str
    default: Any = inspect.Parameter.empty
    annotation: Any = inspect.Parameter.empty

    @property
    def has_default(self) -> bool:
        """Whether the parameter may be left out."""
        return self.default is not inspect.Parameter.empty


def params_of(signature: inspect.Signature) -> list[MethodParam]:
    """The parameters of a signature that have a name of their own."""
    named = [one for one in signature.parameters.values() if one.kind not in _VARIABLE]
    return [MethodParam(one.name, one.default, one.annotation) for one in named]


@dataclass(frozen=True)
class MethodInfo:
    """A public method: its name, its signature without the object, and the class that was asked."""

    name: str
    signature: inspect.Signature
    metaclass: Any = field(default=None, compare=False)

    def get_params(self) -> list[MethodParam]:
        """The parameters, `*args` and `**kwargs` left out."""
        return params_of(self.signature)

    @property
    def has_args(self) -> bool:
        """Whether the method takes `*args`."""
        return any(one.kind is one.VAR_POSITIONAL for one in self.signature.parameters.values())

    @property
    def has_kwargs(self) -> bool:
        """Whether the method takes `**kwargs`."""
        return any(one.kind is one.VAR_KEYWORD for one in self.signature.parameters.values())


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public members that the user's classes define, by name, as they stand in the class."""
    bases = [base for base in cls.__mro__ if base not in (object, Memo, durable.Durable)]
    for name in sorted({name for base in bases for name in vars(base) if not is_private(name)}):
        yield name, inspect.getattr_static(cls, name)


def methods_of(cls: type, metaclass: Any = None) -> list[MethodInfo]:
    """The public methods of a class."""
    found = []
    for name, member in _members(cls):
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if inspect.isfunction(function):
            shown = inspect.signature(function)
            if not isinstance(member, staticmethod):
                shown = shown.replace(parameters=list(shown.parameters.values())[1:])
            found.append(MethodInfo(name, shown, metaclass))
    return found


def get_methods(obj: Any, /) -> list[MethodInfo]:
    """The public methods of an object, in order of their names.

    >>> [method.name for method in perdure.get_methods(task)]  # doctest: +SKIP
    ['close', 'move_to']
    """
    return methods_of(type(obj))


def get_properties(obj: Any, /) -> list[tuple[str, bool]]:
    """What an object can be asked without arguments, as pairs of a name and whether it has to be called.

    These are its public fields, its properties, and its methods marked with `immutable` without parameters.
    """
    found = dict.fromkeys((name for name in _fields(obj) if not is_private(name)), False)
    for name, member in _members(type(obj)):
        if isinstance(member, property | cached_property):
            found.setdefault(name, False)
        elif inspect.isfunction(member) and is_immutable_parameter(member):
            found.setdefault(name, True)
    return list(found.items())


def _fields(obj: Any) -> list[str]:
    """The names of the fields of an object."""
    if not isinstance(obj, durable.Durable):
        return list(getattr(obj, "__dict__", {}))
    durable.load(obj)
    return list(durable.fields(obj))


def get_callables(obj: Any, /, include_properties: bool = False) -> list[tuple[str, CallableType]]:
    """The public methods of an object with what calling them does; of memo objects and any others.

    Methods marked with `immutable` are queries, or properties when they have no parameters: those are left out unless
    `include_properties`. Others are actions, or mutators when they have no parameters. A method that completes a query
    (see `complete_with`) is left out.
    """
    members = [(name, member) for name, member in _members(type(obj)) if inspect.isfunction(member)]
    completing = {get_complete_action_name(member) for _, member in members}
    found = [(name, _kind_of(member)) for name, member in members if name not in completing]
    return [(name, kind) for name, kind in found if include_properties or kind is not CallableType.PROPERTY]


def _kind_of(function: Any) -> CallableType:
    if is_immutable(function):
        return CallableType.QUERY if parameters_of(function) else CallableType.PROPERTY
    return CallableType.ACTION if parameters_of(function) else CallableType.MUTATOR

"""Durable objects as plain Python values, and a hash of values that is the same in every process."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import inspect
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import PurePath
from types import FunctionType, ModuleType
from typing import Any, cast
from uuid import UUID

from perdure.collections import ByteArray, Dict, List, Set, Tuple
from perdure.kernel import durable, embedded, keys
from perdure.model.base import Memo
from perdure.model.enums import EnumType, EnumValue
from perdure.model.identity import uuid
from perdure.model.values import Unresolved
from perdure.session import Forwarding, identity_of

__all__ = ["hash_of", "load", "load_all"]


class _NotGiven:
    """Tells a missing `exclude` from None, which is refused."""

    def __repr__(self) -> str:
        return "<not given>"


_NOT_GIVEN = _NotGiven()


def load(obj: Any, /, *, exclude: Any = _NOT_GIVEN, **arguments: Any) -> Any:
    """The plain Python value of a durable object, with all that it holds.

    Collections become Python's, enum values their names, memo objects dicts of their fields or what their method
    `__load__` returns, which is given those of `arguments` that it takes. `exclude` lists fields of `obj` to leave
    out. A set whose loaded elements have no hash becomes a list.

    Raises `RecursionError` for an object that holds itself, `AttributeError` for one that cannot be loaded.

    >>> perdure.load(task)  # doctest: +SKIP
    {'title': 'write', 'tags': ['today']}
    """
    left_out = _names(exclude)
    if left_out and hasattr(type(obj), "__load__"):
        raise AttributeError("Cannot exclude values when __load__ is implemented")
    return _Loading(arguments).load(obj, left_out)


def load_all(obj: Any, /, *, exclude: Any = _NOT_GIVEN, **arguments: Any) -> Any:
    """`load` without asking the method `__load__` of `obj` itself; those of what it holds are asked."""
    loading = _Loading(arguments)
    if isinstance(obj, Memo):
        return loading.fields(obj, _names(exclude))
    return loading.load(obj, _names(exclude))


def _names(exclude: Any) -> frozenset[str]:
    if exclude is _NOT_GIVEN:
        return frozenset()
    if not isinstance(exclude, list | tuple | List | Tuple):
        raise TypeError(f"exclude is a list or tuple of field names, not {type(exclude).__name__}")
    return frozenset(exclude)


class _Loading:
    """One conversion; knows what it is inside of."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._path: set[int] = set()

    def load(self, value: Any, left_out: frozenset[str] = frozenset()) -> Any:
        """The plain form of a value."""
        if isinstance(value, Forwarding):
            value = value.target
        if value is None or isinstance(value, _PLAIN):
            return value
        if isinstance(value, EnumValue):
            return value.name
        if id(value) in self._path:
            raise RecursionError(f"a {type(value).__qualname__} holds itself")
        self._path.add(id(value))
        try:
            return self._load_held(value, left_out)
        finally:
            self._path.discard(id(value))

    def _load_held(self, value: Any, left_out: frozenset[str]) -> Any:
        own = getattr(type(value), "__load__", None)
        if own is not None:
            return own(value, **self._accepted(own))
        if isinstance(value, Memo):
            return self.fields(value, left_out)
        if isinstance(value, dict | Dict | embedded.EmbeddedDict):
            return {self.load(key): self.load(item) for key, item in value.items()}
        for kinds, make in _SEQUENCES:
            if isinstance(value, kinds):
                return make([self.load(item) for item in cast("Iterable[Any]", value)])
        raise AttributeError(f"a {type(value).__qualname__} cannot be loaded: it has no __load__")

    def fields(self, obj: Memo, left_out: frozenset[str]) -> dict[str, Any]:
        """The fields of a memo object."""
        return {name: self.load(value) for name, value in durable.visible_fields(obj, left_out).items()}

    def _accepted(self, method: Any) -> dict[str, Any]:
        parameters = inspect.signature(method).parameters
        if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
            return self._arguments
        return {name: value for name, value in self._arguments.items() if name in parameters}


_PLAIN = (
    bool, int, float, complex, str, bytes, Decimal, dt.date, dt.time, dt.timedelta, UUID, range, PurePath,
    type, FunctionType, ModuleType, enum.Enum, EnumType, Unresolved,
)  # fmt: skip


def _set(items: list[Any]) -> Any:
    try:
        return set(items)
    except TypeError:
        return items


_SEQUENCES: list[tuple[tuple[type, ...], Callable[[list[Any]], Any]]] = [
    ((tuple, Tuple), tuple),
    ((list, List), list),
    ((set, frozenset, Set), _set),
    ((bytearray, ByteArray), bytearray),
]


def hash_of(obj: Any, /) -> int:
    """A 64-bit number that is the same for equal values in every process and on every machine.

    For texts, numbers, bytes, dates and times, UUIDs, enum values and members, memo objects and classes, and tuples of
    these, Python's or durable. Raises `TypeError` for anything else.
    """
    key = keys.encode_one(keys.canonical(_hashable(obj)))
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big", signed=True)


def _hashable(value: Any) -> Any:
    """What the key encoding knows in place of a value."""
    if isinstance(value, Forwarding):
        value = value.target
    if isinstance(value, tuple | Tuple):
        return tuple(map(_hashable, value))
    if isinstance(value, EnumValue):
        return _ENUM, value.enum_name, value.name
    if isinstance(value, enum.Enum):
        return _MEMBER, type(value).__module__, type(value).__qualname__, value.name or value.value
    if isinstance(value, Memo):
        return _OBJECT, uuid(value)
    if isinstance(value, type) and issubclass(value, Memo):
        return _CLASS, identity_of(value)
    if isinstance(value, durable.Durable):
        raise TypeError(f"a {type(value).__name__} has no hash")
    return value


_ENUM, _MEMBER, _OBJECT, _CLASS = (keys.EnumKey(1, kind) for kind in range(4))

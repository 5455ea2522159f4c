"""Pure-Python twin of `kernel/embedded.pyx`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from . import durable
from ._watched import look_into

__all__ = ["EmbeddedDict", "EmbeddedSet", "EmbeddedTuple", "freeze"]

PLAIN = frozenset({str, int, float, type(None), bool, bytes})
_SIMPLE = PLAIN | {date, timedelta, UUID, Decimal, complex, range}
_set = object.__setattr__


class EmbeddedTuple(tuple[Any, ...]):
    """What a tuple or list is in an immutable object: a tuple."""

    __slots__ = ()


class EmbeddedSet(frozenset[Any]):
    """What a set is in an immutable object: a frozenset."""

    __slots__ = ()


class EmbeddedDict:
    """What a dict is in an immutable object: a mapping that cannot be changed."""

    __slots__ = ("__weakref__", "_content")
    _content: Mapping[Any, Any]
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, content: Any = ()) -> None:
        if hasattr(self, "_content"):
            raise TypeError("an EmbeddedDict cannot be changed")
        _set(self, "_content", MappingProxyType(dict(content)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an EmbeddedDict cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an EmbeddedDict cannot be changed")

    def __len__(self) -> int:
        return len(self._content)

    def __contains__(self, key: object) -> bool:
        return key in self._content

    def __getitem__(self, key: Any) -> Any:
        return self._content[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._content)

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
        return self._content.get(key, default)

    def keys(self) -> Iterator[Any]:
        """An iterator over the keys."""
        return iter(self._content)

    def values(self) -> Iterator[Any]:
        """An iterator over the values."""
        return iter(self._content.values())

    def items(self) -> Iterator[tuple[Any, Any]]:
        """An iterator over pairs of key and value."""
        return iter(self._content.items())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, EmbeddedDict):
            return self._content == other._content
        return self._content == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return repr(dict(self._content))

    def __reduce__(self) -> Any:
        return EmbeddedDict, (dict(self._content),)


Mapping.register(EmbeddedDict)
look_into(EmbeddedDict)


def freeze(obj: Any) -> None:
    """Convert the fields of an object that is complete to what never changes; its class says what it takes."""
    for name, value in durable.fields(obj).items():
        changed = _freeze_field(obj, name, value)
        if changed is not value:
            durable.set_field(obj, name, changed)


durable.set_freezer(freeze)


def _freeze_field(obj: Any, name: str, value: Any) -> Any:
    if _is_frozen_value(value):
        return value
    try:
        found = _freeze_container(obj, value)
    except (TypeError, RecursionError) as error:
        raise obj._perdure_unsupported_(name, value, error) from error
    if found is not None:
        return found
    found = obj._perdure_convert_(name, value)
    return found if found is value else _freeze_result(obj, found)


def _freeze_result(obj: Any, value: Any) -> Any:
    found = _freeze_container(obj, value)
    return value if found is None else found


def _is_frozen_value(value: Any) -> bool:
    kind = type(value)
    if isinstance(value, durable.Durable):
        return durable.is_frozen(value) and durable.state_of(value) > durable.GHOST
    if kind in _SIMPLE or kind in (EmbeddedTuple, EmbeddedSet, EmbeddedDict):
        return True
    return kind in (datetime, time) and (value.tzinfo is None or value.tzinfo is UTC)


def _freeze_container(obj: Any, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return EmbeddedTuple([_freeze_item(obj, item) for item in value])
    if isinstance(value, dict):
        return EmbeddedDict([(_freeze_item(obj, key), _freeze_item(obj, item)) for key, item in value.items()])
    if isinstance(value, EmbeddedDict):
        return value
    if isinstance(value, set | frozenset):
        return EmbeddedSet([_freeze_item(obj, item) for item in value])
    if isinstance(value, bytearray):
        return bytes(value)
    return None


def _freeze_item(obj: Any, value: Any) -> Any:
    if _is_frozen_value(value):
        return value
    found = _freeze_container(obj, value)
    if found is not None:
        return found
    found = obj._perdure_item_(value)
    return found if found is value else _freeze_result(obj, found)


def load_view(value: Any) -> Any:
    """A decoded value as immutable objects show it."""
    kind = type(value)
    if kind is tuple:
        return EmbeddedTuple([load_view(item) for item in value])
    if kind is dict:
        return EmbeddedDict([(load_view(key), load_view(item)) for key, item in value.items()])
    return EmbeddedSet(value) if kind is frozenset else value

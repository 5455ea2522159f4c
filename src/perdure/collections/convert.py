"""What may be stored in a field or collection, and the durable form of Python's mutable containers."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from perdure.kernel import durable
from perdure.session import Weak, check_identified, find_extension

__all__ = ["Converting", "convert", "register_conversion"]

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, Decimal, dt.date, dt.timedelta, UUID, range})
_ZONED = frozenset({dt.datetime, dt.time})

Converter = Callable[[Any, "Converting"], object]
_converters: dict[type, Converter] = {}


def register_conversion(kind: type, converter: Converter) -> None:
    """Store instances of `kind` and its subclasses as what `converter(value, converting)` gives.

    The converter of a container calls `converting.note(value, result)` before `converting.convert(item)` for each
    item, so that containers that hold themselves stay what they are.
    """
    _converters[kind] = converter


def convert(value: object) -> object:
    """The form in which `value` is stored: lists, dicts, sets and bytearrays become durable, with all in them.

    Raises TypeError, naming the type, for what cannot be stored.

    >>> convert((1, "a"))
    (1, 'a')
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    return Converting().convert(value)


class Converting:
    """One conversion of a value and all in it; the same object met twice becomes the same durable object."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, object]] = {}

    def note(self, value: object, result: object) -> None:
        """Make `result` the form of `value` wherever it is met again."""
        self._known[id(value)] = (value, result)

    def convert(self, value: object) -> object:
        """See `convert`."""
        kind = type(value)
        if kind in _PLAIN or isinstance(value, Weak):
            return value
        if isinstance(value, durable.Durable):
            check_identified(value)
            return value
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        if kind in _ZONED:
            _check_zone(value.tzinfo)  # type: ignore[attr-defined]
            return value
        for base in kind.__mro__:
            converter = _converters.get(base)
            if converter is not None:
                return converter(value, self)
        if find_extension(None, value) is None:
            raise TypeError(f"a value of type {kind.__module__}.{kind.__qualname__} cannot be stored")
        return value


def _check_zone(zone: dt.tzinfo | None) -> None:
    if zone is None or type(zone) is dt.timezone or (type(zone) is ZoneInfo and zone.key):
        return
    raise TypeError(f"a time zone of type {type(zone).__module__}.{type(zone).__qualname__} cannot be stored")


def _convert_tuple(value: tuple[object, ...], converting: Converting) -> tuple[object, ...]:
    if hasattr(value, "_fields"):
        raise _losing(value, "the names of its fields", "tuple(value), or make it a memo class")
    items = [converting.convert(item) for item in value]
    if type(value) is tuple and all(map(_same, items, value)):
        return value
    return tuple(items)


def _convert_frozenset(value: frozenset[object], converting: Converting) -> frozenset[object]:
    items = [converting.convert(item) for item in value]
    return value if type(value) is frozenset else frozenset(items)


def _refuse_ordered(value: OrderedDict[object, object], converting: Converting) -> object:
    raise _losing(value, "how it compares", "dict(value)")


def _losing(value: object, what: str, instead: str) -> TypeError:
    kind = type(value)
    shown = f"{kind.__module__}.{kind.__qualname__}"
    return TypeError(f"a value of type {shown} cannot be stored: it would lose {what}; store {instead}")


def _same(one: object, other: object) -> bool:
    return one is other


register_conversion(OrderedDict, _refuse_ordered)
register_conversion(tuple, _convert_tuple)
register_conversion(frozenset, _convert_frozenset)

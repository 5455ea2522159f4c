"""When elements are equal: plain values, collections and interned objects by content, others by identity."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from perdure.kernel import durable

__all__ = ["equal", "first_difference", "guard", "is_content", "register_content"]

_by_content: set[type] = set()
_unowned = contextlib.nullcontext()


def register_content(kind: type) -> type:
    """Class decorator: instances of `kind` compare by content where they are elements."""
    _by_content.add(kind)
    return kind


def equal(one: Any, other: Any) -> bool:
    """Whether two elements are the same element.

    >>> equal((1, 2), (1.0, 2))
    True
    """
    if one is other:
        return True
    if type(one) is tuple and type(other) is tuple:
        return len(one) == len(other) and all(map(equal, one, other))
    if _compares_by_identity(one) or _compares_by_identity(other):
        return False
    return bool(one == other)


def is_content(value: object) -> bool:
    """Whether a durable object is one of those that compare by content."""
    return not _by_content.isdisjoint(type(value).__mro__)


def _compares_by_identity(value: object) -> bool:
    if not isinstance(value, durable.Durable) or getattr(type(value), "_perdure_interned_", False):
        return False
    return not is_content(value)


def first_difference(one: Iterable[Any], other: Iterable[Any]) -> tuple[Any, Any] | None:
    """The first two elements that differ, or None when one sequence starts with the other."""
    for left, right in zip(one, other, strict=False):
        if not equal(left, right):
            return left, right
    return None


def guard(obj: durable.Durable) -> AbstractContextManager[Any]:
    """The lock under which `obj` may change: its owner's; none for a new object without one."""
    owner = durable.owner_of(obj)
    return _unowned if owner is None else owner.lock

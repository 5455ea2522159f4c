"""Ordered sets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from perdure.collections.comparing import guard
from perdure.collections.entries import ABSENT
from perdure.collections.keying import hot_key
from perdure.kernel import mapping
from perdure.zodb.BTrees._keyed import Keyed
from perdure.zodb.BTrees._keys import ALL
from perdure.zodb.persistent import Persistent

__all__ = ["TreeOfKeys"]

_S = TypeVar("_S", bound="TreeOfKeys")


class TreeOfKeys(Keyed, mapping.HotSet, Persistent):
    """A set in the order of its elements, of any size."""

    __slots__ = ()
    _perdure_ordered_ = False

    def __init__(self, source: Iterable[Any] | None = None, /) -> None:
        self._perdure_begin_()
        if source is not None:
            self.update(source)

    def add(self, key: Any, /) -> int:  # type: ignore[override]
        """Add an element; 1 if it was not there, else 0."""
        key = self._perdure_key_(key)
        with guard(self):
            if key in self:
                return 0
            mapping.HotSet.add(self, key)
            return 1

    insert = add

    def update(self, source: Iterable[Any], /) -> int:
        """Add all elements of an iterable; how many were not there."""
        return sum(map(self.add, source))

    def remove(self, key: Any, /) -> None:
        """Remove an element. Raises `KeyError` when it is not there."""
        if self._perdure_take_(hot_key(key)) is ABSENT:
            raise KeyError(key)

    def discard(self, key: Any, /) -> None:
        """Remove an element if it is there."""
        self._perdure_take_(hot_key(key))

    def pop(self) -> Any:
        """Remove the smallest element and give it. Raises `KeyError` when there is none."""
        with guard(self):
            first = self._perdure_at_(ALL, 0)
            if first is None:
                raise KeyError("pop(): the set is empty")
            self.remove(first[0])
            return first[0]

    def isdisjoint(self, other: Iterable[Any], /) -> bool:
        """Whether no element of `other` is in the set."""
        return not any(key in self for key in other)

    # -- algebra: a new set of the plain kind ------------------------------------------------------------------

    def _perdure_new_(self, source: Iterable[Any]) -> Any:
        return type(self)(source)

    def __and__(self, other: Any) -> Any:
        return self._perdure_new_(key for key in _elements(other) if key in self)

    def __or__(self, other: Any) -> Any:
        return self._perdure_new_([*self, *_elements(other)])

    def __sub__(self, other: Any) -> Any:
        gone = set(_elements(other))
        return self._perdure_new_(key for key in self if key not in gone)

    def __xor__(self, other: Any) -> Any:
        others = set(_elements(other))
        mine = set(self)
        return self._perdure_new_(mine ^ others)

    def __iand__(self: _S, other: Any) -> _S:
        kept = set(_elements(other))
        for key in [key for key in self if key not in kept]:
            self.remove(key)
        return self

    def __ior__(self: _S, other: Any) -> _S:
        self.update(_elements(other))
        return self

    def __isub__(self: _S, other: Any) -> _S:
        for key in list(_elements(other)):
            self.discard(key)
        return self

    def __ixor__(self: _S, other: Any) -> _S:
        for key in set(_elements(other)):
            if not self.add(key):
                self.remove(key)
        return self

    def __getstate__(self) -> Any:
        """All elements."""
        return tuple(self)

    def __setstate__(self, state: Any) -> None:
        """Take what `__getstate__` made."""
        self._perdure_begin_()
        self.update(state)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (type(self), (list(self),))


def _elements(other: Any) -> Iterable[Any]:
    if not isinstance(other, Iterable):
        raise TypeError(f"a set or another iterable is needed, not {type(other).__name__}")
    return other

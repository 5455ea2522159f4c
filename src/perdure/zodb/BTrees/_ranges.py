"""Views of a range of keys: lazy, indexable, sliceable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perdure.zodb.BTrees._keys import Between

if TYPE_CHECKING:
    from perdure.zodb.BTrees._keyed import Keyed

__all__ = ["ITEM", "KEY", "VALUE", "Range"]

KEY, VALUE, ITEM = 0, 1, 2


class Range:
    """Keys, values or items (`part`) of a tree in a range of keys, as they are when they are read.

    >>> from perdure.zodb.BTrees.OOBTree import OOBTree
    >>> view = OOBTree({1: "a", 2: "b", 3: "c"}).items(2)
    >>> view[0], list(view[1:]), len(view)
    ((2, 'b'), [(3, 'c')], 2)
    """

    __slots__ = ("_between", "_part", "_tree")

    def __init__(self, tree: Keyed, part: int, between: Between) -> None:
        self._tree: Any = tree
        self._part = part
        self._between = between

    def _read(self, reverse: bool) -> Iterator[Any]:
        if self._part == KEY:
            found: Iterator[Any] = self._tree._perdure_range_keys_(self._between, reverse=reverse)
            return found
        pairs: Iterator[tuple[Any, Any]] = self._tree._perdure_range_(self._between, reverse=reverse)
        return pairs if self._part == ITEM else (value for _, value in pairs)

    def __iter__(self) -> Iterator[Any]:
        return self._read(False)

    def __reversed__(self) -> Iterator[Any]:
        return self._read(True)

    def __len__(self) -> int:
        size: int = self._tree._perdure_range_len_(self._between)
        return size

    def __bool__(self) -> bool:
        return self._tree._perdure_at_(self._between, 0) is not None

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        found = self._tree._perdure_at_(self._between, index.__index__())
        if found is None:
            raise IndexError(index)
        key = found[0]
        if self._part == KEY:
            return key
        return self._tree[key] if self._part == VALUE else (key, self._tree[key])

    def _slice(self, wanted: slice) -> Range:
        if wanted.step not in (None, 1):
            raise RuntimeError("slices must have step size of 1")
        size = len(self)
        start, stop, _ = wanted.indices(size)
        at = self._tree._perdure_at_
        if start < stop:
            low, high = at(self._between, start), at(self._between, stop - 1 - size)
            return Range(self._tree, self._part, Between(low, high))
        first = at(self._between, 0)
        return self if first is None else Range(self._tree, self._part, Between(first, first, True, True))

    def __contains__(self, wanted: object) -> bool:
        return any(wanted is one or wanted == one for one in self)

    def __repr__(self) -> str:
        return f"<{('keys', 'values', 'items')[self._part]} of a range of {self._tree!r}>"

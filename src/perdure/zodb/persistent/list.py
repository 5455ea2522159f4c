"""A list that notices its changes. All of it is one record."""

from __future__ import annotations

from collections import UserList
from collections.abc import Callable, Iterable
from typing import Any, SupportsIndex, TypeVar

from perdure.kernel import durable
from perdure.zodb.persistent.base import Persistent

__all__ = ["PersistentList"]

_L = TypeVar("_L", bound="PersistentList")


class PersistentList(Persistent, UserList[Any]):
    """A list that is stored when it changes; `data` is the list inside.

    >>> numbers = PersistentList([3, 1, 2])
    >>> numbers.sort()
    >>> numbers
    [1, 2, 3]
    """

    _perdure_typed_ = False
    __hash__ = None
    __repr__ = UserList.__repr__

    def __getitem__(self, index: Any) -> Any:
        return durable.release(super().__getitem__(index))

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        durable.mark_dirty(self)
        self.data[index] = value

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        durable.mark_dirty(self)
        del self.data[index]

    def __iadd__(self: _L, other: Iterable[Any]) -> _L:
        durable.mark_dirty(self)
        self.data += other
        return self

    def __imul__(self: _L, count: int) -> _L:
        durable.mark_dirty(self)
        self.data *= count
        return self

    def append(self, item: Any) -> None:
        """Add an item at the end."""
        durable.mark_dirty(self)
        self.data.append(item)

    def insert(self, index: int, item: Any) -> None:
        """Add an item before `index`."""
        durable.mark_dirty(self)
        self.data.insert(index, item)

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Remove an item, by default the last one, and give it."""
        _ = self[index]  # refused when it may not be seen
        durable.mark_dirty(self)
        return self.data.pop(index)

    def remove(self, item: Any) -> None:
        """Remove the first item equal to `item`. Raises `ValueError` when there is none."""
        durable.mark_dirty(self)
        self.data.remove(item)

    def clear(self) -> None:
        """Remove everything."""
        durable.mark_dirty(self)
        self.data.clear()

    def reverse(self) -> None:
        """Turn the order around."""
        durable.mark_dirty(self)
        self.data.reverse()

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Bring the items in order."""
        durable.mark_dirty(self)
        self.data.sort(key=key, reverse=reverse)

    def extend(self, other: Iterable[Any]) -> None:
        """Add all items of `other` at the end."""
        durable.mark_dirty(self)
        self.data.extend(other.data if isinstance(other, UserList) else other)

    def copy(self: _L) -> _L:
        """A new list with the same items."""
        return type(self)(self.data)

    __copy__ = copy

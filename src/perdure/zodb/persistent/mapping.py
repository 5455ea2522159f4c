"""A dict that notices its changes. All of it is one record: for large mappings use a BTree."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from perdure.kernel import durable
from perdure.zodb.persistent.base import Persistent

__all__ = ["PersistentMapping"]

_M = TypeVar("_M", bound="PersistentMapping")


class PersistentMapping(Persistent, UserDict[Any, Any]):
    """A mapping that is stored when it changes; `data` is the dict inside.

    >>> mapping = PersistentMapping({"a": 1}, b=2)
    >>> mapping["c"] = 3
    >>> sorted(mapping)
    ['a', 'b', 'c']
    """

    _perdure_typed_ = False
    __hash__ = None  # type: ignore[assignment]
    __repr__ = UserDict.__repr__

    def __getitem__(self, key: Hashable) -> Any:
        return durable.release(super().__getitem__(key))

    def __setitem__(self, key: Hashable, value: Any) -> None:
        durable.mark_dirty(self)
        self.data[key] = value

    def __delitem__(self, key: Hashable) -> None:
        if key not in self.data:
            raise KeyError(key)
        durable.mark_dirty(self)
        del self.data[key]

    def clear(self) -> None:
        """Remove everything."""
        durable.mark_dirty(self)
        self.data.clear()

    def pop(self, key: Hashable, *default: Any) -> Any:
        """Remove a key and give its value, or `default` when it is not there."""
        if key in self.data:
            durable.release(self.data[key])
            durable.mark_dirty(self)
        return self.data.pop(key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """Remove the newest item and give it."""
        for value in list(self.data.values())[-1:]:
            durable.release(value)
        durable.mark_dirty(self)
        return self.data.popitem()

    def setdefault(self, key: Hashable, default: Any = None) -> Any:
        """The value of a key; set to `default` when it is not there."""
        if key not in self.data:
            self[key] = default
        return self[key]

    def __ior__(self: _M, other: Mapping[Any, Any]) -> _M:  # type: ignore[override,misc]
        durable.mark_dirty(self)
        self.data.update(other)
        return self

    def copy(self: _M) -> _M:
        """A new mapping with the same items."""
        return type(self)(self.data)

    __copy__ = copy

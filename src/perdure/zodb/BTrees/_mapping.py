"""Ordered mappings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from perdure.collections.comparing import guard
from perdure.collections.entries import ABSENT, read_value
from perdure.collections.keying import hot_key
from perdure.kernel import mapping
from perdure.zodb.BTrees._keyed import Keyed
from perdure.zodb.BTrees._keys import ALL, integer_key
from perdure.zodb.BTrees._ranges import ITEM, VALUE, Range
from perdure.zodb.persistent import Persistent

__all__ = ["IntegerMapping", "TreeMapping"]

_MUTABLE = frozenset({list, dict, set, bytearray})


class TreeMapping(Keyed, mapping.HotDict, Persistent):
    """A mapping in the order of its keys, of any size.

    Unlike ZODB's, `len` does not count, and two transactions that write different keys never conflict.
    """

    __slots__ = ()
    _perdure_ordered_ = True

    def __init__(self, source: Any = None, /) -> None:
        self._perdure_begin_()
        if source is not None:
            self.update(source)

    # -- reading -----------------------------------------------------------------------------------------------

    def _perdure_find_(self, key: Any) -> Any:
        found = self._perdure_raw_(hot_key(key))
        if found is ABSENT:
            raise KeyError(key)
        return read_value(found)

    def _perdure_get_(self, key: Any, default: Any) -> Any:
        found = self._perdure_raw_(hot_key(key))
        return default if found is ABSENT else read_value(found)

    def values(
        self, min: Any = None, max: Any = None, excludemin: bool = False, excludemax: bool = False
    ) -> Range:
        """A view of the values of a range of keys, see `keys`."""
        return Range(self, VALUE, self._perdure_between_(min, max, excludemin, excludemax))

    def items(
        self, min: Any = None, max: Any = None, excludemin: bool = False, excludemax: bool = False
    ) -> Range:
        """A view of the pairs of key and value of a range of keys, see `keys`."""
        return Range(self, ITEM, self._perdure_between_(min, max, excludemin, excludemax))

    def itervalues(
        self, min: Any = None, max: Any = None, excludemin: bool = False, excludemax: bool = False
    ) -> Iterator[Any]:
        """An iterator over the values of a range of keys, see `keys`."""
        return iter(self.values(min, max, excludemin, excludemax))

    def iteritems(
        self, min: Any = None, max: Any = None, excludemin: bool = False, excludemax: bool = False
    ) -> Iterator[tuple[Any, Any]]:
        """An iterator over the pairs of key and value of a range of keys, see `keys`."""
        return iter(self.items(min, max, excludemin, excludemax))

    def byValue(self, min: Any, /) -> list[tuple[Any, Any]]:
        """Pairs of value and key, the largest value first, of the values that are not below `min`."""
        return sorted(((value, key) for key, value in self.items() if value >= min), reverse=True)

    # -- changing ----------------------------------------------------------------------------------------------

    def _perdure_delete_(self, key: Any) -> None:
        if self._perdure_take_(hot_key(key)) is ABSENT:
            raise KeyError(key)

    def insert(self, key: Any, value: Any, /) -> int:
        """Put a key that is not there yet; 1 if it was put, else 0."""
        with guard(self):
            if key in self:
                return 0
            self[key] = value
            return 1

    def setdefault(self, key: Any, default: Any, /) -> Any:
        """The value of `key`, which becomes `default` when it is not there."""
        with guard(self):
            found = self.get(key, ABSENT)
            if found is ABSENT:
                self[key] = found = default
            return found

    def pop(self, key: Any, default: Any = ABSENT, /) -> Any:
        """Remove a key and give its value; `default`, or `KeyError`, when it is not there."""
        with guard(self):
            found = self._perdure_raw_(hot_key(key))
            if found is not ABSENT:
                found = read_value(found)
                self._perdure_take_(hot_key(key))
                return found
        if default is ABSENT:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[Any, Any]:
        """Remove the smallest key; the key and its value. Raises `KeyError` when there is none."""
        with guard(self):
            first = self._perdure_at_(ALL, 0)
            if first is None:
                raise KeyError("popitem(): the tree is empty")
            return first[0], self.pop(first[0])

    def update(self, source: Any, /) -> None:
        """Put all pairs of a mapping, or of an iterable of pairs."""
        for key, value in _pairs(source):
            self[key] = value

    # -- as persistent objects ---------------------------------------------------------------------------------

    @property
    def _p_changed(self) -> bool | None:
        """As of every persistent object; setting it to True stores all mutable values that were read again."""
        return Persistent._p_changed.fget(self)  # type: ignore[attr-defined, no-any-return]

    @_p_changed.setter
    def _p_changed(self, value: object) -> None:
        Persistent._p_changed.fset(self, value)  # type: ignore[attr-defined]
        pending = self._perdure_pending_
        if value and pending is not None:
            for key, one in self._perdure_hot_.items():
                if type(one) in _MUTABLE:
                    pending.setdefault(key, mapping.KEPT)

    @_p_changed.deleter
    def _p_changed(self) -> None:
        self._p_invalidate()

    def __getstate__(self) -> Any:
        """All keys and values, one after the other."""
        return tuple(chain.from_iterable(self.items()))

    def __setstate__(self, state: Any) -> None:
        """Take what `__getstate__` made."""
        self._perdure_begin_()
        self.update(zip(state[::2], state[1::2], strict=True))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (type(self), (list(self.items()),))


class IntegerMapping(TreeMapping):
    """A mapping whose keys are 64-bit integers."""

    __slots__ = ()
    _perdure_key_ = staticmethod(integer_key)

    def __setitem__(self, key: Any, value: Any) -> None:
        mapping.HotDict.__setitem__(self, integer_key(key), value)


def _pairs(source: Any) -> Iterable[Any]:
    if hasattr(source, "items"):
        return list(source.items())
    if not isinstance(source, Iterable):
        raise TypeError(f"a mapping or an iterable of pairs is needed, not {type(source).__name__}")
    return (_pair(one) for one in source)


def _pair(one: Any) -> Any:
    if not isinstance(one, tuple) or len(one) != 2:
        raise TypeError("the items of the iterable must be pairs of key and value")
    return one


"""What trees and their sets share: entries by key, in memory and stored, found by key and in the order of keys."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from perdure.collections.comparing import guard
from perdure.collections.entries import ABSENT, KeyedMethods, read_value
from perdure.errors import CorruptRecordError
from perdure.kernel import durable, keys, mapping
from perdure.session import builtin_id
from perdure.zodb.BTrees import _entries
from perdure.zodb.BTrees._keys import ALL, Between
from perdure.zodb.BTrees._order import KeyOrder
from perdure.zodb.BTrees._ranges import KEY, Range
from perdure.zodb.persistent import Persistent

__all__ = ["Keyed"]

_ENTRY_BYTES = 220  # rough cost of a hot entry besides its values
_MISSES_FOR_MORE = 16  # once one entry in so many was read singly, more than one is read at a time
_READ_AT_ONCE = 64


class Keyed(KeyedMethods):
    """Entries under keys of their own from the first one on, so that writers of different keys never conflict.

    `_perdure_key_` makes a key one of the family's, or raises `TypeError`. `_perdure_order_` has the keys in order
    while all entries are in memory and the order was asked for.
    """

    __slots__ = ()
    _perdure_order_: KeyOrder | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if any(builtin_id(base) for base in cls.__mro__[1:]):
            raise TypeError(f"{cls.__name__}: trees cannot be subclassed; keep one in an attribute")

    @staticmethod
    def _perdure_key_(key: Any) -> Any:
        raise NotImplementedError

    def _perdure_convert_(self, name: str, value: Any) -> Any:
        return value

    # -- entries in memory -----------------------------------------------------------------------------------

    def _perdure_swap_(self, hot: dict[Any, Any], complete: bool) -> None:
        self._perdure_order_ = None
        super()._perdure_swap_(hot, complete)

    def _perdure_empty_(self, pending: dict[Any, int] | None, count: int) -> None:
        self._perdure_order_ = None
        super()._perdure_empty_(pending, count)

    def _perdure_forget_(self) -> None:
        self._perdure_order_ = None
        super()._perdure_forget_()

    def _perdure_put_(self, key: Any, value: Any) -> None:
        super()._perdure_put_(self._perdure_key_(key), value)

    def _perdure_take_(self, key: Any) -> Any:
        with guard(self):
            if self._perdure_order_ is not None:
                self._perdure_order_.follow()
            found = super()._perdure_take_(key)
            if found is not ABSENT and self._perdure_order_ is not None:
                self._perdure_order_.remove(key)
            return found

    def _perdure_fetch_(self, key: Any) -> Any:
        self._perdure_misses_ = misses = self._perdure_misses_ + 1
        try:
            if misses * _MISSES_FOR_MORE > self._perdure_count_:
                self._perdure_fetch_more_(key)
                if self._perdure_complete_ or key in self._perdure_hot_:
                    return self._perdure_hot_.get(key, ABSENT)
            entry = _entries.read_entry(self, key)
        except TypeError:  # no key that could be in a tree
            return ABSENT
        if entry is None:
            return ABSENT
        self._perdure_keep_(entry.key, entry.value)
        self._perdure_charge_(_ENTRY_BYTES + 3 * entry.size)
        return entry.value

    def _perdure_fetch_more_(self, key: Any) -> None:
        """Read all entries, or, where these take too much memory, the next ones from a key on."""
        if self._perdure_fits_():
            self._perdure_read_all_()
            return
        size = 0
        hot, pending = self._perdure_hot_, self._perdure_pending_ or {}
        for entry in islice(_entries.scan_entries(self, Between(low=(key,))), _READ_AT_ONCE):
            if entry.key not in hot and entry.key not in pending:
                self._perdure_keep_(entry.key, entry.value)
                size += _ENTRY_BYTES + 3 * entry.size
        self._perdure_charge_(size)

    def _perdure_read_all_(self) -> None:
        found: dict[Any, Any] = {}
        size = 0
        for entry in _entries.scan_entries(self):
            found[entry.key] = entry.value
            size += _ENTRY_BYTES + 3 * entry.size
        self._perdure_order_ = None
        self._perdure_complete_with_(found)
        self._perdure_charge_(size - self._perdure_weight_)

    def clear(self) -> None:
        """Remove everything."""
        with guard(self):
            durable.mark_dirty(self)
            pending = self._perdure_pending_
            if pending is not None:
                pending = {key: mapping.DELETED for key, status in pending.items() if status != mapping.NEW}
                if durable.oid_of(self):
                    pending.update((entry.key, mapping.DELETED) for entry in _entries.scan_entries(self))
            self._perdure_empty_(pending, 0)

    # -- in order ----------------------------------------------------------------------------------------------

    def _perdure_ordered_keys_(self) -> KeyOrder | None:
        """The keys in order when all entries are in memory, or fit into it; else None, and no change is pending."""
        if self._perdure_all_() is None:
            with guard(self):
                if self._perdure_whole_() is None:
                    if self._perdure_pending_:
                        self._perdure_spill_()
                    return None
        order = self._perdure_order_
        if order is None:
            order = self._perdure_order_ = KeyOrder(self._perdure_entries_())
        return order

    def _perdure_range_(self, between: Between, *, reverse: bool = False) -> Iterator[tuple[Any, Any]]:
        """Keys and values of a range in order."""
        order = self._perdure_ordered_keys_()
        if order is None:
            yield from ((key, read_value(value)) for key, value in self._perdure_stored_range_(between, reverse))
            return
        begin, end = order.positions(between)
        chosen = order.keys[begin:end]
        entries = self._perdure_entries_()
        for key in reversed(chosen) if reverse else chosen:
            value = entries.get(key, ABSENT)
            if value is not ABSENT:
                yield key, read_value(value)

    def _perdure_range_keys_(self, between: Between, *, reverse: bool = False) -> Iterator[Any]:
        """The keys of a range in order."""
        order = self._perdure_ordered_keys_()
        if order is None:
            return (key for key, _ in self._perdure_stored_range_(between, reverse))
        begin, end = order.positions(between)
        chosen = order.keys[begin:end]
        return reversed(chosen) if reverse else iter(chosen)

    def _perdure_stored_range_(self, between: Between, reverse: bool) -> Iterator[tuple[Any, Any]]:
        for entry in _entries.scan_entries(self, between, reverse=reverse):
            status = (self._perdure_pending_ or {}).get(entry.key)
            if status is None:
                yield entry.key, entry.value
            elif status != mapping.DELETED:
                yield entry.key, self._perdure_raw_(entry.key)

    def _perdure_range_len_(self, between: Between) -> int:
        if between == ALL:
            return len(self)
        order = self._perdure_ordered_keys_()
        if order is None:
            return _entries.count_keys(self, between)
        begin, end = order.positions(between)
        return end - begin

    def _perdure_at_(self, between: Between, position: int) -> tuple[Any] | None:
        """The key at a position of a range, as a one-tuple; None when there is none."""
        order = self._perdure_ordered_keys_()
        if order is None:
            stored = self._perdure_stored_range_(between, position < 0)
            skipped = position if position >= 0 else -position - 1
            return next(((key,) for key, _ in islice(stored, skipped, None)), None)
        begin, end = order.positions(between)
        place = position + (begin if position >= 0 else end)
        return (order.keys[place],) if begin <= place < end else None

    def minKey(self, minimum: Any = None, /) -> Any:
        """The smallest key, or the smallest one that is not below `minimum`. Raises `ValueError` when there is none."""
        return self._perdure_end_(Between(low=self._perdure_bound_(minimum)), 0)

    def maxKey(self, maximum: Any = None, /) -> Any:
        """The largest key, or the largest one that is not above `maximum`. Raises `ValueError` when there is none."""
        return self._perdure_end_(Between(high=self._perdure_bound_(maximum)), -1)

    def _perdure_end_(self, between: Between, position: int) -> Any:
        found = self._perdure_at_(between, position)
        if found is None:
            raise ValueError("no key satisfies the conditions" if len(self) else "empty tree")
        return found[0]

    def _perdure_bound_(self, bound: Any) -> tuple[Any] | None:
        return None if bound is None else (self._perdure_key_(bound),)

    def _perdure_between_(self, low: Any, high: Any, exclude_low: Any, exclude_high: Any) -> Between:
        """A range as users give it: without a bound, what is excluded is the first or the last key."""
        found = Between(self._perdure_bound_(low), self._perdure_bound_(high), bool(exclude_low), bool(exclude_high))
        if found.exclude_low and found.low is None:
            found = found._replace(low=self._perdure_at_(ALL, 0))
        if found.exclude_high and found.high is None:
            found = found._replace(high=self._perdure_at_(ALL, -1))
        return found

    def keys(
        self, min: Any = None, max: Any = None, excludemin: bool = False, excludemax: bool = False
    ) -> Range:
        """A view of the keys from `min` to `max`, both included unless excluded. None is no bound."""
        return Range(self, KEY, self._perdure_between_(min, max, excludemin, excludemax))

    def iterkeys(
        self, min: Any = None, max: Any = None, excludemin: bool = False, excludemax: bool = False
    ) -> Iterator[Any]:
        """An iterator over the keys of a range, see `keys`."""
        return iter(self.keys(min, max, excludemin, excludemax))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def has_key(self, key: Any) -> bool:
        """Whether there is an entry of `key`."""
        return key in self

    # -- storing -----------------------------------------------------------------------------------------------

    def _perdure_spill_(self) -> None:
        """Write the changes as entries."""
        entries, pending = self._perdure_hot_, self._perdure_pending_
        if pending is None:
            pending = dict.fromkeys(entries, mapping.NEW)
            self._perdure_count_ = len(entries)
        if pending:
            _entries.write_entries(self, pending, entries)
        self._perdure_pending_ = {}

    def _perdure_store_(self) -> list[object]:
        self._perdure_spill_()
        self._perdure_weight_ = len(self._perdure_hot_) * (_ENTRY_BYTES + 60)
        if self._perdure_weight_ > durable.owner_of(self).budget // 2:
            self._perdure_weight_ = 0
            self._perdure_swap_({}, False)
        return []

    def _perdure_restore_(self, values: list[Any]) -> None:
        if values:
            raise CorruptRecordError(f"damaged record of {durable.describe(self)}: a tree has no values")
        connection = durable.owner_of(self)
        self._perdure_special_ = False
        self._perdure_weight_ = 0
        self._perdure_misses_ = 0
        self._perdure_empty_({}, connection.counter(keys.encode_uint(durable.oid_of(self))))

    # -- as persistent objects ---------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith(("_p_", "_v_", "_perdure_", "_X__")):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r} to be set")
        super().__setattr__(name, value)

    __repr__ = Persistent.__repr__
    __hash__ = object.__hash__

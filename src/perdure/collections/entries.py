"""What durable dicts and sets share: entries in memory, in the collection's own record, or under keys of their own.

A small collection is one record. A large one has an entry per key, so that writers of different keys do not
conflict, and the number of its entries as a counter that merges. Once large, it stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from perdure.collections import ordering
from perdure.collections.comparing import guard
from perdure.collections.keying import HeldKey, UnknownKey, entry_key, hot_key, original_key, storable_key
from perdure.errors import CorruptRecordError
from perdure.kernel import durable, keys, mapping
from perdure.session import Weak
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.session import Connection

__all__ = ["ABSENT", "BOTH", "KEYS", "VALUES", "KeyedMethods", "kept_value", "read_value"]

INLINE = 48
"""Entries that a collection keeps in its own record, if they are small."""
INLINE_BYTES = 3000

ABSENT = object()
KEYS, VALUES, BOTH = 1, 2, 3
"""What of the entries is given out."""
_ENTRIES = spaces.ENTRIES.id
_INLINE, _LARGE = 0, 1
_ENTRY_BYTES = 160  # rough cost of a hot entry besides its values
_WINDOW_FIRST, _WINDOW_LAST = 8, 128
_OBJECT_GUESS = 1024  # bytes of memory that an object is assumed to take
_SMALL = frozenset({int, float, bool, type(None)})
_QUICK = frozenset({str, int, bytes, bool, type(None)})


def _guess_size(value: object) -> int:
    if type(value) in _SMALL or isinstance(value, durable.Durable):
        return 6
    if isinstance(value, (str, bytes)):
        return len(value) + 2
    if isinstance(value, (tuple, frozenset)):
        return 4 + sum(map(_guess_size, value))
    return 16


class KeyedMethods(mapping.HotMapping):
    """Entries by key: finding, changing, storing. See `perdure.kernel.mapping`."""

    __slots__ = ()

    _perdure_ordered_: bool
    """Whether entries have values and keep the order of their insertion."""

    def _perdure_begin_(self) -> None:
        self._perdure_empty_(None, 0)

    # -- finding ---------------------------------------------------------------------------------------------

    def _perdure_raw_(self, hot: object) -> Any:
        """The value of a hot key as it is kept, or ABSENT."""
        whole = self._perdure_all_()
        if whole is not None:
            return whole.get(hot, ABSENT)
        found = self._perdure_entries_().get(hot, ABSENT)
        if found is not ABSENT:
            return found
        with guard(self):
            entries = self._perdure_entries_()
            pending = self._perdure_pending_
            if hot in entries or pending is None or self._perdure_complete_ or hot in pending:
                return entries.get(hot, ABSENT)
            return self._perdure_fetch_(hot)

    def _perdure_fetch_(self, hot: object) -> Any:
        """Read the entry of a hot key into the hot dictionary; after many of them, all entries at once."""
        connection = durable.owner_of(self)
        self._perdure_misses_ += 1
        if self._perdure_misses_ > 32 and self._perdure_misses_ * 16 > self._perdure_count_ and self._perdure_fits_():
            self._perdure_read_all_()
            whole = self._perdure_all_()  # None when it turned out to be too much
            if whole is not None:
                return whole.get(hot, ABSENT)
        try:
            key, _ = entry_key(connection, hot)
        except UnknownKey:
            return ABSENT
        data = connection.read(_ENTRIES, ordering.entry_prefix(self) + key)
        if data is None:
            return ABSENT
        entry = ordering.Entry(connection, key, data, self._perdure_ordered_)
        self._perdure_keep_(entry.key, entry.value)
        connection.note_elsewhere(self)
        self._perdure_charge_(_ENTRY_BYTES + 3 * len(data))
        return entry.value

    def _perdure_keep_(self, key: object, value: object) -> None:
        hot = hot_key(key) if type(key) not in _QUICK else key
        if type(hot) is HeldKey or type(value) is Weak:
            self._perdure_special_ = True
        self._perdure_hot_[hot] = value

    def _perdure_charge_(self, size: int) -> None:
        """Count bytes added to the hot dictionary; a clean collection drops it when it takes too much."""
        self._perdure_weight_ += size
        if durable.state_of(self) != durable.CLEAN:
            return
        owner = durable.owner_of(self)
        if self._perdure_weight_ > owner.budget // 2:
            size -= self._perdure_weight_
            self._perdure_weight_ = 0
            self._perdure_swap_({}, False)
        durable.stored(self, durable.size_of(self) + size, durable.has_references(self))
        owner.make_room()

    def _perdure_has_(self, key: object) -> bool:
        return self._perdure_raw_(hot_key(key)) is not ABSENT

    # -- changing --------------------------------------------------------------------------------------------

    def _perdure_put_(self, key: object, value: object) -> None:
        hot = storable_key(hot_key(key))
        with guard(self):
            durable.mark_dirty(self)
            if type(hot) is HeldKey or type(value) is Weak:
                self._perdure_special_ = True
            self._perdure_write_(hot, value, self._perdure_raw_(hot) is not ABSENT)

    def _perdure_take_(self, hot: object) -> Any:
        """Remove an entry; its value as it was kept, or ABSENT when there is none."""
        with guard(self):
            durable.mark_dirty(self)
            if self._perdure_raw_(hot) is ABSENT:
                return ABSENT
            return self._perdure_erase_(hot)

    def clear(self) -> None:
        """Remove all entries."""
        with guard(self):
            durable.mark_dirty(self)
            pending = self._perdure_pending_
            if pending is not None:
                gone = [hot for hot, status in list(pending.items()) if status != mapping.NEW]
                gone += [hot_key(entry.key) for entry in ordering.stored_entries(self)]
                pending = dict.fromkeys(gone, mapping.DELETED)
            self._perdure_empty_(pending, 0)

    # -- all of them -------------------------------------------------------------------------------------------

    def _perdure_whole_(self) -> dict[Any, Any] | None:
        """The hot dictionary when all entries are in it, or fit into it; else None."""
        whole = self._perdure_all_()
        if whole is not None:
            return whole
        with guard(self):
            whole = self._perdure_all_()
            if whole is None and self._perdure_fits_():
                self._perdure_read_all_()
                whole = self._perdure_all_()  # None when it turned out to be too much
            return whole

    def _perdure_fits_(self) -> bool:
        return self._perdure_count_ * (_ENTRY_BYTES + 60) < int(durable.owner_of(self).budget) // 2

    def _perdure_read_all_(self) -> None:
        stored, size = ordering.read_all(self)
        self._perdure_complete_with_(stored)
        durable.owner_of(self).note_elsewhere(self)
        self._perdure_charge_(len(stored) * _ENTRY_BYTES + 3 * size - self._perdure_weight_)

    def _perdure_pairs_(self, shown: int = BOTH) -> Iterator[tuple[Any, Any]]:
        """Original keys and values of all entries; RuntimeError when their number changes meanwhile.

        What is `shown` of them is to be given out.
        """
        whole = self._perdure_whole_()
        if whole is None:
            return self._perdure_ahead_(self._perdure_stream_(), shown)
        first = next(iter(whole.values()), None)
        if isinstance(first, durable.Durable) and durable.state_of(first) == durable.GHOST:
            return self._perdure_ahead_(iter(whole.items()), shown)
        return self._perdure_plainly_(whole.items(), shown)

    def _perdure_plainly_(self, pairs: Iterable[tuple[Any, Any]], shown: int) -> Iterator[tuple[Any, Any]]:
        if not self._perdure_special_ and not durable.is_sifting():
            return iter(pairs)
        return (_given(hot, value, shown) for hot, value in pairs)

    def _perdure_ahead_(self, pairs: Iterator[tuple[Any, Any]], shown: int) -> Iterator[tuple[Any, Any]]:
        """The same pairs; objects among the values are read some at a time once those given before were used."""
        count = len(self)
        window = _WINDOW_FIRST
        used = False
        while batch := list(islice(pairs, window)):
            if used:
                self._perdure_prefetch_(batch)
            for pair in self._perdure_plainly_(batch, shown):
                self._perdure_same_size_(count)
                yield pair
            last = batch[-1][1]
            used = isinstance(last, durable.Durable) and durable.state_of(last) > durable.GHOST
            window = min(2 * window, _WINDOW_LAST) if used else _WINDOW_FIRST

    def _perdure_prefetch_(self, pairs: list[tuple[Any, Any]]) -> None:
        owner = durable.owner_of(self)
        ghosts = [
            durable.oid_of(value)
            for _, value in pairs
            if isinstance(value, durable.Durable)
            and durable.state_of(value) == durable.GHOST
            and durable.owner_of(value) is owner
        ]
        if ghosts and len(ghosts) * _OBJECT_GUESS < owner.budget // 4:
            owner.prefetch(ghosts)

    def _perdure_stream_(self) -> Iterator[tuple[Any, Any]]:
        with guard(self):
            count = len(self)
            pending = dict(self._perdure_pending_ or {})
        for entry in ordering.stored_entries(self):
            hot = entry.key if type(entry.key) in _QUICK else hot_key(entry.key)
            if pending.get(hot, mapping.KEPT) == mapping.KEPT:
                self._perdure_same_size_(count)
                yield entry.key, kept_value(self._perdure_entries_().get(hot, entry.value))
        for hot, status in pending.items():
            if status in (mapping.NEW, mapping.MOVED):
                self._perdure_same_size_(count)
                yield original_key(hot), kept_value(self._perdure_raw_(hot))
        self._perdure_same_size_(count)

    def _perdure_backwards_(self, shown: int = BOTH) -> Iterator[tuple[Any, Any]]:
        """The same pairs from the last to the first."""
        whole = self._perdure_whole_()
        found = self._perdure_stream_backwards_() if whole is None else reversed(whole.items())
        return self._perdure_plainly_(found, shown)

    def _perdure_stream_backwards_(self) -> Iterator[tuple[Any, Any]]:
        with guard(self):
            count = len(self)
            pending = dict(self._perdure_pending_ or {})
        for hot, status in reversed(pending.items()):
            if status in (mapping.NEW, mapping.MOVED):
                self._perdure_same_size_(count)
                yield original_key(hot), kept_value(self._perdure_raw_(hot))
        for entry in ordering.stored_entries(self, reverse=True):
            hot = entry.key if type(entry.key) in _QUICK else hot_key(entry.key)
            if pending.get(hot, mapping.KEPT) == mapping.KEPT:
                self._perdure_same_size_(count)
                yield entry.key, kept_value(self._perdure_entries_().get(hot, entry.value))
        self._perdure_same_size_(count)

    def _perdure_same_size_(self, count: int) -> None:
        if len(self) != count:
            raise RuntimeError(f"{type(self).__name__} changed size during iteration")

    # -- storing ---------------------------------------------------------------------------------------------

    def _perdure_store_(self) -> list[object]:
        entries, pending = self._perdure_hot_, self._perdure_pending_
        if pending is None:
            if self._perdure_is_small_(entries):
                return self._perdure_inline_(entries)
            self._perdure_last_ = 0
            self._perdure_count_ = len(entries)
        if pending != {}:
            ordering.write_entries(self, pending, entries)
        self._perdure_pending_ = {}
        self._perdure_weight_ = len(entries) * (_ENTRY_BYTES + 60)
        if self._perdure_weight_ > durable.owner_of(self).budget // 2:
            self._perdure_weight_ = 0
            self._perdure_swap_({}, False)
        return [_LARGE]

    def _perdure_is_small_(self, entries: dict[Any, Any]) -> bool:
        if len(entries) > INLINE:
            return False
        size = sum(_guess_size(original_key(hot)) + _guess_size(value) for hot, value in entries.items())
        return size <= INLINE_BYTES

    def _perdure_inline_(self, entries: dict[Any, Any]) -> list[object]:
        found: list[object] = [_INLINE]
        for hot, value in entries.items():
            found.append(original_key(hot))
            if self._perdure_ordered_:
                found.append(value)
        return found

    def _perdure_restore_(self, values: list[Any]) -> None:
        self._perdure_special_ = False
        self._perdure_weight_ = 0
        if values == [_LARGE]:
            connection = durable.owner_of(self)
            self._perdure_last_ = -1
            self._perdure_misses_ = 0
            self._perdure_empty_({}, connection.counter(keys.encode_uint(durable.oid_of(self))))
            return
        if not values or values[0] != _INLINE or (self._perdure_ordered_ and len(values) % 2 == 0):
            raise CorruptRecordError(f"damaged record of {durable.describe(self)}: no entries")
        self._perdure_empty_(None, 0)
        if self._perdure_ordered_:
            for key, value in zip(values[1::2], values[2::2], strict=True):
                self._perdure_keep_(key, value)
        else:
            for key in values[1:]:
                self._perdure_keep_(key, None)

    def _perdure_loosen_(self) -> tuple[object, ...]:
        """Make values that are objects of other databases weak; all keys and values in memory, then."""
        home, hot = durable.owner_of(self), self._perdure_entries_()
        for key, value in hot.items():
            if isinstance(value, durable.Durable) and durable.owner_of(value) not in (home, None):
                self._perdure_special_ = True
                hot[key] = Weak(value)
        return (*map(original_key, hot), *hot.values())

    @staticmethod
    def _perdure_dropped_(connection: Connection, oid: int) -> None:
        """Release and delete the entries outside the record."""
        ordering.drop_entries(connection, oid)

    @staticmethod
    def _perdure_held_(connection: Connection, oid: int) -> list[int]:
        """Ids of the objects that the entries outside the record hold; CorruptRecordError when these disagree."""
        return ordering.held_by_entries(connection, oid)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"cannot pickle or copy deeply a durable {type(self).__name__}; read its entries instead")


def read_value(value: Any) -> Any:
    """A value as its reader gets it. Raises `PermissionError` when that must not be."""
    return value.target if type(value) is Weak else durable.release(value)


def kept_value(value: Any) -> Any:
    """A value without its reference being weak."""
    return value._perdure_aim_() if type(value) is Weak else value


def _given(hot: Any, value: Any, shown: int) -> tuple[Any, Any]:
    """Key and value of an entry as they are given out, as far as they are."""
    return durable.release(original_key(hot)) if shown & KEYS else None, read_value(value) if shown & VALUES else None

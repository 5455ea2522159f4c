"""Pure-Python twin of `kernel/mapping.pyx`: mappings and sets with a dictionary in front, by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from perdure.errors import CorruptRecordError
from perdure.kernel._pure import codec, durable, keys
from perdure.kernel._pure.durable import CLEAN, GHOST, Durable

NEW = 0
KEPT = 1
DELETED = 2
MOVED = 3

_KEY_BYTES = 384
_PAGE_KEYS = 256
_PAGE_BYTES = 1600
_PLAIN = frozenset({int, str, float, type(None), bool, bytes})
_QUICK = frozenset({int, str, bytes})
_ABSENT = object()
_weak_type: type | None = None


def set_weak_type(kind: type | None) -> None:
    """Values of type `kind` are read as their `target`."""
    global _weak_type
    _weak_type = kind


class HotMapping(Durable):
    """What dict and set share."""

    __slots__ = (
        "_perdure_complete_",
        "_perdure_count_",
        "_perdure_hot_",
        "_perdure_last_",
        "_perdure_misses_",
        "_perdure_pending_",
        "_perdure_special_",
        "_perdure_weight_",
    )

    _perdure_hot_: dict[Any, Any] | None
    _perdure_pending_: dict[Any, int] | None
    _perdure_count_: int
    _perdure_weight_: int
    _perdure_last_: int
    _perdure_misses_: int
    _perdure_complete_: bool
    _perdure_special_: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = Durable.__new__(cls)
        self._perdure_count_ = self._perdure_last_ = self._perdure_misses_ = 0
        HotMapping._perdure_forget_(self)
        return self

    @classmethod
    def _perdure_bare_(cls) -> Any:
        return HotMapping.__new__(cls)

    def _perdure_place_(self, key: Any, value: Any) -> bool:
        if durable.state_of(self) <= CLEAN or type(key) not in _QUICK:
            return False
        hot, pending = self._perdure_hot_, self._perdure_pending_
        assert hot is not None
        if pending is not None:
            status = pending.get(key)
            if status is None or status == DELETED:
                if not self._perdure_complete_:
                    return False
                if status == DELETED:
                    del pending[key]
                    pending[key] = MOVED
                else:
                    pending[key] = KEPT if key in hot else NEW
                self._perdure_count_ += pending[key] != KEPT
        hot[key] = value
        return True

    def _perdure_entries_(self) -> dict[Any, Any]:
        durable.load(self)
        assert self._perdure_hot_ is not None
        return self._perdure_hot_

    def _perdure_all_(self) -> dict[Any, Any] | None:
        durable.load(self)
        return self._perdure_hot_ if self._perdure_complete_ else None

    def _perdure_swap_(self, hot: dict[Any, Any], complete: bool) -> None:
        self._perdure_hot_ = hot
        self._perdure_complete_ = complete

    def _perdure_empty_(self, pending: dict[Any, int] | None, count: int) -> None:
        self._perdure_hot_ = {}
        self._perdure_complete_ = pending is None or count == 0
        self._perdure_pending_ = pending
        self._perdure_count_ = count

    def _perdure_complete_with_(self, stored: dict[Any, Any]) -> None:
        assert self._perdure_hot_ is not None
        for hot, status in (self._perdure_pending_ or {}).items():
            if status != KEPT:
                stored.pop(hot, None)
            if status != DELETED:
                stored[hot] = self._perdure_hot_[hot]
        self._perdure_swap_(stored, True)

    def _perdure_write_(self, hot: Any, value: Any, known: bool) -> None:
        pending = self._perdure_pending_
        if pending is not None:
            status = pending.get(hot)
            if known:
                pending.setdefault(hot, KEPT)
            elif status is None or status == DELETED:
                pending.pop(hot, None)
                pending[hot] = NEW if status is None else MOVED
                self._perdure_count_ += 1
        assert self._perdure_hot_ is not None
        self._perdure_hot_[hot] = value

    def _perdure_erase_(self, hot: Any) -> Any:
        assert self._perdure_hot_ is not None
        value = self._perdure_hot_.pop(hot)
        pending = self._perdure_pending_
        if pending is not None:
            if pending.pop(hot, KEPT) != NEW:
                pending[hot] = DELETED
            self._perdure_count_ -= 1
        return value

    def __len__(self) -> int:
        durable.load(self)
        assert self._perdure_hot_ is not None
        return len(self._perdure_hot_) if self._perdure_pending_ is None else self._perdure_count_

    def __contains__(self, key: object) -> bool:
        durable.load(self)
        assert self._perdure_hot_ is not None
        if type(key) in _QUICK and key in self._perdure_hot_:
            return True
        return bool(self._perdure_has_(key))

    def _perdure_forget_(self) -> None:
        self._perdure_hot_ = None
        self._perdure_pending_ = None
        self._perdure_complete_ = False
        self._perdure_special_ = False
        self._perdure_weight_ = 0


class HotDict(HotMapping):
    """A mapping."""

    __slots__ = ()

    def _perdure_look_(self, key: Any) -> Any:
        if type(key) in _QUICK and durable.state_of(self) > GHOST:
            assert self._perdure_hot_ is not None
            found = self._perdure_hot_.get(key, _ABSENT)
            return _ABSENT if type(found) is _weak_type else found
        return _ABSENT

    def __getitem__(self, key: Any) -> Any:
        found = self._perdure_look_(key)
        return self._perdure_find_(key) if found is _ABSENT else found

    def get(self, key: Any, default: Any = None, /) -> Any:
        """The value of `key`, or `default`."""
        found = self._perdure_look_(key)
        return self._perdure_get_(key, default) if found is _ABSENT else found

    def __setitem__(self, key: Any, value: Any) -> None:
        if type(value) not in _PLAIN and not isinstance(value, Durable):
            value = self._perdure_convert_("", value)
            if type(value) is _weak_type:
                self._perdure_put_(key, value)
                return
        if not self._perdure_place_(key, value):
            self._perdure_put_(key, value)

    def __delitem__(self, key: Any) -> None:
        self._perdure_delete_(key)


class HotSet(HotMapping):
    """A set: a mapping of its elements to None."""

    __slots__ = ()

    def add(self, element: Any) -> None:
        """Add an element; nothing happens when it is there."""
        if not self._perdure_place_(element, None):
            self._perdure_put_(element, None)


class EntryEncoder:
    """The entries of one flush of a collection as keys and records."""

    def __init__(self, prefix: bytes, ordered: bool, last: int, step: int, refer: Callable[[Any], Any]) -> None:
        self.records: dict[bytes, bytes | None] = {}
        self.referring: list[bytes] = []
        self.last = last
        self._prefix = prefix
        self._ordered = ordered
        self._step = step
        self._refer = refer
        self._pages: list[tuple[int, bytes, int]] = []
        self._page = bytearray()
        self._mentioned = 0

    def _mention(self, key: bytes) -> int:
        if self._mentioned >= _PAGE_KEYS or len(self._page) >= _PAGE_BYTES:
            self.finish()
        if not self._mentioned:
            self.last += 1 if self._pages else self._step
        _put_mention(self._page, key)
        self._mentioned += 1
        return self.last

    def finish(self) -> list[tuple[int, bytes, int]]:
        """The order pages."""
        if self._mentioned:
            self._pages.append((self.last, bytes(self._page), self._mentioned))
            self._page.clear()
            self._mentioned = 0
        return self._pages

    def stored_keys(self, pending: dict[Any, int], other: Callable[[Any], bytes]) -> list[bytes]:
        """The whole keys of the entries among `pending` that are stored; `other(hot)` gives those not made here."""
        return [self._key_of(hot) or other(hot) for hot, status in pending.items() if status != NEW]

    def _key_of(self, hot: object) -> bytes | None:
        if type(hot) not in _QUICK:
            return None
        key = keys.encode_one(hot)
        return self._prefix + key if len(key) <= _KEY_BYTES else None

    def encode(
        self,
        pending: dict[Any, int] | None,
        entries: dict[Any, Any],
        before: dict[bytes, bytes],
        other: Callable[[Any, int], object],
    ) -> None:
        """Encode what `pending` says of `entries`, or all of them as new ones when it is None.

        `before` has the stored records of those that were stored. `other(hot, status)` is called for what cannot be
        done here: odd keys, and a key that was put first in another form.
        """
        for hot, status in dict.fromkeys(entries, NEW).items() if pending is None else pending.items():
            whole = self._key_of(hot)
            stored = before.get(whole) if whole is not None and status == KEPT else None
            if whole is None or (status == KEPT and (stored is None or codec.decode_header(stored)[0] & 1)):
                other(hot, status)
            elif status == DELETED:
                self.records[whole] = None
            else:
                number = None if stored is None else codec.decode_header(stored)[0] >> 1
                self.add(whole[len(self._prefix) :], entries[hot], number, False, None)

    def add(self, key: bytes, value: object, number: int | None, has_key: bool, original: object) -> None:
        """Encode one entry: with `number` None it is mentioned on the newest order page, else on that of the number."""
        values = [value] if self._ordered else []
        if has_key:
            values.append(original)
        if number is None:
            number = self._mention(key) if self._ordered else 0
        data = codec.encode_record(2 * number + has_key, values, self._refer)
        self.records[self._prefix + key] = data
        if codec.reference_count(data):
            self.referring.append(data)


def collect_entries(
    pairs: Iterable[tuple[bytes, bytes]],
    skipped: int,
    ordered: bool,
    extend: Callable[[int, object], object],
    other: Callable[[bytes, bytes], tuple[int, Any, Any]],
) -> dict[Any, Any]:
    """Scanned entries, pairs of whole key and record, as a dict: a dict's by key bytes (number, hot key, value), a
    set's by hot key (None). `other(key bytes, record)` gives that triple for an entry with references or an odd key;
    `extend` is for `codec.decode_values`.
    """
    found: dict[Any, Any] = {}
    for whole, data in pairs:
        key = whole[skipped:]
        entry = other(key, data)
        if ordered:
            found[key] = entry
        else:
            found[entry[1]] = None
    return found


def order_entries(found: dict[Any, Any], pages: Iterable[tuple[int, list[bytes]]]) -> dict[Any, Any]:
    """What `collect_entries` found of a dict as hot keys and values in the order of its pages (number, mentions)."""
    entries = ((number, found.get(key)) for number, mentions in pages for key in mentions)
    return {entry[1]: entry[2] for number, entry in entries if entry is not None and entry[0] == number}


def _put_mention(page: bytearray, key: bytes) -> None:
    size = len(key)
    while size > 0x7F:
        page.append(size & 0x7F | 0x80)
        size >>= 7
    page.append(size)
    page += key


def write_mentions(found: list[bytes]) -> bytes:
    """An order page that mentions these keys."""
    page = bytearray()
    for key in found:
        _put_mention(page, key)
    return bytes(page)


def read_mentions(page: bytes) -> list[bytes]:
    """The keys that an order page mentions."""
    found = []
    place = 0
    while place < len(page):
        length = shift = 0
        while place < len(page) and page[place] >= 0x80 and shift < 28:
            length |= (page[place] & 0x7F) << shift
            shift += 7
            place += 1
        if place < len(page):
            length |= page[place] << shift
            place += 1
        if place + length > len(page) or not length:
            raise CorruptRecordError("damaged order page: a key is cut short")
        found.append(page[place : place + length])
        place += length
    return found

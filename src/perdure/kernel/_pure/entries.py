"""Pure-Python twin of `kernel/entries.pyx`: entries between a hot dictionary and the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from perdure.errors import CorruptRecordError
from perdure.kernel._pure import codec, keys
from perdure.kernel._pure.mapping import DELETED, KEPT, NEW

_KEY_BYTES = 384
_PAGE_KEYS = 256
_PAGE_BYTES = 1600
_QUICK = frozenset({int, str, bytes})


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

"""The keys of a tree in memory, in their order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from itertools import islice
from typing import Any

from perdure.zodb.BTrees._keys import Between, order_bytes

__all__ = ["KeyOrder"]

_COMPARABLE = frozenset({str, int, bytes})
_FEW = 8


class KeyOrder:
    """The keys of a dict, sorted; follows the dict as it grows.

    The dict keeps its keys in the order of their insertion, so that new ones are found at its end. Whoever deletes
    from the dict calls `follow` before and `remove` after.
    """

    __slots__ = ("_entries", "_sort_key", "keys")

    def __init__(self, entries: dict[Any, Any]) -> None:
        self._entries = entries
        self._sort_key: Callable[[Any], Any] | None = None
        self.keys: list[Any] = []
        self.follow()

    def follow(self) -> list[Any]:
        """Take in the keys added since; all keys."""
        count = len(self._entries) - len(self.keys)
        if count:
            self._add(list(islice(reversed(self._entries), count)))
        return self.keys

    def _add(self, fresh: list[Any]) -> None:
        if self._sort_key is None:
            kinds = set(map(type, fresh))
            if self.keys:
                kinds.add(type(self.keys[0]))
            if len(kinds) > 1 or not kinds <= _COMPARABLE:
                self._sort_key = order_bytes
                self.keys.sort(key=order_bytes)
        if len(fresh) <= _FEW:
            for key in fresh:
                insort(self.keys, key, key=self._sort_key)
            return
        fresh.reverse()
        self.keys.extend(fresh)
        self.keys.sort(key=self._sort_key)

    def remove(self, key: Any) -> None:
        """Forget a key that was deleted from the dict."""
        sought = key if self._sort_key is None else order_bytes(key)
        del self.keys[bisect_left(self.keys, sought, key=self._sort_key)]

    def positions(self, between: Between) -> tuple[int, int]:
        """Where the keys of a range begin and end."""
        found = self.follow()
        low, high = between.low, between.high
        sort_key = self._sort_key
        bounds = [bound[0] for bound in (low, high) if bound is not None]
        if sort_key is None and found and any(type(bound) is not type(found[0]) for bound in bounds):
            sort_key = order_bytes
        begin, end = 0, len(found)
        if low is not None:
            side = bisect_right if between.exclude_low else bisect_left
            begin = side(found, low[0] if sort_key is None else order_bytes(low[0]), key=sort_key)
        if high is not None:
            side = bisect_left if between.exclude_high else bisect_right
            end = side(found, high[0] if sort_key is None else order_bytes(high[0]), key=sort_key)
        return begin, max(begin, end)

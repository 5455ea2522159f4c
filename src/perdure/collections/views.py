"""Views of a durable dict: live, in its order, with the set operations of Python's views."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import TYPE_CHECKING, Any

from perdure.collections.comparing import equal
from perdure.collections.entries import VALUES

if TYPE_CHECKING:
    from perdure.collections.dicts import Dict

__all__ = ["Items", "Keys", "Values"]

_ABSENT = object()


class Keys(KeysView[Any]):
    """The keys of a durable dict."""

    _mapping: Dict

    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping)

    def __reversed__(self) -> Iterator[Any]:
        return self._mapping.__reversed__()

    def __repr__(self) -> str:
        return f"dict_keys({list(self)!r})"


class Values(ValuesView[Any]):
    """The values of a durable dict."""

    _mapping: Dict

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping._perdure_pairs_(VALUES))

    def __reversed__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping._perdure_backwards_(VALUES))

    def __contains__(self, value: object) -> bool:
        return any(equal(found, value) for found in self)

    def __repr__(self) -> str:
        return f"dict_values({list(self)!r})"


class Items(ItemsView[Any, Any]):
    """The pairs of a durable dict."""

    _mapping: Dict

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return self._mapping._perdure_pairs_()

    def __reversed__(self) -> Iterator[tuple[Any, Any]]:
        return self._mapping._perdure_backwards_()

    def __contains__(self, pair: object) -> bool:
        if not isinstance(pair, tuple) or len(pair) != 2:
            return False
        found = self._mapping.get(pair[0], _ABSENT)
        return found is not _ABSENT and equal(found, pair[1])

    def __repr__(self) -> str:
        return f"dict_items({list(self)!r})"

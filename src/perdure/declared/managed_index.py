"""The index that is kept up for a declared field: it can be asked, but is filled by the objects themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from perdure.errors import ObjectError
from perdure.kernel import changes, durable
from perdure.query import Index, Query, entries, index_keys
from perdure.query.shown import check_index
from perdure.session import Connection, register_builtin

__all__ = ["ManagedIndex"]


@register_builtin(10)
class ManagedIndex(Index[Any, Any]):
    """The objects of a class by the value of an indexed field; see `perdure.index_of`.

    It is read-only and does not hold its members: combine its ranges with a class or tag in `find`, and use its
    `sort` as that of any index.
    """

    _perdure_holds_ = False

    def select(self, low: Any = None, high: Any = None, null_first: bool = False) -> Query[Any]:
        """See `Index.select`. Raises `PermissionError` where the field is protected and may not be read."""
        self._check_shown()
        return super().select(low, high, null_first)

    range = select

    def __len__(self) -> int:
        self._check_shown()
        return super().__len__()

    def _items(self, *, reverse: bool) -> Iterator[tuple[Any, Any]]:
        self._check_shown()
        return super()._items(reverse=reverse)

    def _check_shown(self) -> None:
        owner = durable.owner_of(self)
        if owner is not None:
            owner.flush()  # so that the classes of new objects are known
            check_index(owner, durable.oid_of(self))

    def _perdure_add_(self, key: Any, obj: Any) -> NoReturn:
        self._refuse()

    def add(self, key: Any, obj: Any, /) -> NoReturn:
        """Raise `RuntimeError`."""
        self._refuse()

    def remove(self, key: Any, obj: Any, /) -> NoReturn:
        """Raise `RuntimeError`."""
        self._refuse()

    def clear(self) -> NoReturn:
        """Raise `RuntimeError`."""
        self._refuse()

    def flush(self) -> NoReturn:
        """Raise `RuntimeError`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ObjectError("managed indexes are read-only: assign the declared field of the objects instead")

    def _perdure_accept_(self, key: object) -> bytes:
        """The bytes of a key. Raises `RuntimeError` for one that the index cannot have."""
        encoded = index_keys.encode_key(key)
        durable.load(self)
        kind = index_keys.kind_of(key)
        if kind and index_keys.common_kind(self._perdure_kind_, kind) is None and self._has_keys():
            self._take_kind(kind, key)
        return encoded

    def _has_keys(self) -> bool:
        """Whether there are keys other than None, which settle the type."""
        owner, oid = self._identified()
        return next(entries.pairs(owner, oid, index_keys.FIRST_KEY), None) is not None

    def _perdure_file_(self, obj: durable.Durable, key: object, *, add: bool) -> None:
        """Buffer a pair to be added or removed by the next flush."""
        encoded = self._perdure_accept_(key) if add else index_keys.encode_key(key)
        durable.mark_dirty(self)
        kind = index_keys.kind_of(key) if add else 0
        if kind:
            self._perdure_kind_ = index_keys.common_kind(self._perdure_kind_, kind) or kind
        if self._perdure_changes_ is None:
            self._perdure_changes_ = changes.Changes()
        self._perdure_changes_.add(obj, encoded, changes.ADD if add else changes.REMOVE)
        durable.mark_dirty(self)  # again: another thread may have flushed since

    @staticmethod
    def _perdure_held_(connection: Connection, oid: int) -> Iterable[int]:
        return ()

    @staticmethod
    def _perdure_dropped_(connection: Connection, oid: int) -> None:
        entries.drop_entries(connection, oid, holds=False)

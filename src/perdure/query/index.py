"""The durable index: an ordered multimap from keys to objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from perdure.collections.placing import check_place
from perdure.errors import ObjectError, QueryError
from perdure.kernel import changes, durable
from perdure.query import entries
from perdure.query.context import connection_of, current_connection, is_memo
from perdure.query.evaluation import Evaluation
from perdure.query.expression import EMPTY, Node, Range, Sorted
from perdure.query.index_keys import (
    FIRST_KEY,
    KINDS,
    LAST_KEY,
    POSITIONS,
    common_kind,
    encode_bound,
    encode_key,
    read_key,
)
from perdure.query.labels import shown
from perdure.query.narrowing import allowed_plan
from perdure.query.plans import Plan
from perdure.query.result import Query
from perdure.session import Connection, check_identified, register_builtin

__all__ = ["Index"]

_K = TypeVar("_K")
_V = TypeVar("_V")
_T = TypeVar("_T")
_PREFETCHED = 1024


@register_builtin(7)
class Index(changes.Filing, Generic[_K, _V]):
    """Objects by key, in key order; an object may have several keys, a key several objects.

    Keys are None or values of one type: int, float, bool (also among ints), str, bytes, Decimal, date, datetime, time,
    timedelta, UUID, tuple or enum value (in the order of declaration); the first key that is not None decides.
    Members live as long as they are in the index. Iteration gives pairs of key and object, None first, `reversed`
    pairs in descending order of keys.

    >>> due = Index()  # doctest: +SKIP
    >>> due.add(date(2030, 1, 1), task)  # doctest: +SKIP
    >>> due.sort(due.select(None, date.today()))  # doctest: +SKIP
    """

    _perdure_holds_ = True
    """Whether the members live as long as they are in the index."""
    _perdure_alike_ = True
    """Its record has the kind of its keys only: two commits may write the same one."""

    def __init__(self) -> None:
        check_place()

    if TYPE_CHECKING:

        def add(self, key: _K | None, obj: _V, /) -> None:
            """See `changes.Filing.add`."""

    def _perdure_add_(self, key: Any, obj: Any) -> None:
        kind = POSITIONS.get(type(key), _UNKNOWN)
        encoded = encode_key(key)
        _check_member(obj)
        durable.mark_dirty(self)
        if kind and kind != self._perdure_kind_:
            self._take_kind(kind, key)
        self._change(encoded, obj, changes.ADD)

    def remove(self, key: _K | None, obj: _V, /) -> None:
        """Remove a pair; one that is not there changes nothing."""
        encoded = encode_key(key)
        _check_member(obj)
        durable.mark_dirty(self)
        self._change(encoded, cast(durable.Durable, obj), changes.REMOVE)

    def _take_kind(self, kind: int, key: object) -> None:
        found = common_kind(self._perdure_kind_, kind)
        if found is None:
            known = KINDS[self._perdure_kind_].__name__
            raise QueryError(f"the index has keys of type {known}; {shown(key)} cannot be one")
        self._perdure_kind_ = found

    def _change(self, encoded: bytes, member: durable.Durable, how: int) -> None:
        owner, other = durable.owner_of(self), durable.owner_of(member)
        if owner is not other or owner is None:
            self._join(owner, other, member)
        owner = durable.owner_of(self)
        with nullcontext() if owner is None else owner.lock:  # other threads' flushes and blocks wait
            durable.mark_dirty(self)
            if self._perdure_changes_ is None:
                self._perdure_changes_ = changes.Changes()
            self._perdure_changes_.add(member, encoded, how)

    def _join(self, owner: Any, other: Any, member: durable.Durable) -> None:
        """Bring index and member to one connection; the rare case that they are not on one yet."""
        if other is None:
            other = owner or connection_of(member)
        if owner is None:
            other.add(self)
        elif owner is not other:
            raise ObjectError(f"{durable.describe(member)} and the index belong to different databases")

    def clear(self) -> None:
        """Remove all pairs; the next key may be of another type."""
        durable.mark_dirty(self)
        self._perdure_changes_ = None
        self._perdure_kind_ = 0
        owner = durable.owner_of(self)
        if owner is not None and durable.oid_of(self):
            with owner.lock:
                entries.drop_entries(owner, durable.oid_of(self))

    def flush(self) -> None:
        """Work buffered changes into the running transaction now; queries and commits do so by themselves."""
        durable.load(self)
        owner = durable.owner_of(self)
        if owner is not None:
            owner.flush()

    def select(self, low: _K | None = None, high: _K | None = None, null_first: bool = False) -> Query[_V]:
        """The members with a key from `low` to `high`, both included; None is no bound. The result has no order.

        Members with the key None belong to the range where it is open on the side on which they sort: the upper
        one, or with `null_first` the lower one. Raises `RuntimeError` for a bound of another type than the keys.
        """
        owner, oid = self._identified()
        kind = self._perdure_kind_ if low is not None or high is not None else 0
        if kind and not _shows_keys(owner, oid):
            kind = 0
        lower = None if low is None else encode_bound(low, kind)
        upper = None if high is None else encode_bound(high, kind)
        nulls = low is None if null_first else high is None
        return Query(owner, _range(oid, lower, upper, nulls=nulls, passive=not self._perdure_holds_))

    range = select

    def sort(self, query: Query[_T], *, desc: bool = False, null_first: bool = False) -> Query[_T]:
        """The members among what `query` finds, in the order of their keys, once for each of their keys.

        Members with the key None come last, with `null_first` first; `desc` turns everything around. Members of
        equal keys keep the order that `query` gives them, so sorts can be nested.
        """
        if not isinstance(query, Query):
            raise TypeError(f"index.sort takes a query, not {shown(query)}")
        owner, oid = self._identified()
        where = None if owner is query.connection else owner
        passive = not self._perdure_holds_
        return Query(query.connection, Sorted(query.node, oid, bool(desc), bool(null_first), passive, where))

    def _identified(self) -> tuple[Connection, int]:
        durable.load(self)
        owner = durable.owner_of(self)
        if owner is None:
            owner = current_connection()
        connection = cast(Connection, owner)
        with connection.lock:
            oid = durable.oid_of(self) or connection.add(self)
            if self._perdure_changes_:
                connection.flush()
        return connection, oid

    def __len__(self) -> int:
        durable.load(self)
        owner = cast("Connection | None", durable.owner_of(self))
        if owner is None or not durable.oid_of(self):
            return 0
        if self._perdure_changes_:
            owner.flush()
        allowed = allowed_plan(owner)
        if allowed is not None:
            return sum(1 for _ in _visible(entries.pairs(owner, durable.oid_of(self)), allowed))
        return entries.count_entries(owner, durable.oid_of(self))

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[tuple[_K | None, _V]]:
        return self._items(reverse=False)

    def __reversed__(self) -> Iterator[tuple[_K | None, _V]]:
        return self._items(reverse=True)

    def _items(self, *, reverse: bool) -> Iterator[tuple[_K | None, _V]]:
        owner, oid = self._identified()
        Evaluation(owner)
        found = entries.pairs(owner, oid, reverse=reverse)
        allowed = allowed_plan(owner)
        if allowed is not None:
            found = _visible(found, allowed)
        return _items(owner, entries.pinned(owner, found), self._perdure_kind_)

    # -- what the session calls ----------------------------------------------------------------------------

    def _perdure_store_(self) -> list[object]:
        if self._perdure_changes_:
            owner, oid = durable.owner_of(self), durable.oid_of(self)
            entries.apply_changes(owner, oid, self._perdure_changes_, holds=self._perdure_holds_)
        return [self._perdure_kind_]

    def _perdure_restore_(self, values: list[Any]) -> None:
        self._perdure_kind_ = values[0]
        self._perdure_changes_ = None

    def _perdure_forget_(self) -> None:
        self._perdure_changes_ = None

    @staticmethod
    def _perdure_held_(connection: Connection, oid: int) -> Iterable[int]:
        return (member for _, member in entries.pairs(connection, oid))

    @staticmethod
    def _perdure_dropped_(connection: Connection, oid: int) -> None:
        entries.drop_entries(connection, oid)


_UNKNOWN = -1


def _visible(found: Iterator[tuple[bytes, int]], allowed: Plan) -> Iterator[tuple[bytes, int]]:
    """The pairs of members that can be seen."""
    return (pair for pair in found if allowed.contains(pair[1]))


def _shows_keys(connection: Connection, oid: int) -> bool:
    """Whether any member that can be seen has a key other than None, which settles the type of keys."""
    found = entries.pairs(connection, oid, FIRST_KEY)
    try:
        allowed = allowed_plan(connection)
    except PermissionError:  # the query will be refused
        return False
    return next(found if allowed is None else _visible(found, allowed), None) is not None


def _check_member(obj: object) -> None:
    if not is_memo(obj):
        raise QueryError(f"the values of an index are memo objects, not {shown(obj)}")
    check_identified(cast(durable.Durable, obj))
    changes.FILEABLE.add(type(obj))


def _range(oid: int, low: bytes | None, high: bytes | None, *, nulls: bool, passive: bool) -> Node:
    keyed = low is None or high is None or low <= high
    if not keyed and not nulls:
        return EMPTY
    return Range(oid, low or FIRST_KEY, high or LAST_KEY, nulls, keyed, passive)


def _items(connection: Connection, found: Iterator[tuple[bytes, int]], kind: int) -> Iterator[tuple[Any, Any]]:
    while True:
        batch = list(islice(found, _PREFETCHED))
        if not batch:
            return
        connection.prefetch([oid for _, oid in batch])
        for data, oid in batch:
            yield read_key(data, kind), connection.get(oid)

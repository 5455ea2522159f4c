"""What changed between two snapshots: new, deleted and modified members of a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import Any, cast

from perdure.errors import WorkspaceError
from perdure.query import Query
from perdure.query.context import live
from perdure.query.expression import Elsewhere, Node, Not, both
from perdure.query.finding import unordered
from perdure.query.group_rows import ids_in
from perdure.query.plans import Plan
from perdure.query.preparing import prepared
from perdure.session import Connection
from perdure.storage import spaces
from perdure.workspace.functions import snapshot
from perdure.workspace.snapshot import Snapshot

__all__ = ["ModIterable", "ModIterator", "SnapshotWindow", "select_deleted", "select_modified", "select_new"]

_RECORDS = spaces.RECORDS.id
_BATCH = 256

Compare = Callable[[Any, Any], bool]


def _definition(query: Query[Any]) -> Node:
    if not isinstance(query, Query):
        raise TypeError(f"a query is needed, such as find(...) gives, not a {type(query).__name__}")
    return unordered(query.node)


def _without(connection: Connection, node: Node, other: Connection) -> Query[Any]:
    """What a query finds on one connection and not on another one of the same database."""
    return Query(connection, both([node, Not(Elsewhere(other, node))]))


def select_new(query: Query[Any], pre: Snapshot | None, last: Snapshot) -> Query[Any]:
    """The objects that a query finds in the snapshot `last` and not in `pre`, as they are in `last`.

    `query` says what to look for; what it finds now does not matter. When `pre` is None, or knows nothing of the
    query's prefix, all of `last` is new.

    >>> with perdure.SnapshotWindow(5, 9, "main") as (pre, last):  # doctest: +SKIP
    ...     created = list(perdure.select_new(perdure.find(Task), pre, last))
    """
    node = _definition(query)
    connection = last.at(live(query.connection))
    before = None if pre is None else pre.seen(connection.database.uuid)
    return Query(connection, node) if before is None else _without(connection, node, before)


def select_deleted(query: Query[Any], pre: Snapshot | None, last: Snapshot) -> Query[Any] | list[Any]:
    """The objects that a query finds in the snapshot `pre` and not in `last`, as they were in `pre`.

    An empty list when `pre` is None or knows nothing of the query's prefix.
    """
    node = _definition(query)
    before = None if pre is None else pre.seen(query.connection.database.uuid)
    return [] if before is None else _without(before, node, last.at(live(query.connection)))


def select_modified(
    query: Query[Any], pre: Snapshot | None, last: Snapshot, compare_with: Compare | None = None
) -> ModIterable | list[Any]:
    """The objects that a query finds in both snapshots and whose fields were written in between, as pairs of versions.

    Touched objects are among them, and those that were assigned equal values; `compare_with(old, new)` may tell by
    True that a pair does not count as changed. A change inside of a durable collection is one of the collection, not of
    the object that has it. An empty list when `pre` is None or knows nothing of the query's prefix.
    """
    node = _definition(query)
    before = None if pre is None else pre.seen(query.connection.database.uuid)
    if before is None:
        return []
    return ModIterable(node, before, last.at(live(query.connection)), compare_with)


class ModIterable:
    """Pairs of an old and a new version of objects; see `select_modified`. Iterate it, as often as wanted, or count."""

    def __init__(self, node: Node, before: Connection, after: Connection, compare_with: Compare | None) -> None:
        self._before = before
        self._after = after
        self._compare = compare_with
        self._node = node
        self._written = _written(before, after)

    def _members(self) -> list[int]:
        """Ids of the changed members: worked out for each use, since whoever made this may see others."""
        old, new = _plan(self._node, self._before), _plan(self._node, self._after)
        found: list[int] = []
        for number, written in sorted(self._written.items()):
            members = written & old.chunk(number)
            if members:
                found.extend(number << 16 | low for low in members & new.chunk(number))
        return found

    def __iter__(self) -> ModIterator:
        return ModIterator(self._before, self._after, self._members(), self._compare)

    def __len__(self) -> int:
        return len(self._members()) if self._compare is None else sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(True for _ in self)


class ModIterator:
    """An iterator of a `ModIterable`."""

    def __init__(self, before: Connection, after: Connection, oids: list[int], compare_with: Compare | None) -> None:
        self._pairs = _pairs(before, after, iter(oids), compare_with)

    def __iter__(self) -> ModIterator:
        return self

    def __next__(self) -> tuple[Any, Any]:
        return next(self._pairs)


def _pairs(
    before: Connection, after: Connection, oids: Iterator[int], compare: Compare | None
) -> Iterator[tuple[Any, Any]]:
    while batch := list(islice(oids, _BATCH)):
        if before.is_closed() or after.is_closed():
            raise WorkspaceError("WorkspaceView is closed: one of the two snapshots was closed")
        for old, new in zip(before.prefetch(batch), after.prefetch(batch), strict=True):
            if compare is None or compare(old, new) is not True:
                yield old, new


def _written(before: Connection, after: Connection) -> dict[int, Any]:
    """The ids whose records the commits between two states wrote, by chunks."""
    if after.state <= before.state:
        return {}
    commits = before.database.storage.each_change(before.state, after.state)
    return ids_in([run for changes in commits for run in cast("list[tuple[int, int]]", changes.get(_RECORDS, ()))])


def _plan(node: Node, connection: Connection) -> Plan:
    narrowed, evaluation = prepared(node, connection)
    return evaluation.plan(narrowed)


class SnapshotWindow:
    """Two snapshots to compare: `with SnapshotWindow(from_state, to_state, prefix) as (pre, last)`.

    With `prefix`, `pre` is that prefix at `from_state` (its first state for None or less than 2); without, it is the
    current prefix, and None when `from_state` is None or 1. `last` is at `to_state`, by default the newest state.
    Both are closed at the end.
    """

    def __init__(self, from_state: int | None, to_state: int | None = None, prefix: str | None = None) -> None:
        for label, value in (("from_state", from_state), ("to_state", to_state)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                raise TypeError(f"{label} is an int, not {type(value).__name__}")
        self._from = from_state
        self._to = to_state
        self._prefix = prefix
        self._open: list[Snapshot] = []

    def __enter__(self) -> tuple[Snapshot | None, Snapshot]:
        first = max(self._from or 1, 1)
        pre: Snapshot | None = None
        try:
            if self._prefix is not None:
                pre = self._take({self._prefix: first})
                return pre, self._take({self._prefix: self._to})
            if first > 1:
                pre = self._take(first)
            return pre, self._take(self._to)
        except BaseException:
            self._close()
            raise

    def _take(self, spec: Any) -> Snapshot:
        self._open.append(snapshot(spec))
        return self._open[-1]

    def _close(self) -> None:
        while self._open:
            self._open.pop().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

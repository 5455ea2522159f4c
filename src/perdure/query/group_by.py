"""`group_by`: operations on groups of what a query finds, worked out anew only for what changed.

An outcome is kept with the state it belongs to. The next call compares bitmaps to see which rows came and went, and
asks the commit log which of the others changed; operations get those rows alone. Functions may look at more than
their row: what they loaded besides is remembered, and when any of that changed, everything is worked out again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from perdure.collections import Tuple
from perdure.errors import QueryError, StateUnavailableError
from perdure.kernel import durable
from perdure.model import EnumValue, load
from perdure.query.context import connection_of, database_connection
from perdure.query.expression import calls_functions, is_decorated, is_local
from perdure.query.functions import function_signature
from perdure.query.group_cache import GroupByBucket, Grouped, Key, Members, current_cache
from perdure.query.group_defs import GroupDef, Operation, count_op, is_builtin, operations_of, parse_groups
from perdure.query.group_rows import FastQuery, RowReader, changed_since, minus, overlap, size, union
from perdure.query.labels import shown
from perdure.query.loading import give
from perdure.query.result import Query
from perdure.security import FILTERS, MASKS, seen_through
from perdure.session import Connection, by_chunk

__all__ = ["GroupByEval", "group_by"]

Cells = dict[tuple[int, ...], Members]
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class _ObjectKey:
    """Stands for an object that is the key of a group."""

    database: int
    oid: int


class GroupByEval:
    """A way to group: definitions and operations, ready to be applied to queries."""

    def __init__(self, groups: list[GroupDef], operations: tuple[Operation, ...], *, tuple_keys: bool = False) -> None:
        self._groups = groups
        self._operations = operations
        self._tuple_keys = tuple_keys
        self._plain = all(is_builtin(operation) for operation in operations)
        self._calls = any(group.function for group in groups) or any(one is not count_op for one in operations)

    def run(self, query: Query[Any]) -> dict[Any, Any]:
        """The groups of a query: key → state of the operation, or tuple of states."""
        if is_decorated(query.node) or not is_local(query.node):
            return self._shown(self._directly(query), query.connection)
        if not self._calls and not calls_functions(query.node):
            with query.connection.lock:  # so that no change comes between the look for changes and the evaluation
                return self._counted(FastQuery(query, private=False))
        fast = FastQuery(query, private=True)
        try:
            if not self._calls:
                return self._counted(fast)
            protected = fast.connection.catalog.protection.class_ids()
            if FILTERS.active or MASKS.active or protected:  # what functions see depends on the account: not kept
                return self._shown(self._update(Grouped(), fast).buckets, query.connection)
            return self._shown(self._cached(fast).buckets, query.connection)
        finally:
            fast.close(rows_are_kept=not self._plain)

    # -- the simple ways -----------------------------------------------------------------------------------

    def _counted(self, fast: FastQuery) -> dict[Any, Any]:
        """Sizes of groups of tags: no objects are needed."""
        cells, labels = fast.cells(self._groups)
        found: dict[Any, int] = {}
        for cell, members in cells.items():
            key = self._key(cell, labels, None)
            found[key] = found.get(key, 0) + size(members)
        several = len(self._operations)
        fast.close(rows_are_kept=False)
        return found if several == 1 else {key: (number,) * several for key, number in found.items()}

    def _directly(self, query: Query[Any]) -> dict[Any, GroupByBucket]:
        """Groups of the tuples of a split, and of queries over several states: nothing is kept."""
        if any(group.labels for group in self._groups):
            raise QueryError("tuples and objects of several states can be grouped by functions only, not by tags")
        buckets: dict[Any, GroupByBucket] = {}
        rows: Iterator[Any] = give(*query.evaluate())
        self._apply(buckets, rows, (), [], removed=False)
        return buckets

    # -- incrementally -------------------------------------------------------------------------------------

    def _cached(self, fast: FastQuery) -> Grouped:
        cache = current_cache()
        parts = [group.signature() for group in self._groups]
        ops = [function_signature(operation) for operation in self._operations]
        groups = ";".join(part.text for part in parts) + (" tuple" if self._tuple_keys else "")
        key: Key = (fast.database.uuid, fast.query.signature(), groups, ";".join(op.text for op in ops))
        known = cache.take(key, fast.database) or (cache.seed(key, fast.node) if self._plain else None)
        if known is not None and known.state > fast.state:  # a query on a snapshot: the newer outcome stays
            cache.put(key, known, fast.database, lasting=False)
            return self._update(Grouped(), fast)
        found = self._update(known or Grouped(), fast)
        lasting = all(one.lasting for one in (*parts, *ops)) and not calls_functions(fast.node)
        cache.put(key, found, fast.database, lasting=lasting)
        return found

    def _update(self, known: Grouped, fast: FastQuery) -> Grouped:
        """The outcome at the state of `fast`, from that at an earlier one."""
        if known.state == fast.state and known.node == fast.node and not calls_functions(fast.node):
            return known
        cells, labels = fast.cells(self._groups)
        if known.buckets or known.cells:
            changed = changed_since(fast.database, known.state, fast.state)
            if changed is not None and not overlap(known.others, changed):
                steps = _steps(known.cells, cells, changed)
                try:
                    if sum(size(gone) + size(come) for gone, come in steps.values()) <= sum(map(size, cells.values())):
                        return self._advance(known, fast, cells, labels, steps)
                except StateUnavailableError:
                    pass  # the state it was worked out at was packed away
        return self._advance(Grouped(), fast, cells, labels, _steps({}, cells, {}))

    def _advance(
        self,
        known: Grouped,
        fast: FastQuery,
        cells: Cells,
        labels: list[list[object]],
        steps: dict[tuple[int, ...], tuple[Members, Members]],
    ) -> Grouped:
        past = fast.past(known.state) if any(gone for gone, _ in steps.values()) else None
        buckets = known.buckets
        for cell, (gone, _) in steps.items():
            if past is not None and gone:
                for part in RowReader(past, {}).parts(gone):
                    self._apply(buckets, iter(part), cell, labels, removed=True)
        reader = RowReader(fast.connection, union(cells.values()))
        for cell, (_, come) in steps.items():
            for part in reader.parts(come):
                self._apply(buckets, iter(part), cell, labels, removed=False)
        left = {key: bucket for key, bucket in buckets.items() if bucket.rows}
        others = union([known.others, by_chunk(sorted(reader.others))])
        return Grouped(fast.node, fast.state, cells, left, others)

    def _apply(
        self,
        buckets: dict[Any, GroupByBucket],
        rows: Iterator[Any],
        cell: tuple[int, ...],
        labels: list[list[object]],
        *,
        removed: bool,
    ) -> None:
        """Let operations work rows in, or out."""
        for key, members in self._by_key(rows, cell, labels).items():
            bucket = buckets.get(key)
            if bucket is None:
                bucket = buckets[key] = GroupByBucket(0, [op(None, None, None) for op in self._operations])
            gone, come = (members, []) if removed else ([], members)
            bucket.rows += len(come) - len(gone)
            bucket.states = [op(state, gone, come) for op, state in zip(self._operations, bucket.states, strict=True)]

    def _by_key(self, rows: Iterator[Any], cell: tuple[int, ...], labels: list[list[object]]) -> dict[Any, list[Any]]:
        if all(group.labels for group in self._groups):
            return {self._key(cell, labels, None): list(rows)}
        found: dict[Any, list[Any]] = {}
        single = self._groups[0].function if len(self._groups) == 1 and not self._tuple_keys else None
        for row in rows:
            key = single(row) if single is not None else self._key(cell, labels, row)
            if type(key) not in _SIMPLE:
                key = _plain_key(key)
            members = found.get(key)
            if members is None:
                members = found[key] = []
            members.append(row)
        return found

    def _key(self, cell: tuple[int, ...], labels: list[list[object]], row: Any) -> Any:
        positions = iter(zip(cell, labels, strict=True)) if cell else iter(())
        parts: list[Any] = []
        for group in self._groups:
            if group.function is not None:
                parts.append(group.function(row))
            else:
                position, names = next(positions)
                parts.append(names[position])
        return _plain_key(tuple(parts) if self._tuple_keys else parts[0])

    def _shown(self, buckets: dict[Any, GroupByBucket], connection: Connection) -> dict[Any, Any]:
        """What the user gets: keys with live objects; states that may be changed in place are copied."""
        give_state: Callable[[Any], Any] = (lambda state: state) if self._plain else copy.copy
        found: dict[Any, Any] = {}
        for key, bucket in buckets.items():
            states = tuple([give_state(state) for state in bucket.states])
            found[_live_key(key, connection)] = states[0] if len(states) == 1 else states
        return found


_SIMPLE = frozenset([str, int, bool, float, bytes, type(None)])


def _plain_key(value: Any) -> Any:
    """What a key is kept as: the names of enum values, plain tuples, and ids of objects."""
    if type(value) in _SIMPLE:
        return value
    if isinstance(value, EnumValue):
        return str(value)
    if isinstance(value, tuple):
        return tuple(map(_plain_key, value))
    if isinstance(value, Tuple):
        return _plain_key(load(value))
    if isinstance(value, durable.Durable) and durable.oid_of(value):
        return _ObjectKey(connection_of(value).database.uuid, durable.oid_of(value))
    return value


def _live_key(key: Any, connection: Connection) -> Any:
    if isinstance(key, _ObjectKey):
        live = connection if connection.database.uuid == key.database else database_connection(key.database)
        return seen_through(live.get(key.oid))
    return tuple([_live_key(part, connection) for part in key]) if type(key) is tuple else key


def _steps(before: Cells, after: Cells, changed: Members) -> dict[tuple[int, ...], tuple[Members, Members]]:
    """Cell → rows to take out and rows to put in; changed ones are both."""
    found: dict[tuple[int, ...], tuple[Members, Members]] = {}
    for cell in {**before, **after}:
        old, new = before.get(cell, {}), after.get(cell, {})
        again = overlap(overlap(old, new), changed) if changed else {}
        gone, come = union([minus(old, new), again]), union([minus(new, old), again])
        if gone or come:
            found[cell] = gone, come
    return found


def group_by(group_defs: Any, query: Query[Any], ops: Any = (count_op,)) -> dict[Any, Any]:
    """Group what a query finds, and work something out for each group: by default, how many rows it has.

    `group_defs` is a function that gives the key of a row; or a list of str or enum values, or an enum: objects are
    grouped by the first of these tags that they have, those with none are left out; or a tuple of such definitions,
    for keys that are tuples. Enum values and tags come as their names in keys. `ops` are operations: `count_op`,
    `make_sum(function)`, or functions of your own `op(state, removed_rows, added_rows)`, which get `(None, None,
    None)` first to give the initial state, and must give the same whatever parts the rows come in. Of one operation
    the dict has the states, of several tuples of states.

    The result is that of the last committed state. Unless data filters or masks are in use, it is kept (see
    `init_fast_query`), and the next call looks only at rows that were added, removed or changed since. Functions must
    depend on what they read from stored objects of the same prefix alone.

    Raises `TypeError` or `ValueError` for what cannot be grouped by, `RuntimeError` for what is no query.

    >>> group_by(["urgent", "later"], find(Task))  # doctest: +SKIP
    {'urgent': 3, 'later': 40}
    >>> group_by(lambda task: task.owner, find(Task), (count_op, make_sum(lambda task: task.hours)))  # doctest: +SKIP
    {'ann': (12, 31.5), 'bob': (31, 80)}
    """
    if not isinstance(query, Query):
        raise QueryError(f"group_by takes a query, not {shown(query)}")
    groups, tuple_keys = parse_groups(group_defs)
    return GroupByEval(groups, operations_of(ops), tuple_keys=tuple_keys).run(query)

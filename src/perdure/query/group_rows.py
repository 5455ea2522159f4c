"""Which rows belong to which groups of tags, and which changed since an earlier state."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

from pyroaring import BitMap

from perdure.errors import StateUnavailableError
from perdure.kernel import codec, durable
from perdure.query.expression import Split, calls_functions
from perdure.query.finding import unordered
from perdure.query.group_cache import Members
from perdure.query.group_defs import GroupDef
from perdure.query.plans import Plan
from perdure.query.preparing import prepared
from perdure.query.result import Query
from perdure.query.shown import check_shown
from perdure.query.splitting import label_of
from perdure.session import Connection, Database, by_chunk
from perdure.storage import spaces

__all__ = ["FastQuery", "changed_since", "ids_in", "minus", "overlap", "size"]

_RECORDS = spaces.RECORDS.id
_AT_ONCE = 4096
_BUDGET = 1 << 30
_LONGEST_LOG = 10_000
"""When more commits than this came in between, working everything out again is not slower."""

Cells = dict[tuple[int, ...], Members]


class RowConnection(Connection):
    """A read-only connection that notes which rows the records it reads refer to."""

    __slots__ = ("_referred", "_rows")

    def __init__(self, database: Database, state: int | None) -> None:
        super().__init__(database, database.storage.view(state), writable=False, budget=_BUDGET)
        self.is_fixed = True
        weakref.finalize(self, self.view.release).atexit = False  # when operations keep rows, nobody closes it
        self._rows: Members = {}
        self._referred: set[int] = set()

    def watch(self, rows: Members, referred: set[int]) -> None:
        """Note references to any of `rows` in the set `referred` from now on."""
        self._rows, self._referred = rows, referred

    def read_many(self, space: int, keys: list[bytes]) -> list[bytes | None]:
        """See `Connection`."""
        found = super().read_many(space, keys)
        if space == _RECORDS and self._rows:
            for data in filter(None, found):
                if codec.reference_count(data):
                    self._referred.update([one.oid for one in codec.list_references(data) if self._is_row(one.oid)])
        return found

    def _is_row(self, oid: int) -> bool:
        return oid & 0xFFFF in self._rows.get(oid >> 16, ())


class FastQuery:
    """A query at the last committed state of its prefix: what `group_by` evaluates.

    With `private`, on a connection of its own, so that functions see that state and what they load can be told.
    """

    def __init__(self, query: Query[Any], *, private: bool) -> None:
        self.query = query
        self.node = unordered(query.node)
        live = query.connection
        self._private = private or calls_functions(query.node) or (live.writable and live.has_changes())
        self.connection = self._connect(None if live.writable else live.state) if self._private else live
        self.state = self.connection.state
        self._past: Connection | None = None

    def _connect(self, state: int | None) -> Connection:
        return RowConnection(self.query.connection.database, state)

    @property
    def database(self) -> Database:
        """The database that the query runs on."""
        return self.query.connection.database

    def past(self, state: int) -> Connection:
        """A connection at an earlier state. Raises `StateUnavailableError` when it was packed away."""
        if self._past is None:
            self._past = self._connect(state)
        return self._past

    def cells(self, groups: list[GroupDef]) -> tuple[Cells, list[list[object]]]:
        """The rows by the first tags that they have, one for each definition by tags; and the tags themselves."""
        narrowed, evaluation = prepared(self.node, self.connection)
        check_shown(Split(self.node, tuple(node for group in groups for node in group.labels)), self.connection)
        plan = evaluation.plan(narrowed)
        wanted = [group.labels for group in groups if group.labels]
        labels = [[label_of(node, evaluation) for node in nodes] for nodes in wanted]
        plans = [[evaluation.plan(node) for node in nodes] for nodes in wanted]
        found: Cells = {}
        for number in sorted(plan.chunks()):
            for key, members in _split(plan.chunk(number), number, plans).items():
                found.setdefault(key, {})[number] = members
        return found, labels

    def close(self, *, rows_are_kept: bool) -> None:
        """End the use; unless operations may have kept rows, which need their connections, these are closed."""
        if rows_are_kept:
            return
        for connection in (self._past, self.connection if self._private else None):
            if connection is not None:
                connection.close()


def _split(members: BitMap, number: int, plans: list[list[Plan]]) -> dict[tuple[int, ...], BitMap]:
    """The members of a chunk by the positions of the first plans that have them."""
    parts: dict[tuple[int, ...], BitMap] = {(): members} if members else {}
    for choices in plans:
        divided: dict[tuple[int, ...], BitMap] = {}
        for key, part in parts.items():
            rest = part
            for position, choice in enumerate(choices):
                got = choice.within(number, rest)
                if got:
                    divided[(*key, position)] = got
                    rest = rest - got
                    if not rest:
                        break
        parts = divided
    return parts


def changed_since(database: Database, after: int, upto: int) -> Members | None:
    """Objects that commits changed, collections with their entries; None when it cannot be told any more."""
    if upto - after > _LONGEST_LOG:
        return None
    try:
        logged = database.storage.changes(after, upto)
    except StateUnavailableError:
        return None
    by_id = (spaces.RECORDS.id, spaces.ENTRIES.id, spaces.COUNTERS.id)
    return union([ids_in(cast("list[tuple[int, int]]", logged.get(space, []))) for space in by_id])


def ids_in(runs: Iterable[tuple[int, int]]) -> Members:
    """The ids of runs, each a first id and how many follow one another."""
    runs = list(runs)
    found = by_chunk([first for first, count in runs if count == 1])
    for first, count in runs:
        if count > 1:
            _add_run(found, first, first + count)
    return found


def _add_run(found: Members, first: int, end: int) -> None:
    while first < end:
        number = first >> 16
        stop = min(end, (number + 1) << 16)
        chunk = found.get(number)
        if chunk is None:
            chunk = found[number] = BitMap()
        chunk.add_range(first & 0xFFFF, stop - (number << 16))
        first = stop


def size(members: Members) -> int:
    """How many ids there are."""
    return sum([len(chunk) for chunk in members.values()])


def minus(one: Members, other: Members) -> Members:
    """The ids of `one` that are not in `other`."""
    found = {number: chunk - other[number] if number in other else chunk for number, chunk in one.items()}
    return {number: chunk for number, chunk in found.items() if chunk}


def overlap(one: Members, other: Members) -> Members:
    """The ids of both."""
    found = {number: chunk & other[number] for number, chunk in one.items() if number in other}
    return {number: chunk for number, chunk in found.items() if chunk}


def union(members: Iterable[Members]) -> Members:
    """The ids of any."""
    found: Members = {}
    for one in members:
        for number, chunk in one.items():
            known = found.get(number)
            found[number] = chunk if known is None else known | chunk
    return found


def ids_of(members: Members) -> Iterator[int]:
    """The ids, ascending."""
    for number in sorted(members):
        base = number << 16
        for low in members[number]:
            yield base | low


class RowReader:
    """Loads rows part by part, and notes which other objects are looked at meanwhile."""

    def __init__(self, connection: Connection, rows: Members) -> None:
        self._connection = connection
        self.others: set[int] = set()
        """Loaded objects that are no rows, and rows that others refer to."""
        self._forget()
        if isinstance(connection, RowConnection):
            connection.watch(rows, self.others)

    def parts(self, members: Members) -> Iterator[list[durable.Durable]]:
        """The objects, in parts; those of a part are forgotten when the next one is asked for."""
        found = ids_of(members)
        while part := list(islice(found, _AT_ONCE)):
            loaded = self._connection.prefetch(part)
            yield loaded
            del loaded
            objects = self._connection.objects
            besides = objects.keys() - part
            self.others.update([oid for oid in besides if durable.state_of(objects[oid]) > durable.GHOST])
            self._forget()

    def _forget(self) -> None:
        with self._connection.lock:
            for _ in range(2):  # what was used since the last sweep is spared once
                self._connection.sweep(0)

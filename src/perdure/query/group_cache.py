"""What `group_by` worked out last time: in memory, and in a prefix for the next process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pyroaring import BitMap

from perdure.collections import Dict
from perdure.errors import PerdureError
from perdure.kernel import codec
from perdure.model import scope
from perdure.query.definition import distance, from_plain, to_plain
from perdure.query.expression import EMPTY, Node
from perdure.session import Connection, Database, get_root, set_root

__all__ = ["FastQueryCache", "GroupByBucket", "Grouped", "Key", "Members", "current_cache", "init_fast_query"]

Members = dict[int, BitMap]
"""Chunk → low bits of object ids."""
Key = tuple[int, str, str, str]
"""Database, and signatures of query, groups and operations."""

_ROOT = "fast_query"
_VERSION = 1
_KEPT = 128
_SEED_DISTANCE = 0.33
"""A query that differs less from one known may be worked out from it."""


@dataclass(slots=True)
class GroupByBucket:
    """One group: how many rows it has, and the state of each operation."""

    rows: int
    states: list[Any]

    def copy(self) -> GroupByBucket:
        """Another bucket with the same states."""
        return GroupByBucket(self.rows, list(self.states))


@dataclass(slots=True)
class Grouped:
    """The outcome of a grouping at one state."""

    node: Node = EMPTY
    state: int = 0
    cells: dict[tuple[int, ...], Members] = field(default_factory=dict)
    """Positions of tags, one for each definition by tags → the rows."""
    buckets: dict[Any, GroupByBucket] = field(default_factory=dict)
    others: Members = field(default_factory=dict)
    """Objects that are no rows and that functions looked at, and rows that others refer to."""

    def copy(self) -> Grouped:
        """Another one to work on."""
        buckets = {key: bucket.copy() for key, bucket in self.buckets.items()}
        return Grouped(self.node, self.state, self.cells, buckets, self.others)


class FastQueryCache:
    """Outcomes of `group_by` that later calls start from. With a connection, they are kept in its database too."""

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection
        self._known: OrderedDict[Key, Grouped] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many outcomes are in memory."""
        return len(self._known)

    def take(self, key: Key, database: Database) -> Grouped | None:
        """The outcome of a key, which is the caller's from now on; give it back by `put`."""
        with self._lock:
            found = self._known.pop(key, None)
        return found if found is not None else self._read(key, database)

    def seed(self, key: Key, node: Node) -> Grouped | None:
        """A copy of the outcome of a query that is nearly the same, grouped in the same way."""
        with self._lock:
            near = [
                (distance(one.node, node), one)
                for known, one in self._known.items()
                if known[0] == key[0] and known[2:] == key[2:]
            ]
        best = min(near, key=lambda pair: pair[0], default=(1.0, Grouped()))
        return best[1].copy() if best[0] < _SEED_DISTANCE else None

    def put(self, key: Key, found: Grouped, database: Database, *, lasting: bool) -> None:
        """Keep an outcome; `lasting` ones, whose key means the same in other processes, also in the database."""
        with self._lock:
            self._known[key] = found
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        if lasting:
            self._write(key, found, database)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
        stored = self._stored(False)
        if stored is not None:
            stored.clear()

    def _stored(self, create: bool) -> Dict | None:
        connection = self._connection
        if connection is None or connection.is_closed() or not connection.writable:
            return None
        found = get_root(connection, _ROOT)
        if found is None and create:
            found = Dict()
            set_root(connection, _ROOT, found)
        return found if isinstance(found, Dict) else None

    def _read(self, key: Key, database: Database) -> Grouped | None:
        """The stored outcome, unless it is damaged or that of another history, as after a backup was put back."""
        stored = self._stored(False)
        data = None if stored is None else stored.get(_name(key))
        if not isinstance(data, bytes):
            return None
        try:
            moment, found = _decode(data)
            return found if moment == _moment(database, found.state) else None
        except (PerdureError, TypeError, ValueError, AttributeError):
            return None

    def _write(self, key: Key, found: Grouped, database: Database) -> None:
        stored = self._stored(True)
        if stored is None:
            return
        try:
            data = _encode(found, _moment(database, found.state))
        except (TypeError, ValueError, PerdureError):
            return  # keys or states that cannot be stored: kept in memory only
        name = _name(key)
        if stored.get(name) == data:
            return
        while len(stored) >= _KEPT and name not in stored:
            del stored[next(iter(stored))]
        stored[name] = data


def _name(key: Key) -> str:
    return " ".join(map(str, key))


def _moment(database: Database, state: int) -> int:
    """The time of a commit, which tells states of the same number apart. Raises `PerdureError` when it is packed."""
    return next(entry.time for entry in database.storage.log(state - 1, state))


def _encode(found: Grouped, moment: int) -> bytes:
    buckets = [(key, bucket.rows, tuple(bucket.states)) for key, bucket in found.buckets.items()]
    cells = [(key, *_plain(members)) for key, members in found.cells.items()]
    return codec.encode_value(
        (_VERSION, found.state, moment, to_plain(found.node), cells, buckets, [*_plain(found.others)])
    )


def _decode(data: bytes) -> tuple[int, Grouped]:
    """Time and outcome of a stored form. Raises `TypeError`, `ValueError` or `PerdureError` for anything else."""
    plain: Any = codec.decode_value(data)
    version, state, moment, node, cells, buckets, others = plain
    if version != _VERSION:
        raise ValueError("an outcome of another release")
    return moment, Grouped(
        from_plain(node),
        state,
        {key: _members(parts) for key, *parts in cells},
        {key: GroupByBucket(rows, list(states)) for key, rows, states in buckets},
        _members(others),
    )


def _plain(members: Members) -> Iterator[tuple[int, bytes]]:
    return ((number, chunk.serialize()) for number, chunk in members.items())


def _members(plain: list[tuple[int, bytes]]) -> Members:
    return {number: BitMap.deserialize(data) for number, data in plain}


_cache = FastQueryCache()


def current_cache() -> FastQueryCache:
    """The cache that `group_by` uses."""
    return _cache


def init_fast_query(prefix: str | None = None, /) -> None:
    """Keep what `group_by` works out in a prefix, which is opened for writing, so that other processes go on from it.

    Without this, or after `init_fast_query(None)`, it is kept in this process only. Data may be read from other
    prefixes, also from read-only ones. Raises `RuntimeError` when the prefix cannot be written.

    >>> perdure.init_fast_query("cache")  # doctest: +SKIP
    """
    global _cache
    if prefix is not None and not isinstance(prefix, str):
        raise TypeError(f"a prefix name is a str, not {type(prefix).__name__}")
    _cache = FastQueryCache(None if prefix is None else scope.named(prefix, write=True))

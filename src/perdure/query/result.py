"""Query objects: what `find`, `select` and `sort` return."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice
from operator import index
from typing import Any, SupportsIndex, cast, overload

from perdure.errors import ObjectError, QueryError, ReferenceError
from perdure.kernel import durable
from perdure.query.definition import distance, signature_of
from perdure.query.evaluation import Evaluation
from perdure.query.expression import Node, Sliced, is_ordered
from perdure.query.ordering import count, ids
from perdure.session import Connection

__all__ = ["Query"]

_FIRST_BATCH, _LARGEST_BATCH = 32, 1024


class Query:
    """Objects that meet criteria, worked out anew each time; iterate, count, slice it, use it in `find`.

    Each iterator gives what the query found when the iterator was made. `len` and `bool` load no objects.

    >>> query = find(Note, "urgent")  # doctest: +SKIP
    >>> len(query), [note.text for note in query[:10]]  # doctest: +SKIP
    """

    __slots__ = ("__weakref__", "_connection", "_node", "_running")

    def __init__(self, connection: Connection, node: Node) -> None:
        self._connection = connection
        self._node = node
        self._running: Iterator[Any] | None = None

    @property
    def connection(self) -> Connection:
        """Where the query runs."""
        return self._connection

    @property
    def node(self) -> Node:
        """What the query asks for."""
        return self._node

    def __iter__(self) -> Iterator[Any]:
        return _objects(self._connection, ids(self._node, Evaluation(self._connection)))

    def __next__(self) -> Any:
        """The next object of an iterator that the query keeps for this; after the last one it starts over."""
        if self._running is None:
            self._running = iter(self)
        try:
            return next(self._running)
        except StopIteration:
            self._running = None
            raise

    def __len__(self) -> int:
        return count(self._node, Evaluation(self._connection))

    def __bool__(self) -> bool:
        evaluation = Evaluation(self._connection)
        if is_ordered(self._node) or isinstance(self._node, Sliced):
            return next(ids(self._node, evaluation), None) is not None
        return not evaluation.plan(self._node).is_empty()

    def __contains__(self, obj: object) -> bool:
        if not isinstance(obj, durable.Durable) or durable.owner_of(obj) is not self._connection:
            return False
        evaluation = Evaluation(self._connection)
        oid = durable.oid_of(obj)
        return bool(oid) and evaluation.plan(self._node).contains(oid)

    @overload
    def __getitem__(self, position: slice) -> Query: ...
    @overload
    def __getitem__(self, position: tuple[SupportsIndex, ...]) -> tuple[Any, ...]: ...
    def __getitem__(self, position: Any) -> Any:
        """A slice gives a query, a tuple of positions the objects at these positions."""
        if isinstance(position, slice):
            return self._slice(position)
        if isinstance(position, tuple):
            return self._pick(position)
        raise QueryError(f"a query takes a slice or a tuple of positions, not {position!r}; use query[i,]")

    def _slice(self, wanted: slice) -> Query:
        start, stop, step = (_index(bound) for bound in (wanted.start, wanted.stop, wanted.step))
        if step is not None and step <= 0:
            raise QueryError(f"the step of a query's slice must be positive, not {step}")
        if start in (None, 0) and stop is None and step in (None, 1):
            return self
        if isinstance(self._node, Sliced):
            raise QueryError("the query is a slice already; slice the whole query")
        return Query(self._connection, Sliced(self._node, start, stop, step))

    def _pick(self, positions: tuple[Any, ...]) -> tuple[Any, ...]:
        wanted = [_position(position) for position in positions]
        evaluation = Evaluation(self._connection)
        found = ids(self._node, evaluation)
        if all(position >= 0 for position in wanted):
            found = islice(found, max(wanted, default=-1) + 1)
        listed = list(found)
        size = len(listed)
        for position in wanted:
            if not -size <= position < size:
                raise IndexError(f"position {position} is outside the query, which gives {size} objects here")
        return tuple([self._connection.get(listed[position]) for position in wanted])

    def signature(self) -> str:
        """A text that is equal for equal questions, in whatever order their members were given."""
        return signature_of(self._node)

    def compare(self, other: Query) -> float:
        """How much another query differs: 0.0 asks the same, 1.0 something else; between them for shared choices.

        Raises `TypeError` for what is no query.
        """
        if not isinstance(other, Query):
            raise TypeError(f"a query is compared to a query, not to {type(other).__name__}")
        if other.connection.database.uuid != self._connection.database.uuid:
            return 1.0
        return distance(self._node, other.node)

    def _perdure_uuid_(self) -> str:
        """See `perdure.uuid`: database and signature."""
        database = base64.b32encode(self._connection.database.uuid.to_bytes(8, "big")).decode("ascii").rstrip("=")
        return database + self.signature()

    def __repr__(self) -> str:
        return f"<Query {self._node!r} on {self._connection.database.name}>"


def _index(bound: SupportsIndex | None) -> int | None:
    return None if bound is None else index(bound)


def _position(value: object) -> int:
    if not hasattr(type(value), "__index__"):
        raise QueryError(f"positions in a query are ints, not {value!r}")
    return index(cast(SupportsIndex, value))


def _objects(connection: Connection, found: Iterator[int]) -> Iterator[Any]:
    size = _FIRST_BATCH
    while batch := list(islice(found, size)):
        if connection.is_closed():
            raise ObjectError(f"{connection.database.name} is no longer accessible: it was closed")
        loaded = connection.prefetch(batch)
        if connection.is_fixed and len(loaded) != len(batch):
            missing = set(batch).difference(map(durable.oid_of, loaded))
            raise ReferenceError(
                f"object #{min(missing)} of {connection.database.name} does not exist at state {connection.state}, on "
                "which the query runs; it was found at another state"
            )
        yield from loaded
        size = min(size * 4, _LARGEST_BATCH)

"""Query objects: what `find`, `select` and `sort` return."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from operator import index
from typing import Any, Generic, SupportsIndex, TypeVar, cast, overload

from perdure.errors import QueryError
from perdure.kernel import durable
from perdure.query.definition import distance, signature_of
from perdure.query.evaluation import Evaluation
from perdure.query.explaining import Explanation, explain
from perdure.query.expression import Filtered, Node, Sliced, calls_functions, is_decorated, is_ordered
from perdure.query.loading import give, objects, tuples
from perdure.query.narrowing import visible_plan
from perdure.query.ordering import count, ids, rows
from perdure.query.preparing import prepared
from perdure.query.shown import check_explained
from perdure.security import Asking, who_asks
from perdure.session import Connection

__all__ = ["Query"]

_T_co = TypeVar("_T_co", covariant=True)


class Query(Generic[_T_co]):
    """Objects that meet criteria, worked out anew each time; iterate, count, slice it, use it in `find`.

    Each iterator gives what the query found when the iterator was made. `len` and `bool` load no objects.

    >>> query = find(Note, "urgent")  # doctest: +SKIP
    >>> len(query), [note.text for note in query[:10]]  # doctest: +SKIP
    """

    __slots__ = ("__weakref__", "_connection", "_node", "_running", "_running_for")

    def __init__(self, connection: Connection, node: Node) -> None:
        self._connection = connection
        self._node = node
        self._running: Iterator[_T_co] | None = None
        self._running_for: Asking | None = None

    @property
    def connection(self) -> Connection:
        """Where the query runs."""
        return self._connection

    @property
    def node(self) -> Node:
        """What the query asks for."""
        return self._node

    @property
    def expression(self) -> Node:
        """What the query asks for, also of a predicate: for what does not evaluate it."""
        return self._node

    def evaluate(self) -> tuple[Node, Evaluation]:
        """What the running context may ask for by this query, and what the connection holds now, to answer it.

        Raises `RuntimeError` when only passive tags would decide the answer, and when the connection is closed;
        `PermissionError` when nothing says what may be seen.
        """
        return prepared(self._node, self._connection)

    def _in_one_wait(self) -> AbstractContextManager[object]:
        """See `Connection.in_one_wait`; functions of the user are never called with the lock held."""
        found = self._connection.in_one_wait()
        return nullcontext() if found is self._connection.lock and calls_functions(self._node) else found

    def __iter__(self) -> Iterator[_T_co]:
        with self._in_one_wait():
            return give(*self.evaluate())

    def __reversed__(self) -> Iterator[_T_co]:
        with self._in_one_wait():
            node, evaluation = self.evaluate()
            return give(Sliced(node, None, None, -1), evaluation)

    def __next__(self) -> _T_co:
        """The next object of an iterator that the query keeps for this; after the last one it starts over."""
        asking = who_asks(self._connection)
        if self._running is None or self._running_for is None or not self._running_for.agrees(asking):
            self._running, self._running_for = iter(self), asking
        try:
            return next(self._running)
        except StopIteration:
            self._running = None
            raise

    def __len__(self) -> int:
        with self._in_one_wait():
            return count(*self.evaluate())

    def __bool__(self) -> bool:
        with self._in_one_wait():
            node, evaluation = self.evaluate()
            if is_ordered(node) or isinstance(node, Sliced | Filtered):
                return next(ids(node, evaluation), None) is not None
            return not evaluation.plan(node).is_empty()

    def __contains__(self, obj: object) -> bool:
        if isinstance(obj, tuple) and is_decorated(self._node):
            return any(row == obj for row in self)
        if not isinstance(obj, durable.Durable):
            return False
        with self._in_one_wait():
            node, evaluation = self.evaluate()
            oid = self._id_here(obj)  # which a new object has now
            return bool(oid) and evaluation.plan(node).contains(oid)

    def _id_here(self, obj: durable.Durable) -> int:
        """The id of an object in the connection of the query, or of the interned one that it stands for; else 0."""
        owner = durable.owner_of(obj)
        if owner is None and getattr(type(obj), "_perdure_interned_", False):
            same = self._connection.interning.find(obj)
            return 0 if same is None else durable.oid_of(same)
        return durable.oid_of(obj) if owner is self._connection else 0

    @overload
    def __getitem__(self, position: slice) -> Query[_T_co]: ...
    @overload
    def __getitem__(self, position: tuple[SupportsIndex, ...]) -> tuple[_T_co, ...]: ...
    def __getitem__(self, position: Any) -> Any:
        """A slice gives a query, a tuple of positions the objects at these positions."""
        if isinstance(position, slice):
            return self._slice(position)
        if isinstance(position, tuple):
            return self._pick(position)
        raise QueryError(f"a query takes a slice or a tuple of positions, not {position!r}; use query[i,]")

    def _slice(self, wanted: slice) -> Query[_T_co]:
        start, stop, step = (_index(bound) for bound in (wanted.start, wanted.stop, wanted.step))
        if step == 0:
            raise QueryError("the step of a query's slice cannot be zero")
        if stop is None and step in (None, 1) and start in (None, 0):
            return self
        if isinstance(self._node, Sliced):
            raise QueryError("the query is a slice already; slice the whole query")
        return Query(self._connection, Sliced(self._node, start, stop, step))

    def _pick(self, positions: tuple[Any, ...]) -> tuple[Any, ...]:
        wanted = [_position(position) for position in positions]
        found: Iterator[Any] = (rows if is_decorated(self._node) else ids)(*self.evaluate())
        if all(position >= 0 for position in wanted):
            found = islice(found, max(wanted, default=-1) + 1)
        listed = list(found)
        size = len(listed)
        for position in wanted:
            if not -size <= position < size:
                raise IndexError(f"position {position} is outside the query, which gives {size} objects here")
        picked = iter([listed[position] for position in wanted])
        return tuple((tuples if is_decorated(self._node) else objects)(self._connection, picked))

    def explain(self) -> Explanation:
        """How the query is worked out: its parts in the order in which they are looked at, with their sizes.

        Print it, or read its fields. Only sizes are looked up; no objects are loaded. Where a data filter is in use,
        sizes are those of what the query could give.

        >>> print(find(Task, "urgent", no("done")).explain())  # doctest: +SKIP
        all of these, but: at most 120
          the tag 'urgent': 120
          type Task: 5000
          not the tag 'done': 4100
        """
        _, evaluation = self.evaluate()
        check_explained(self._node, self._connection)
        return explain(self._node, evaluation, visible_plan(self._node, evaluation))

    def signature(self) -> str:
        """A text that is equal for equal questions, in whatever order their members were given."""
        return signature_of(self._node)

    def compare(self, other: Query[Any]) -> float:
        """How much another query differs: 0.0 asks the same, 1.0 something else; between them for shared choices.

        Raises `TypeError` for what is no query.
        """
        if not isinstance(other, Query):
            raise TypeError(f"a query is compared to a query, not to {type(other).__name__}")
        if other.connection.database.uuid != self._connection.database.uuid:
            return 1.0
        return distance(self._node, other.expression)

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

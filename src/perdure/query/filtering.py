"""`filter`: what a Python function accepts of what a query finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from pyroaring import BitMap

from perdure.errors import QueryError
from perdure.query.evaluation import Evaluation, make_plan, planner
from perdure.query.expression import Filtered, Sliced, is_decorated, is_ordered
from perdure.query.labels import shown
from perdure.query.loading import accepted_ids, accepted_rows
from perdure.query.ordering import Row, count, ids, rows
from perdure.query.plans import Plan
from perdure.query.result import Query
from perdure.session import Connection, by_chunk

__all__ = ["filter_query"]

_T = TypeVar("_T")


def filter_query(function: Callable[[_T], object], query: Query[_T], /) -> Query[_T]:
    """What of a query's objects `function` accepts: a query again, in the same order.

    The function is called while the result is iterated, counted or tested, each time anew; its exceptions pass
    through. (`list(query)` asks for the length too, so it calls the function twice for each object; a comprehension
    does not.) Of a `split_by`, it gets the tuples. A filtered query can be sliced, sorted and used in `find`, but not
    stored or serialized.

    Raises `TypeError` for what is no function, `RuntimeError` for what is no query.

    >>> filter(lambda task: task.hours > 8, find(Task))  # doctest: +SKIP
    """
    if not callable(function):
        raise TypeError(f"filter takes a function, not {shown(function)}")
    if not isinstance(query, Query):
        raise QueryError(f"filter takes a function and a query, not {shown(query)}")
    return Query(query.connection, Filtered(query.node, cast("Callable[[Any], object]", function)))


class _Accepted(Plan):
    """Members of a set that a function accepts."""

    __slots__ = ("_accepts", "_connection", "_source", "weight")

    lazy = True

    def __init__(self, source: Plan, accepts: Callable[[Any], object], connection: Connection) -> None:
        self._source = source
        self._accepts = accepts
        self._connection = connection
        self.weight = source.weight

    def chunks(self) -> Iterable[int]:
        """See `Plan.chunks`."""
        return self._source.chunks()

    def chunk(self, number: int) -> BitMap:
        """See `Plan.chunk`."""
        return self._choose(number, self._source.chunk(number))

    def within(self, number: int, members: BitMap) -> BitMap:
        """See `Plan.within`."""
        return self._choose(number, self._source.within(number, members))

    def _choose(self, number: int, members: BitMap) -> BitMap:
        base = number << 16
        found = iter([base | low for low in members])
        return BitMap([oid & 0xFFFF for oid in accepted_ids(self._connection, found, self._accepts)])

    def contains(self, oid: int) -> bool:
        """See `Plan.contains`."""
        return bool(self.within(oid >> 16, BitMap([oid & 0xFFFF])))


class _Deferred(Plan):
    """Members of what has an order or tuples, found when they are first asked for."""

    __slots__ = ("_evaluation", "_members", "_node", "weight")

    lazy = True

    def __init__(self, node: Filtered, evaluation: Evaluation) -> None:
        self._node = node
        self._evaluation = evaluation
        self._members: dict[int, BitMap] | None = None
        self.weight = make_plan(node.source, evaluation).weight

    def _found(self) -> dict[int, BitMap]:
        if self._members is None:
            self._members = by_chunk(list(ids(self._node, self._evaluation)))
        return self._members

    def chunks(self) -> Iterable[int]:
        """See `Plan.chunks`."""
        return self._found().keys()

    def chunk(self, number: int) -> BitMap:
        """See `Plan.chunk`."""
        return self._found().get(number, BitMap())


@planner(Filtered)
def _filtered_plan(node: Filtered, evaluation: Evaluation) -> Plan:
    if is_ordered(node.source) or isinstance(node.source, Sliced):
        return _Deferred(node, evaluation)
    return _Accepted(make_plan(node.source, evaluation), node.predicate, evaluation.connection)


@ids.register
def _filtered_ids(node: Filtered, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    if is_decorated(node.source):
        found: Iterator[int] = (row[0] for row in rows(node, evaluation))
    else:
        found = accepted_ids(evaluation.connection, ids(node.source, evaluation), node.predicate)
    return _without(found, skip)


@rows.register
def _filtered_rows(node: Filtered, evaluation: Evaluation, skip: int = 0) -> Iterator[Row]:
    if not is_decorated(node.source):
        return zip(ids(node, evaluation, skip))
    return _without(accepted_rows(evaluation.connection, rows(node.source, evaluation), node.predicate), skip)


def _without(found: Iterator[_T], skip: int) -> Iterator[_T]:
    for _ in range(skip):
        next(found, None)
    return found


@count.register
def _filtered_count(node: Filtered, evaluation: Evaluation) -> int:
    return sum(1 for _ in ids(node, evaluation))

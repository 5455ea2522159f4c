"""`join`: objects of several collections that have an object as a tag in common."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from perdure.errors import QueryError
from perdure.kernel import durable, keys
from perdure.query.context import class_source, is_memo_class
from perdure.query.evaluation import Evaluation
from perdure.query.expression import Node, Split, Tagged
from perdure.query.finding import connection_for, find_in
from perdure.query.labels import OBJECT, shown
from perdure.query.plans import Leaf, Plan
from perdure.query.preparing import prepared
from perdure.query.result import Query
from perdure.query.shown import check_shown
from perdure.session import Connection

__all__ = ["JoinQuery", "join"]

_AT_ONCE = 1024


class JoinQuery:
    """Combinations of objects, made by `join`; iterate it any number of times, count it."""

    __slots__ = ("_connection", "_nodes", "_on")

    def __init__(self, connection: Connection, nodes: list[Node], on: Node) -> None:
        self._connection = connection
        self._nodes = nodes
        self._on = on

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        connection = self._connection
        for found in self._combinations():
            wanted = sorted({oid for row in found for oid in row})
            loaded = {durable.oid_of(obj): obj for obj in connection.prefetch(wanted)}
            for row in found:
                if all(oid in loaded for oid in row):
                    yield tuple([loaded[oid] for oid in row])

    def __len__(self) -> int:
        return sum([len(found) for found in self._combinations()])

    def __bool__(self) -> bool:
        return next(self._combinations(), None) is not None

    def _combinations(self) -> Iterator[list[tuple[int, ...]]]:
        """Combinations of ids, each once, in batches."""
        narrowed = [prepared(node, self._connection) for node in (*self._nodes, self._on)]
        for node in self._nodes:
            check_shown(Split(node, (Tagged(b""),)), self._connection)  # the tags of these objects decide
        *nodes, on = [node for node, _ in narrowed]
        return _Join(nodes, on, narrowed[0][1]).run()


class _Join:
    """One evaluation of a join."""

    def __init__(self, nodes: list[Node], on: Node, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._plans = [evaluation.plan(node) for node in nodes]
        self._on = evaluation.plan(on).ids()
        self._earlier: dict[int, list[list[set[int]]]] = {}
        """Object of the first collection → what it was combined with because of the tags before."""

    def run(self) -> Iterator[list[tuple[int, ...]]]:
        """Batches of combinations, one tag after another."""
        database = self._evaluation.connection.database.uuid
        batch: list[tuple[int, ...]] = []
        for oid in self._on:
            with self._evaluation.connection.lock:
                tagged = self._evaluation.posting(keys.encode((OBJECT, database, oid)))
            if not tagged.weight:
                continue
            sides = [set(_common(plan, tagged)) for plan in self._plans]
            if not all(sides):
                continue
            for row in product(*map(sorted, sides)):
                if not self._is_known(row):
                    batch.append(row)
                if len(batch) >= _AT_ONCE:
                    yield batch
                    batch = []
            for first in sides[0]:
                self._earlier.setdefault(first, []).append(sides[1:])
        if batch:
            yield batch

    def _is_known(self, row: tuple[int, ...]) -> bool:
        """Whether the combination has an earlier tag in common too."""
        return any(
            all(oid in side for oid, side in zip(row[1:], sides, strict=True))
            for sides in self._earlier.get(row[0], ())
        )


def _common(plan: Plan, tagged: Leaf) -> Iterator[int]:
    for number in sorted(tagged.chunks()):
        base = number << 16
        for low in plan.within(number, tagged.chunk(number)):
            yield base | low


def join(*collections: Any, on: Any) -> JoinQuery:
    """Tuples with one object of each collection, for all that have a tag in common which is an object that `on` finds.

    Collections and `on` are memo classes or queries. Each combination comes once, however many tags it shares.

    Raises `TypeError` for anything else, and when there are no collections.

    >>> for book, review in join(Book, find(Review, "good"), on=Author): ...  # doctest: +SKIP
    """
    if not collections:
        raise TypeError("join takes at least one collection")
    for one in (*collections, on):
        if not isinstance(one, Query) and not is_memo_class(one) and class_source(one) is None:
            raise TypeError(f"join takes queries and memo classes, not {shown(one)}")
    connection = connection_for((*collections, on))
    queries = [one for one in (*collections, on) if isinstance(one, Query)]
    _ = [one.node for one in queries]  # a predicate refuses
    given = [one.connection for one in queries]
    if given and all(one is given[0] for one in given):
        connection = given[0]  # of one snapshot
    if any(one.database.uuid != connection.database.uuid for one in given):
        raise QueryError("the collections of a join belong to different prefixes")
    nodes = [find_in(connection, one).node for one in (*collections, on)]
    return JoinQuery(connection, nodes[:-1], nodes[-1])

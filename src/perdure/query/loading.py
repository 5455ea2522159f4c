"""From ids and rows to the objects and tuples that a query gives, read ahead in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from perdure.errors import ObjectError, ReferenceError
from perdure.kernel import durable
from perdure.query.evaluation import Evaluation
from perdure.query.expression import Node, is_decorated
from perdure.query.ordering import Row, ids, rows
from perdure.session import Connection

__all__ = ["accepted_ids", "accepted_rows", "give", "objects", "tuples"]

_FIRST_BATCH, _LARGEST_BATCH = 32, 1024


def give(node: Node, evaluation: Evaluation) -> Iterator[Any]:
    """What a query of `node` gives: objects, or tuples of an object and tags."""
    if is_decorated(node):
        return tuples(evaluation.connection, rows(node, evaluation))
    return objects(evaluation.connection, ids(node, evaluation))


def objects(connection: Connection, found: Iterator[int]) -> Iterator[Any]:
    """The objects of ids; those that do not exist any more are left out."""
    size = _FIRST_BATCH
    while batch := list(islice(found, size)):
        if connection.is_closed():
            raise ObjectError(f"{connection.database.name} is no longer accessible: it was closed")
        yield from _loaded(connection, batch)
        size = min(size * 4, _LARGEST_BATCH)


def tuples(connection: Connection, found: Iterator[Row]) -> Iterator[tuple[Any, ...]]:
    """The same for rows: tuples of an object and tags."""
    for batch, loaded in _batches(connection, found):
        columns = list(zip(*batch, strict=True))[1:]
        yield from zip(loaded, *columns, strict=True)


def accepted_ids(connection: Connection, found: Iterator[int], accepts: Callable[[Any], object]) -> Iterator[int]:
    """The ids of those objects that a function accepts."""
    for batch, loaded in _batches(connection, zip(found)):
        for (oid,), obj in zip(batch, loaded, strict=True):
            if accepts(obj):
                yield oid


def accepted_rows(connection: Connection, found: Iterator[Row], accepts: Callable[[Any], object]) -> Iterator[Row]:
    """The rows whose tuples a function accepts."""
    for batch, loaded in _batches(connection, found):
        for row, obj in zip(batch, loaded, strict=True):
            if accepts((obj, *row[1:])):
                yield row


def _loaded(connection: Connection, oids: list[int]) -> list[Any]:
    """The objects of ids; on a connection of a fixed state, all of them must exist."""
    loaded = connection.prefetch(oids)
    if connection.is_fixed and len(loaded) != len(oids):
        missing = set(oids).difference(map(durable.oid_of, loaded))
        raise ReferenceError(
            f"object #{min(missing)} of {connection.database.name} does not exist at state {connection.state}, on "
            "which the query runs; it was found at another state"
        )
    return loaded


def _batches(connection: Connection, found: Iterator[Row]) -> Iterator[tuple[list[Row], list[Any]]]:
    """Rows and their objects, without those whose objects do not exist any more."""
    size = _FIRST_BATCH
    while batch := list(islice(found, size)):
        if connection.is_closed():
            raise ObjectError(f"{connection.database.name} is no longer accessible: it was closed")
        loaded = _loaded(connection, [row[0] for row in batch])
        if len(loaded) != len(batch):
            present = {durable.oid_of(obj): obj for obj in loaded}
            batch = [row for row in batch if row[0] in present]
            loaded = [present[row[0]] for row in batch]
        yield batch, loaded
        size = min(size * 4, _LARGEST_BATCH)

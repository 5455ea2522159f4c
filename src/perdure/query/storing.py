"""Queries as values of fields: the definition is stored, and reading it gives a live query."""

from __future__ import annotations

from typing import Any, cast

from perdure.errors import CorruptRecordError, QueryError
from perdure.kernel import durable
from perdure.model import scope
from perdure.query.definition import from_plain, to_plain
from perdure.query.predicates import Predicate
from perdure.query.result import Query
from perdure.session import Connection, register_extension

__all__ = ["EXTENSION"]

EXTENSION = 8
"""The code of queries among the value kinds of records."""


def _encode(connection: Connection | None, query: Query[Any]) -> tuple[object, ...]:
    """Database and name where they are not those of the record, and the definition; its indexes are held then."""
    database = query.connection.database
    if connection is None or database.uuid != connection.database.uuid:
        return database.uuid, database.name, to_plain(query.expression)
    return 0, "", to_plain(query.expression, connection.get)


def _encode_predicate(connection: Connection | None, query: Predicate) -> object:
    """As that of a query, with one more element."""
    return (*_encode(connection, query), True)


def _decode(connection: Connection | None, payload: object) -> Query[Any]:
    try:
        database, name, plain, *marks = cast("tuple[Any, ...]", payload)
    except (TypeError, ValueError) as error:
        raise CorruptRecordError(f"damaged definition of a query: {error}") from error
    made = Predicate if marks else Query
    if database:
        return made(scope.holding(database, name), from_plain(plain))
    if connection is None:
        raise QueryError("a query of its record's database has no meaning outside it")
    return made(connection, from_plain(plain, durable.oid_of))


register_extension(EXTENSION, Query, _encode, _decode)
register_extension(EXTENSION, Predicate, _encode_predicate, _decode)

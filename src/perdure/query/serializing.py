"""`serialize` and `deserialize`: queries and enum values as bytes, for other processes.

The bytes are a version, a checksum and one value of the codec: they hold no code and no names that are imported but
those of classes, which are looked up as for any stored object.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any, cast

from perdure.errors import CorruptRecordError, PerdureError, QueryError
from perdure.errors import ReferenceError as DeadReferenceError
from perdure.kernel import codec
from perdure.model import EnumValue
from perdure.model.enums import value_of
from perdure.query.context import database_connection
from perdure.query.definition import from_plain, to_plain
from perdure.query.labels import shown
from perdure.query.predicates import Predicate
from perdure.query.result import Query
from perdure.session import Connection, resolve_class

__all__ = ["deserialize", "deserialize_at", "serialize"]

_VERSION = b"q\x01"
_CHECKSUM = 8
_INDEX_CLASS = 7
_QUERY, _ENUM_VALUE, _PREDICATE = 1, 2, 3


def serialize(obj: Any, /) -> bytes:
    """A query or an enum value as bytes, which `deserialize` reads, here or in another process.

    Of a query, its definition is kept: neither what it finds nor the predicate that narrows it; a predicate itself
    stays one. Raises `RuntimeError` for any other value, for a query with `filter` (functions are not serialized) and
    for one over several snapshots.

    >>> perdure.deserialize(perdure.serialize(find(Task, "urgent")))  # doctest: +SKIP
    """
    if isinstance(obj, Query):
        database = obj.connection.database
        kind = _PREDICATE if isinstance(obj, Predicate) else _QUERY
        plain: tuple[Any, ...] = (kind, database.uuid, database.name, to_plain(obj.expression))
    elif isinstance(obj, EnumValue):
        plain = (_ENUM_VALUE, obj.enum_name, obj.name)
    else:
        raise QueryError(f"only queries and enum values can be serialized, not {shown(obj)}")
    data = codec.encode_value(plain)
    return _VERSION + _checksum(data) + data


def deserialize(data: bytes | bytearray | memoryview, /) -> Any:
    """The query or enum value of bytes that `serialize` made. A query is live: it sees what its prefix holds now.

    The prefix of a query is opened for reading when it is not open. Raises `TypeError` for what is no bytes,
    `RuntimeError` for other bytes and when there is no such prefix, `perdure.ReferenceError` when an index that the
    query uses was deleted.
    """
    return deserialize_at(data, lambda connection: connection)


def deserialize_at(data: Any, connection_at: Any) -> Any:
    """`deserialize` for a snapshot: `connection_at` gives its connection for the live one of a database."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"deserialize takes bytes, not {shown(data)}")
    kind, *rest = _read(bytes(data))
    if kind == _ENUM_VALUE:
        return value_of(*rest)
    database, name, plain = rest
    connection = connection_at(database_connection(database, name))
    class_of = partial(_class_of, connection)
    node = from_plain(plain, partial(_existing_index, connection), class_of)
    return Predicate(connection, node) if kind == _PREDICATE else Query(connection, node)


def _class_of(connection: Connection, identity: str, module: str, qualname: str) -> type:
    """The class of an identity, as the database knows it. The module that the bytes name is not imported."""
    ids = connection.catalog.ids_of(identity)
    return connection.catalog.class_of(ids[0]) if ids else resolve_class(identity, module, qualname, imports=False)


_SHAPES = dict.fromkeys((_QUERY, _PREDICATE), (int, int, str, tuple)) | {_ENUM_VALUE: (int, str, str)}


def _read(data: bytes) -> tuple[Any, ...]:
    start = len(_VERSION) + _CHECKSUM
    body = data[start:]
    if not data.startswith(_VERSION) or data[len(_VERSION) : start] != _checksum(body):
        raise CorruptRecordError("the bytes to deserialize are damaged, or were not made by serialize")
    try:
        plain = codec.decode_value(body)
    except PerdureError as error:
        raise CorruptRecordError(f"the bytes to deserialize are damaged: {error}") from error
    if not isinstance(plain, tuple) or tuple(map(type, plain)) != _SHAPES.get(cast(int, plain[0]) if plain else 0):
        raise CorruptRecordError("the bytes to deserialize are damaged: neither a query nor an enum value")
    return plain


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_CHECKSUM).digest()


def _existing_index(connection: Connection, oid: int) -> int:
    """Refuse a query on an index that is gone: it would find nothing, without a word."""
    class_id = connection.class_id_of(oid)
    if class_id is None:
        raise DeadReferenceError(f"the index #{oid} of the query was deleted")
    if class_id != _INDEX_CLASS:
        raise CorruptRecordError(f"the object #{oid} of the query is no index")
    return oid

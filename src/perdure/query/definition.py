"""Expressions as plain values: for storing a query in a field, for its signature, and for comparing two."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from perdure.errors import CorruptRecordError, QueryError
from perdure.kernel import codec
from perdure.query.expression import (
    And,
    ClassTagged,
    Empty,
    Node,
    Not,
    OfType,
    Or,
    Range,
    Sliced,
    Sorted,
    Tagged,
    TheObject,
    both,
    either,
)
from perdure.session import resolve_class

__all__ = ["distance", "from_plain", "signature_of", "to_plain"]

Refer = Callable[[int], Any]
"""What stands for the index with an object id."""
OidOf = Callable[[Any], int]

_CODES: dict[type[Node], int] = {
    Empty: 0,
    Tagged: 1,
    ClassTagged: 2,
    OfType: 3,
    TheObject: 4,
    Range: 5,
    Not: 6,
    And: 7,
    Or: 8,
    Sorted: 9,
    Sliced: 10,
}


def to_plain(node: Node, refer: Refer = int) -> tuple[Any, ...]:
    """The node as nested tuples of plain values and of what `refer` gives for indexes.

    Raises `RuntimeError` for a query over several states of a database, which has no meaning elsewhere.
    """
    code = _CODES.get(type(node))
    if code is None or (isinstance(node, Sorted) and node.where is not None):
        raise QueryError("a query over several states or databases has no definition of its own; it cannot be stored")
    return (code, *_parts(node, refer))


def _parts(node: Node, refer: Refer) -> Iterable[Any]:
    match node:
        case ClassTagged(identity, cls) | OfType(identity, cls):
            found: tuple[Any, ...] = (identity, cls.__module__, cls.__qualname__)
        case And(members) | Or(members):
            found = tuple([to_plain(member, refer) for member in members])
        case Range():
            found = (refer(node.index_oid), node.low, node.high, node.nulls, node.keyed, node.passive)
        case Sorted():
            found = (to_plain(node.source, refer), refer(node.index_oid), *_sorting(node))
        case Sliced():
            found = (to_plain(node.source, refer), node.start, node.stop, node.step)
        case Not():
            found = (to_plain(node.node, refer),)
        case _:
            found = tuple([getattr(node, one.name) for one in fields(node)])  # type: ignore[arg-type]
    return found


def _sorting(node: Sorted) -> tuple[bool, bool, bool]:
    return node.descending, node.nulls_first, node.passive


def from_plain(plain: Any, oid_of: OidOf = int) -> Node:
    """The inverse of `to_plain`; `oid_of` gives the object id of what stands for an index.

    Raises `CorruptRecordError` for anything else.
    """
    try:
        return _read(plain, oid_of)
    except (TypeError, ValueError, IndexError, AttributeError, KeyError) as error:
        raise CorruptRecordError(f"damaged definition of a query: {error!r}") from error


def _read(plain: Any, oid_of: OidOf) -> Node:
    code, *parts = plain
    return _READERS[code](parts, oid_of)


def _read_class(kind: Callable[[str, type], Node]) -> Callable[[list[Any], OidOf], Node]:
    def read(parts: list[Any], oid_of: OidOf) -> Node:
        identity, module, qualname = parts
        return kind(identity, resolve_class(identity, module, qualname))

    return read


def _members(parts: list[Any], oid_of: OidOf) -> list[Node]:
    return [_read(part, oid_of) for part in parts]


_READERS: dict[int, Callable[[list[Any], OidOf], Node]] = {
    _CODES[Empty]: lambda parts, oid_of: Empty(*parts),
    _CODES[Tagged]: lambda parts, oid_of: Tagged(*parts),
    _CODES[ClassTagged]: _read_class(ClassTagged),
    _CODES[OfType]: _read_class(OfType),
    _CODES[TheObject]: lambda parts, oid_of: TheObject(*parts),
    _CODES[Range]: lambda parts, oid_of: Range(oid_of(parts[0]), *parts[1:]),
    _CODES[Not]: lambda parts, oid_of: Not(*_members(parts, oid_of)),
    _CODES[And]: lambda parts, oid_of: both(_members(parts, oid_of)),
    _CODES[Or]: lambda parts, oid_of: either(_members(parts, oid_of)),
    _CODES[Sorted]: lambda parts, oid_of: Sorted(_read(parts[0], oid_of), oid_of(parts[1]), *parts[2:]),
    _CODES[Sliced]: lambda parts, oid_of: Sliced(_read(parts[0], oid_of), *parts[1:]),
}


def signature_of(node: Node) -> str:
    """32 characters that tell a question from others: equal for equal ones, in whatever order they were asked."""
    digest = hashlib.blake2b(codec.encode_value(to_plain(node)), digest_size=20).digest()
    return base64.b32encode(digest).decode("ascii")


def distance(one: Node, other: Node) -> float:
    """How much two questions differ: 0.0 not at all, 1.0 altogether; between them for alternatives in common."""
    if one == other:
        return 0.0
    ours, theirs = _choices(one), _choices(other)
    if len(ours) > 1 or len(theirs) > 1:
        return 1.0 - len(ours & theirs) / len(ours | theirs)
    inner: tuple[Node, Node] | None = None
    match one, other:
        case And(left), And(right):
            mine, yours = {*left} - {*right}, {*right} - {*left}
            inner = (*mine, *yours) if len(mine) == len(yours) == 1 else None  # type: ignore[assignment]
        case Not(left_inner), Not(right_inner):
            inner = left_inner, right_inner
        case ((Sorted() | Sliced()), (Sorted() | Sliced())) if _frame(one) == _frame(other):
            inner = one.source, other.source
    return 1.0 if inner is None else distance(*inner)


def _choices(node: Node) -> set[Node]:
    return {*node.members} if isinstance(node, Or) else {node}


def _frame(node: Sorted | Sliced) -> tuple[Any, ...]:
    if isinstance(node, Sorted):
        return Sorted, node.index_oid, node.descending, node.nulls_first
    return Sliced, node.start, node.stop, node.step

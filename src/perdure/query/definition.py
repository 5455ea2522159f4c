"""Expressions as plain values: for storing a query in a field, for its signature, and for comparing two."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from perdure.errors import CorruptRecordError, QueryError
from perdure.kernel import codec
from perdure.query.expression import (
    And,
    ClassTagged,
    Empty,
    Filtered,
    LeadingTags,
    Node,
    Not,
    OfType,
    Or,
    Range,
    Sliced,
    Sorted,
    Split,
    Tagged,
    TheObject,
    Within,
    both,
    either,
    tagged,
)
from perdure.query.functions import function_signature
from perdure.session import resolve_class

__all__ = ["distance", "from_plain", "signature_of", "to_plain"]

Refer = Callable[[int], Any]
"""What stands for the index with an object id."""
OidOf = Callable[[Any], int]
ClassOf = Callable[[str, str, str], type]
Named = Callable[[Callable[[Any], object]], str]
"""What stands for a function."""

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
    Filtered: 11,
    Split: 12,
    Within: 13,
    LeadingTags: 14,
}


def _refuse_function(function: object) -> str:
    raise QueryError(f"a query filtered by a Python function cannot be stored or serialized: {function!r}")


def to_plain(node: Node, refer: Refer = int, named: Named = _refuse_function) -> tuple[Any, ...]:
    """The node as nested tuples of plain values and of what `refer` gives for indexes, `named` for functions.

    Raises `RuntimeError` for a query over several states of a database, which has no meaning elsewhere, and, unless
    `named` is given, for one that calls Python functions.
    """
    code = _CODES.get(type(node))
    if code is None or (isinstance(node, Sorted) and node.where is not None):
        raise QueryError("a query over several states or databases has no definition of its own; it cannot be stored")
    return (code, *_parts(node, refer, named))


def _parts(node: Node, refer: Refer, named: Named) -> Iterable[Any]:
    match node:
        case ClassTagged(identity, cls) | OfType(identity, cls):
            found: tuple[Any, ...] = (identity, cls.__module__, cls.__qualname__)
        case And(members) | Or(members):
            found = tuple([to_plain(member, refer, named) for member in members])
        case Range():
            found = (refer(node.index_oid), node.low, node.high, node.nulls, node.keyed, node.passive)
        case Sorted():
            found = (to_plain(node.source, refer, named), refer(node.index_oid), *_sorting(node))
        case Sliced():
            found = (to_plain(node.source, refer, named), node.start, node.stop, node.step)
        case Filtered():
            found = (to_plain(node.source, refer, named), named(node.predicate))
        case Split():
            groups = tuple([to_plain(group, refer, named) for group in node.groups])
            found = (to_plain(node.source, refer, named), groups, node.exclusive)
        case Within():
            found = (to_plain(node.source, refer, named), to_plain(node.members, refer, named))
        case Not():
            found = (to_plain(node.node, refer, named),)
        case _:
            found = tuple([getattr(node, one.name) for one in fields(node)])  # type: ignore[arg-type]
    return found


def _sorting(node: Sorted) -> tuple[bool, bool, bool]:
    return node.descending, node.nulls_first, node.passive


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the parts of a definition come from."""

    oid_of: OidOf
    class_of: ClassOf


def from_plain(plain: Any, oid_of: OidOf = int, class_of: ClassOf = resolve_class) -> Node:
    """The inverse of `to_plain`; `oid_of` gives the object id of what stands for an index.

    `class_of` gives the class of an identity, module and qualified name. Raises `CorruptRecordError` for anything else.
    """
    try:
        return _read(plain, _Source(oid_of, class_of))
    except (TypeError, ValueError, IndexError, AttributeError, KeyError) as error:
        raise CorruptRecordError(f"damaged definition of a query: {error!r}") from error


def _read(plain: Any, source: _Source) -> Node:
    code, *parts = plain
    return _READERS[code](parts, source)


def _read_class(kind: Callable[[str, type], Node]) -> Callable[[list[Any], _Source], Node]:
    def read(parts: list[Any], source: _Source) -> Node:
        identity, module, qualname = parts
        return kind(identity, source.class_of(identity, module, qualname))

    return read


def _members(parts: list[Any], source: _Source) -> list[Node]:
    return [_read(part, source) for part in parts]


def _read_both(parts: list[Any], source: _Source) -> Node:
    # Most queries are of tags alone, and those seen before need no sorting again.
    if all(len(part) == 2 and part[0] == _CODES[Tagged] for part in parts):
        return tagged(tuple([key for _, key in parts]))
    return both(_members(parts, source))


_READERS: dict[int, Callable[[list[Any], _Source], Node]] = {
    _CODES[Empty]: lambda parts, source: Empty(*parts),
    _CODES[Tagged]: lambda parts, source: Tagged(*parts),
    _CODES[ClassTagged]: _read_class(ClassTagged),
    _CODES[OfType]: _read_class(OfType),
    _CODES[TheObject]: lambda parts, source: TheObject(*parts),
    _CODES[Range]: lambda parts, source: Range(source.oid_of(parts[0]), *parts[1:]),
    _CODES[Not]: lambda parts, source: Not(*_members(parts, source)),
    _CODES[And]: _read_both,
    _CODES[Or]: lambda parts, source: either(_members(parts, source)),
    _CODES[Sorted]: lambda parts, source: Sorted(_read(parts[0], source), source.oid_of(parts[1]), *parts[2:]),
    _CODES[Sliced]: lambda parts, source: Sliced(_read(parts[0], source), *parts[1:]),
    _CODES[Split]: lambda parts, source: Split(
        _read(parts[0], source), tuple(_members(parts[1], source)), bool(parts[2])
    ),
    _CODES[Within]: lambda parts, source: Within(*_members(parts, source)),
    _CODES[LeadingTags]: lambda parts, source: LeadingTags(*parts),
}


def signature_of(node: Node) -> str:
    """32 characters that tell a question from others: equal for equal ones, in whatever order they were asked."""
    plain = to_plain(node, named=lambda function: function_signature(function).text)
    digest = hashlib.blake2b(codec.encode_value(plain), digest_size=20).digest()
    return base64.b32encode(digest).decode("ascii")


_FRAMES = (Sorted, Sliced, Filtered, Split)


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
    if isinstance(one, _FRAMES) and isinstance(other, _FRAMES) and _frame(one) == _frame(other):
        inner = one.source, other.source
    return 1.0 if inner is None else distance(*inner)


def _choices(node: Node) -> set[Node]:
    return {*node.members} if isinstance(node, Or) else {node}


def _frame(node: Sorted | Sliced | Filtered | Split) -> tuple[Any, ...]:
    if isinstance(node, Filtered):
        return Filtered, node.predicate
    if isinstance(node, Split):
        return Split, node.groups, node.exclusive
    if isinstance(node, Sorted):
        return Sorted, node.index_oid, node.descending, node.nulls_first
    return Sliced, node.start, node.stop, node.step

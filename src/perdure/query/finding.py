"""`find` and `no`: from criteria to expressions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast, overload

from perdure.errors import QueryError
from perdure.kernel import durable
from perdure.model import scope
from perdure.query.composites import TagPrefix
from perdure.query.context import attach, class_source, current_connection, identified, is_memo, is_memo_class, live
from perdure.query.expression import (
    Elsewhere,
    Filtered,
    Node,
    Not,
    OfType,
    Range,
    Sorted,
    Split,
    Tagged,
    TheObject,
    Within,
    both,
    either,
    is_decorated,
    tagged,
    within,
)
from perdure.query.index_keys import FIRST_KEY, LAST_KEY
from perdure.query.labels import Tag, known, shown, to_tag
from perdure.query.narrowing import is_guarded, narrow
from perdure.query.result import Query
from perdure.session import Connection, identity_of

__all__ = ["Negation", "connection_for", "expression_of", "find", "find_in", "no"]


_T = TypeVar("_T")
_TEXT_ONLY = {str}


class Negation:
    """What `no` returns: a criterion that leaves objects out."""

    __slots__ = ("criterion",)

    def __init__(self, criterion: object) -> None:
        self.criterion = criterion

    def __repr__(self) -> str:
        return f"no({self.criterion!r})"


def no(criterion: object, /) -> Negation:
    """A criterion of `find` that leaves out what matches `criterion`: a tag, object, list, tuple or query.

    >>> find(Note, no("done"))  # doctest: +SKIP
    """
    return Negation(criterion)


@overload
def find(source: type[_T] | Query[_T], /, *criteria: object, prefix: str | None = None) -> Query[_T]: ...
@overload
def find(*criteria: object, prefix: str | None = None) -> Query[Any]: ...
def find(*criteria: object, prefix: str | None = None) -> Query[Any]:
    """The objects that meet all `criteria`.

    A memo class asks for its instances (one class at most), a str, enum value or `as_tag(...)` for a tag,
    `tag_prefix(...)` for any composite tag that begins so, a memo object for itself; a list is met by what meets any
    of its members, a tuple by what meets all of them; a query by what it finds; `no(...)` leaves out. `prefix` names
    the prefix to search; by default that of a scoped class, a query or an object among the criteria, else the current
    one.

    Raises `RuntimeError` for what is no criterion, and when there are only `no(...)`; `PermissionError` when the class
    is restricted (`memo(access_control=True)`), or the prefix has a data filter, and nothing says what may be seen.

    >>> find(Note, ["urgent", "today"], no("done"))  # doctest: +SKIP
    """
    return find_in(connection_for(criteria, prefix), *criteria)


def find_in(connection: Connection, *criteria: object) -> Query[Any]:
    """`find` on a connection."""
    try:
        node = tagged(tuple([known[text] for text in criteria]))  # type: ignore[index]
        if {*map(type, criteria)} == _TEXT_ONLY:
            return _permitted(connection, node)
    except (KeyError, TypeError):
        pass
    node = expression_of(connection, criteria)
    for criterion in criteria:
        if isinstance(criterion, Query) and is_decorated(criterion.expression):
            return _permitted(connection, _decorated(connection, criteria, node))
    return _permitted(connection, node)


def _permitted(connection: Connection, node: Node) -> Query[Any]:
    if is_guarded(connection):
        narrow(node, connection)
    return Query(connection, node)


def _decorated(connection: Connection, criteria: tuple[object, ...], members: Node) -> Node:
    """What is in a set, with the tags of the splits among the criteria."""
    found = members
    splits = [one for one in criteria if isinstance(one, Query) and is_decorated(one.expression)]
    for position, query in enumerate(splits):
        node = query.expression
        node = node if query.connection is connection else Elsewhere(query.connection, node)
        if position == 0:
            found = within(node, members)
        elif isinstance(node, Split):
            found = Split(found, node.groups, node.exclusive)
    return found


def connection_for(criteria: tuple[object, ...], prefix: str | None = None) -> Connection:
    """The connection that a query with these criteria runs on."""
    if prefix is not None:
        return scope.named(prefix)
    found: Connection | None = None
    for criterion in _flattened(criteria):
        if isinstance(criterion, type):
            name = getattr(criterion, "_perdure_prefix_", None)
            if name is not None:
                return scope.named(name)
        elif found is None and (known := class_source(criterion)) is not None:
            found = live(known[0])
        elif found is None and isinstance(criterion, Query):
            found = live(criterion.connection)
        elif found is None and is_memo(criterion):
            owner = durable.owner_of(cast(durable.Durable, criterion))
            found = live(owner) if owner is not None else None
    return found or current_connection()


def _flattened(criteria: Any) -> Iterator[object]:
    for criterion in criteria:
        if isinstance(criterion, list | tuple):
            yield from _flattened(criterion)
        elif isinstance(criterion, Negation):
            yield from _flattened((criterion.criterion,))
        else:
            yield criterion


def expression_of(connection: Connection, criteria: tuple[object, ...]) -> Node:
    """The expression of what meets all `criteria`."""
    return _Reader(connection).all_of(criteria)


class _Reader:
    """Reads the criteria of one level of a query."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all_of(self, criteria: tuple[object, ...]) -> Node:
        """What meets all criteria."""
        members: list[Node] = []
        criteria = tuple([one if (known := class_source(one)) is None else known[1] for one in criteria])
        classes = [criterion for criterion in criteria if isinstance(criterion, type)]
        if len(classes) > 1:
            raise QueryError(f"a query takes one class; {classes[1].__qualname__} is the second one")
        for criterion in criteria:
            node: Node | None
            if isinstance(criterion, type):
                node = _type(criterion)
                attach(criterion, self._connection)
            elif isinstance(criterion, Negation):
                node = Not(self._negated(criterion.criterion))
            else:
                node = self.one(criterion)
            if node is not None:
                members.append(node)
        if members and all(isinstance(member, Not) for member in members):
            raise QueryError("a query of no(...) alone is not supported without positive components")
        return both(members)

    def one(self, criterion: object) -> Node:
        """What meets a criterion that is no class and no negation."""
        if isinstance(criterion, Query):
            return self._query(criterion)
        if isinstance(criterion, list):
            return either([self._member(member) for member in criterion])
        if isinstance(criterion, tuple):
            return self.all_of(criterion)
        if is_memo(criterion):
            connection, oid = identified(cast(durable.Durable, criterion))
            return TheObject(connection.database.uuid, oid)
        tag = criterion if isinstance(criterion, TagPrefix) else to_tag(criterion)
        if isinstance(tag, bytes):
            return Tagged(tag)
        if isinstance(tag, Tag | TagPrefix):
            return tag.node()
        raise QueryError(f"unable to interpret {shown(criterion)} as a query")

    def _member(self, member: object) -> Node:
        if isinstance(member, Negation):
            raise QueryError("no(...) in a list is not supported without positive components; put both into a tuple")
        return _refuse_type(member) if isinstance(member, type) else self.one(member)

    def _negated(self, criterion: object) -> Node:
        if isinstance(criterion, Negation):
            raise QueryError("no(no(...)) is not supported without positive components")
        return _refuse_type(criterion) if isinstance(criterion, type) else self.one(criterion)

    def _query(self, query: Query[Any]) -> Node:
        node = unordered(query.expression)
        return node if query.connection is self._connection else Elsewhere(query.connection, node)


def _type(cls: type) -> Node | None:
    if not is_memo_class(cls):
        raise QueryError(f"unable to interpret {shown(cls)} as a query; it is no memo class")
    if getattr(cls, "_perdure_abstract_", None) is cls:
        return None
    return OfType(identity_of(cls), cls)


def _refuse_type(cls: object) -> Node:
    raise QueryError(f"{shown(cls)} can be a criterion of its own or in a tuple, not in a list or no(...)")


def unordered(node: Node) -> Node:
    """The set of what `node` gives."""
    if isinstance(node, Sorted):
        source = unordered(node.source)
        members: Node = Range(node.index_oid, FIRST_KEY, LAST_KEY, passive=node.passive)
        return both([source, members if node.where is None else Elsewhere(node.where, members)])
    if isinstance(node, Split):
        return both([unordered(node.source), either(node.groups)])
    if isinstance(node, Within):
        return both([unordered(node.source), node.members])
    if isinstance(node, Filtered) and not is_decorated(node):
        return Filtered(unordered(node.source), node.predicate)
    return node

"""Attaching the predicate in force to what a query asks for, before anything gives it an order or looks at objects.

A query of a restricted class, or of no class, is narrowed to what the predicate has. A part that a slice, a sort, a
split or a function works on is a query of its own, since positions and functions must not meet what may not be seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast
from weakref import WeakKeyDictionary

from perdure.query.evaluation import Evaluation, make_plan, planner
from perdure.query.expression import (
    Allowed,
    And,
    Elsewhere,
    Filtered,
    Node,
    Not,
    OfType,
    Or,
    Sliced,
    Sorted,
    Split,
    Within,
    both,
    is_decorated,
    rebuilt,
)
from perdure.query.plans import Plan, Remembered, remembered
from perdure.security import FILTERS, predicate_for
from perdure.session import Catalog, Connection, any_restricted, count_restricted, has_restricted, is_restricted

__all__ = ["allowed_plan", "is_guarded", "narrow", "visible_plan"]


def is_guarded(connection: Connection) -> bool:
    """Whether anything has to be narrowed or refused at all."""
    return FILTERS.active or any_restricted() or bool(connection.catalog.restricted_ids())


def narrow(node: Node, connection: Connection) -> tuple[Node, Allowed | None]:
    """What the running context may see of a query on a connection, and by what it was narrowed.

    Raises `PermissionError` when there is nothing that says what may be seen.
    """
    if not is_guarded(connection):
        return node, None
    narrowing = _Narrowing(connection)
    return narrowing.query(node), narrowing.allowed


def allowed_plan(connection: Connection) -> Plan | None:
    """What narrows queries of no class, flushed; None when nothing does. Raises as `narrow`."""
    if not FILTERS.active:
        return None
    allowed = _Narrowing(connection).allowed_of(())
    return None if allowed is None else Evaluation(connection).plan(allowed)


def visible_plan(node: Node, evaluation: Evaluation) -> Plan | None:
    """What of a prefix with a data filter a query may show anything of, if only its size; None without a filter.

    That is what narrows it, or all of the types that it asks for when they need no narrowing.
    """
    connection = evaluation.connection
    if not FILTERS.active or FILTERS.of(connection) is None:
        return None
    _, allowed = narrow(node, connection)
    if allowed is not None:
        return evaluation.plan(allowed)
    types = _types(node)
    return evaluation.plan(both(types)) if types and not _is_open(connection) else None


def _is_open(connection: Connection) -> bool:
    """Whether the running context may see everything."""
    try:
        return allowed_plan(connection) is None
    except PermissionError:
        return False


class _Narrowing:
    """One pass over an expression."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.allowed: Allowed | None = None

    def query(self, node: Node) -> Node:
        """A node that is a query of its own."""
        if isinstance(node, Sliced | Sorted | Filtered | Split):
            return replace(node, source=self.query(node.source))
        if isinstance(node, Within):
            return Within(self._part(node.source), self.query(node.members))
        found = self._part(node)
        allowed = self.allowed_of(_types(node))
        if allowed is None:
            return found
        if is_decorated(found):
            return Within(found, allowed)
        return And((*found.members, allowed) if isinstance(found, And) else (found, allowed))

    def _part(self, node: Node) -> Node:
        """A node that is part of a set."""
        if _is_flat(node):
            return node
        if isinstance(node, Sliced | Sorted | Filtered | Split):
            return self.query(node)
        if isinstance(node, Elsewhere):
            return Elsewhere(node.connection, narrow(node.node, node.connection)[0])
        return rebuilt(node, self._part)

    def allowed_of(self, types: tuple[OfType, ...]) -> Allowed | None:
        """What narrows objects that are of all these types; None when nothing does."""
        if types and not all(map(self._is_restricted, types)):
            return None
        predicate = predicate_for(self._connection, lambda: _names(types), typed=bool(types))
        if predicate is None:
            return None
        self.allowed = cast(Allowed, predicate.allowed_on(self._connection))
        return self.allowed

    def _is_restricted(self, node: OfType) -> bool:
        """Whether a type has restricted objects, of its own or of a class below it."""
        return is_restricted(node.cls) or _has_restricted(node.cls, self._connection.catalog)


_BARRIERS = (Sliced, Sorted, Filtered, Split, Within, Elsewhere)


def _is_flat(node: Node) -> bool:
    """Whether no part of a node is a query of its own."""
    if isinstance(node, And | Or):
        return all(map(_is_flat, node.members))
    return _is_flat(node.node) if isinstance(node, Not) else not isinstance(node, _BARRIERS)


_known: WeakKeyDictionary[Catalog, tuple[frozenset[int], int, dict[type, bool]]] = WeakKeyDictionary()
"""What was found out about classes, as long as neither the catalog nor the process meets another restricted class."""


def _has_restricted(cls: type, catalog: Catalog) -> bool:
    """Whether a class, or one below it, is restricted, in the process or in a database."""
    restricted, met = catalog.restricted_ids(), count_restricted()
    known = _known.get(catalog)
    if known is None or known[0] is not restricted or known[1] != met:
        known = _known[catalog] = (restricted, met, {})
    found = known[2].get(cls)
    if found is None:
        found = has_restricted(cls) or (bool(restricted) and not restricted.isdisjoint(catalog.family(cls)))
        known[2][cls] = found
    return found


def _names(types: tuple[OfType, ...]) -> str:
    return " and ".join(sorted(node.cls.__qualname__ for node in types)) or "objects of all classes"


def _types(node: Node) -> tuple[OfType, ...]:
    """The types that all results of a node are of."""
    match node:
        case OfType():
            return (node,)
        case And():
            return tuple([one for member in node.members for one in _types(member)])
        case Elsewhere():
            return _types(node.node)
        case Sliced() | Sorted() | Filtered() | Split() | Within():
            return _types(node.source)
    return ()


@planner(Allowed)
def _allowed(node: Allowed, evaluation: Evaluation) -> Plan:
    found: Remembered | None = evaluation.kept.results.get(node)
    if found is None:
        kept = evaluation.kept
        found = remembered(make_plan(node.node, evaluation), kept.earlier(node))
        kept.start_from(node, found)
        kept.keep(node, found)
    return found

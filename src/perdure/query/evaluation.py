"""Turning expressions into plans over what a connection holds now.

Plans are cheap; objects are not touched here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from pyroaring import BitMap

from perdure.errors import ObjectError
from perdure.query.expression import (
    And,
    ClassTagged,
    Elsewhere,
    Empty,
    LeadingTags,
    Node,
    Not,
    OfType,
    Or,
    Tagged,
    TheObject,
)
from perdure.query.keeping import kept_for
from perdure.query.labels import class_key
from perdure.query.plans import NOTHING, Common, Leaf, Plan, Union
from perdure.session import Connection, by_chunk, class_tag, postings_under

__all__ = ["Evaluation", "make_plan", "planner"]

_ORPHANS, _HEAD = "orphans", "head"


class Evaluation:
    """What a connection holds now: flushes it, and makes plans for expressions."""

    __slots__ = ("connection", "kept")

    def __init__(self, connection: Connection) -> None:
        if connection.is_closed():
            raise ObjectError(f"{connection.database.name} is no longer accessible: it was closed")
        self.connection = connection
        if connection.writable:
            connection.flush()
        self.kept = kept_for(connection)

    def plan(self, node: Node) -> Plan:
        """The plan of a node; ordered nodes lose their order."""
        connection = self.connection
        with connection.lock:
            if not self.kept.is_current(connection):  # another thread changed something: parts are those of one moment
                self.kept = kept_for(connection)
            return make_plan(node, self)

    def posting(self, key: bytes) -> Leaf:
        """What has the tag of a key."""
        found: Leaf | None = self.kept.results.get(key)
        return self._leaf(key, self.connection.postings.of(key)) if found is None else found

    def postings_under(self, head: bytes) -> Leaf:
        """What has a tag whose key begins with `head`."""
        found: Leaf | None = self.kept.results.get((_HEAD, head))
        if found is not None:
            return found
        connection = self.connection
        return self._leaf((_HEAD, head), connection.postings.under(head, lambda: postings_under(connection, head)))

    def orphans(self) -> Leaf:
        """Objects that lost their last holder: types do not find them any more."""
        found: Leaf | None = self.kept.results.get(_ORPHANS)
        if found is None:
            found = Leaf(by_chunk(self.connection.lifetime.orphans()))
            self.kept.keep(_ORPHANS, found)
        return found

    def _leaf(self, key: object, members: dict[int, BitMap]) -> Leaf:
        """The leaf of a posting, the same one as before when that has not changed."""
        found: Leaf | None = self.kept.earlier(key)
        if found is None or found.members is not members:
            found = Leaf(members)
            self.kept.start_from(key, found)
        self.kept.keep(key, found)
        return found

    def keep(self, key: object, found: Any) -> None:
        """Remember a result until the connection sees a change."""
        self.kept.keep(key, found)


@singledispatch
def make_plan(node: Node, evaluation: Evaluation) -> Plan:
    """The plan of a node; each kind of node registers its own."""
    raise TypeError(f"{type(node).__name__} is no set of objects")


planner: Callable[[type], Callable[[Callable[..., Plan]], Callable[..., Plan]]] = make_plan.register
"""Decorator that registers the plan of a kind of node."""


@planner(Empty)
def _empty(_node: Empty, _evaluation: Evaluation) -> Plan:
    return NOTHING


@planner(Tagged)
def _tagged(node: Tagged, evaluation: Evaluation) -> Plan:
    return evaluation.posting(node.key)


@planner(ClassTagged)
def _class_tagged(node: ClassTagged, evaluation: Evaluation) -> Plan:
    ids = evaluation.connection.catalog.ids_of(node.identity)
    return _any([evaluation.posting(class_key(class_id)) for class_id in ids])


@planner(LeadingTags)
def _leading_tags(node: LeadingTags, evaluation: Evaluation) -> Plan:
    return evaluation.postings_under(node.head)


@planner(OfType)
def _of_type(node: OfType, evaluation: Evaluation) -> Plan:
    family = evaluation.connection.catalog.family(node.cls)
    found = _any([evaluation.posting(class_tag(class_id)) for class_id in family])
    orphans = evaluation.orphans()
    return Common([found], [orphans]) if orphans.weight else found


@planner(TheObject)
def _the_object(node: TheObject, evaluation: Evaluation) -> Plan:
    connection = evaluation.connection
    if node.database != connection.database.uuid or not connection.contains(node.oid):
        return NOTHING
    return Leaf(by_chunk([node.oid]))


@planner(And)
def _and(node: And, evaluation: Evaluation) -> Plan:
    parts: list[Plan] = []
    exceptions: list[Plan] = []
    for member in node.members:
        if isinstance(member, Not):
            exceptions.append(make_plan(member.node, evaluation))
        else:
            part = make_plan(member, evaluation)
            if not part.weight:
                return NOTHING
            parts.append(part)
    return Common(parts, exceptions)


@planner(Or)
def _or(node: Or, evaluation: Evaluation) -> Plan:
    return _any([make_plan(member, evaluation) for member in node.members])


@planner(Elsewhere)
def _elsewhere(node: Elsewhere, evaluation: Evaluation) -> Plan:
    if node.connection.database.uuid != evaluation.connection.database.uuid:
        return NOTHING
    with node.connection.lock:
        return make_plan(node.node, Evaluation(node.connection))


def _any(parts: list[Plan]) -> Plan:
    parts = [part for part in parts if part.weight]
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else Union(parts)

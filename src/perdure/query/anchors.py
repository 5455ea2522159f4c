"""The rule of what is passive: a query needs something that is not, in whatever can contribute results.

Passive tags and passive indexes do not hold their objects, so they can narrow a search down but not carry it. An anchor
is a type, an object, an index that holds its members, or a tag that no object has passively.
"""

from __future__ import annotations

from perdure.errors import QueryError
from perdure.query.evaluation import Evaluation, make_plan
from perdure.query.expression import (
    And,
    ClassTagged,
    Elsewhere,
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
    Within,
    walk,
)
from perdure.query.labels import class_key, read_key
from perdure.query.plans import Common, Plan
from perdure.session import Connection, mark_head, passive_mark
from perdure.storage import spaces

__all__ = ["check_anchored"]

_POSTINGS = spaces.POSTINGS.id
_FIRST_MARK = passive_mark(b"")[:1]
_PASSIVE = "passive"
_TAGS = {Tagged, ClassTagged, LeadingTags}
_INDEX = "Passive index queries require at least one non-passive positive predicate, such as a class"
_TAG = (
    "Passive tags require at least one non-passive predicate: {!r} is passive for some objects; "
    "add a type, a regular tag, an object or an index selection to the query"
)


def check_anchored(node: Node, evaluation: Evaluation, visible: Plan | None = None) -> None:
    """Raise `RuntimeError` when an alternative of the query rests on passive tags and indexes alone.

    With `visible`, only the objects in it are looked at: what others have must not show.
    """
    kinds = {*map(type, node.members)} if isinstance(node, And) else {type(node)}
    if OfType in kinds:
        return
    if (kinds <= _TAGS or not any(map(_is_suspect, walk(node)))) and not _has_passive(evaluation):
        return
    found = _Check(evaluation, visible).loose(node)
    if found is not None:
        raise QueryError(found)


def _is_suspect(node: Node) -> bool:
    return isinstance(node, Elsewhere) or (isinstance(node, Range) and node.passive)


def _has_passive(evaluation: Evaluation) -> bool:
    """Whether any object has any passive tag."""
    found: bool | None = evaluation.kept.results.get(_PASSIVE)
    if found is None:
        connection = evaluation.connection
        seen = connection.tagging.passive_seen
        found = seen or connection.postings.under(_FIRST_MARK, lambda: _has_marks(connection))
        evaluation.keep(_PASSIVE, found)
    return found


def _has_marks(connection: Connection) -> bool:
    """Whether any passive tag is committed."""
    end = bytes([_FIRST_MARK[0] + 1])
    return next(iter(connection.view.scan(_POSTINGS, _FIRST_MARK, end)), None) is not None


class _Check:
    """One look at the parts of a query."""

    def __init__(self, evaluation: Evaluation, visible: Plan | None) -> None:
        self._evaluation = evaluation
        self._visible = visible

    def loose(self, node: Node) -> str | None:
        """What is wrong when the node may find objects by something passive alone; else None."""
        found: str | None = None  # types, objects, and what an index holds
        match node:
            case Range():
                found = _INDEX if node.passive else None
            case Sorted():
                found = self.loose(node.source) if node.passive else None
            case Tagged() | ClassTagged():
                found = self._passive_tag(node)
            case LeadingTags():
                found = self._passive_leading(node)
            case And():
                found = self._loose_members(node)
            case Or():
                found = self._first(node.members)
            case Sliced() | Filtered():
                found = self.loose(node.source)
            case Split():
                found = self.loose(node.source) and self._first(node.groups)
            case Within():
                found = self.loose(node.source) and self.loose(node.members)
            case Elsewhere():
                found = _Check(Evaluation(node.connection), self._visible).loose(node.node)
        return found

    def _first(self, nodes: tuple[Node, ...]) -> str | None:
        return next((one for one in map(self.loose, nodes) if one is not None), None)

    def _loose_members(self, node: And) -> str | None:
        found: str | None = None
        for member in node.members:
            if isinstance(member, Not):
                continue
            loose = self.loose(member)
            if loose is None:
                return None
            found = loose
        if found is not None:
            with self._evaluation.connection.lock:
                wanted = [member for member in node.members if not isinstance(member, Not)]
                parts = [make_plan(member, self._evaluation) for member in wanted]
            if not all(map(self._has_any, parts)):
                return None
        return found

    def _has_any(self, plan: Plan) -> bool:
        """Whether a plan has members, as far as they are looked at."""
        if not plan.weight or self._visible is None:
            return bool(plan.weight)
        return not Common([plan, self._visible], []).is_empty()

    def _passive_tag(self, node: Tagged | ClassTagged) -> str | None:
        if isinstance(node, Tagged):
            keys = [node.key]
        else:
            keys = [class_key(class_id) for class_id in self._evaluation.connection.catalog.ids_of(node.identity)]
        for key in keys:
            with self._evaluation.connection.lock:
                if self._has_any(self._evaluation.posting(passive_mark(key))):
                    return _TAG.format(read_key(self._evaluation.connection, key))
        return None

    def _passive_leading(self, node: LeadingTags) -> str | None:
        with self._evaluation.connection.lock:
            if not self._has_any(self._evaluation.postings_under(mark_head(node.head))):
                return None
        return _TAG.format(read_key(self._evaluation.connection, node.key))

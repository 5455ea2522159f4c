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
from perdure.query.labels import class_ids, class_key, read_key
from perdure.session import mark_head, passive_mark
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


def check_anchored(node: Node, evaluation: Evaluation) -> None:
    """Raise `RuntimeError` when an alternative of the query rests on passive tags and indexes alone."""
    kinds = {*map(type, node.members)} if isinstance(node, And) else {type(node)}
    if OfType in kinds:
        return
    if (kinds <= _TAGS or not any(map(_is_suspect, walk(node)))) and not _has_passive(evaluation):
        return
    found = _loose(node, evaluation)
    if found is not None:
        raise QueryError(found)


def _is_suspect(node: Node) -> bool:
    return isinstance(node, Elsewhere) or (isinstance(node, Range) and node.passive)


def _has_passive(evaluation: Evaluation) -> bool:
    """Whether any object has any passive tag."""
    found: bool | None = evaluation.kept.get(_PASSIVE)
    if found is None:
        connection = evaluation.connection
        with connection.lock:  # so that a refresh does not move the view meanwhile
            found = connection.tagging.passive_seen
            if not found:
                end = bytes([_FIRST_MARK[0] + 1])
                found = next(iter(connection.view.scan(_POSTINGS, _FIRST_MARK, end)), None) is not None
            evaluation.keep(_PASSIVE, found)
    return found


def _loose(node: Node, evaluation: Evaluation) -> str | None:
    """What is wrong when the node may find objects by something passive alone; else None."""
    found: str | None = None  # types, objects, and what an index holds
    match node:
        case Range():
            found = _INDEX if node.passive else None
        case Sorted():
            found = _loose(node.source, evaluation) if node.passive else None
        case Tagged() | ClassTagged():
            found = _passive_tag(node, evaluation)
        case LeadingTags():
            found = _passive_leading(node, evaluation)
        case And():
            found = _loose_members(node, evaluation)
        case Or():
            found = _first(node.members, evaluation)
        case Sliced() | Filtered():
            found = _loose(node.source, evaluation)
        case Split():
            found = _loose(node.source, evaluation) and _first(node.groups, evaluation)
        case Within():
            found = _loose(node.source, evaluation) and _loose(node.members, evaluation)
        case Elsewhere():
            found = _loose(node.node, Evaluation(node.connection))
    return found


def _first(nodes: tuple[Node, ...], evaluation: Evaluation) -> str | None:
    return next((one for one in (_loose(node, evaluation) for node in nodes) if one is not None), None)


def _loose_members(node: And, evaluation: Evaluation) -> str | None:
    found: str | None = None
    for member in node.members:
        if isinstance(member, Not):
            continue
        loose = _loose(member, evaluation)
        if loose is None:
            return None
        found = loose
    if found is not None:
        with evaluation.connection.lock:
            parts = [make_plan(member, evaluation) for member in node.members if not isinstance(member, Not)]
        if not all(part.weight for part in parts):
            return None
    return found


def _passive_tag(node: Tagged | ClassTagged, evaluation: Evaluation) -> str | None:
    if isinstance(node, Tagged):
        keys = [node.key]
    else:
        keys = [class_key(class_id) for class_id in class_ids(evaluation.connection, node.identity)]
    for key in keys:
        with evaluation.connection.lock:
            if evaluation.posting(passive_mark(key)).weight:
                return _TAG.format(read_key(evaluation.connection, key))
    return None


def _passive_leading(node: LeadingTags, evaluation: Evaluation) -> str | None:
    with evaluation.connection.lock:
        if not evaluation.postings_under(mark_head(node.head)).weight:
            return None
    return _TAG.format(read_key(evaluation.connection, node.key))

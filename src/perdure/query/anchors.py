"""Whether a question says whom it asks for: what only labels objects without holding them is not enough."""

from __future__ import annotations

from perdure.errors import QueryError
from perdure.query.expression import And, Elsewhere, Node, Not, Or, Range, Sliced, Sorted

__all__ = ["check_anchored"]


def check_anchored(node: Node) -> None:
    """Raise `RuntimeError` when an alternative of the question has nothing but ranges of passive indexes."""
    if _is_passive(node):
        raise QueryError("Passive index queries require at least one non-passive positive predicate, such as a class")


def _is_passive(node: Node) -> bool:
    if isinstance(node, And):
        return all(_is_passive(member) for member in node.members if not isinstance(member, Not))
    if isinstance(node, Range):
        return node.passive
    if isinstance(node, Or):
        return any(map(_is_passive, node.members))
    if isinstance(node, Sorted | Sliced):
        return _is_passive(node.source)
    return isinstance(node, Elsewhere) and _is_passive(node.node)

"""`query.explain()`: how a query is worked out, and how much there is to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from perdure.kernel import keys
from perdure.query.composites import CompositeTag
from perdure.query.evaluation import Evaluation
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
    TheObject,
    Within,
)
from perdure.query.index_keys import FIRST_KEY, LAST_KEY
from perdure.query.labels import read_key
from perdure.query.plans import Common, Plan

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A part of a query: what it is, how many objects it has at most, and its own parts in order of evaluation."""

    text: str
    size: int
    exact: bool
    """Whether `size` is the number of objects, or only a bound."""
    parts: tuple[Explanation, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines(""))

    def _lines(self, indent: str) -> list[str]:
        found = [f"{indent}{self.text}: {'' if self.exact else 'at most '}{self.size}"]
        for part in self.parts:
            found.extend(part._lines(indent + "  "))
        return found


def explain(node: Node, evaluation: Evaluation, visible: Plan | None = None) -> Explanation:
    """The explanation of a node. With `visible`, only the objects in it are counted."""
    return _Explaining(evaluation, visible).of(node)


class _Explaining:
    """Explains the parts of one query."""

    def __init__(self, evaluation: Evaluation, visible: Plan | None) -> None:
        self._evaluation = evaluation
        self._visible = visible

    def of(self, node: Node) -> Explanation:
        """The explanation of a node."""
        match node:
            case And():
                return self._and(node)
            case Not():
                inner = self.of(node.node)
                return Explanation(f"not {inner.text}", inner.size, inner.exact, inner.parts)
            case Or():
                parts = [self.of(member) for member in node.members]
                return Explanation("any of these", sum(part.size for part in parts), False, tuple(parts))
            case Elsewhere():
                inner = _Explaining(Evaluation(node.connection), self._visible).of(node.node)
                return Explanation(f"at state {node.connection.state}", inner.size, inner.exact, (inner,))
            case Sorted() | Sliced() | Filtered() | Split() | Within():
                return self._steps(node)
        return Explanation(_leaf(node, self._evaluation), self._size(node), True)

    def _size(self, node: Node) -> int:
        plan = self._evaluation.plan(node)
        if self._visible is None or plan.lazy or not plan.weight:
            return plan.weight
        return Common([plan, self._visible], []).count()

    def _and(self, node: And) -> Explanation:
        """Parts come as the plan takes them: functions last, else the smallest first; then the exceptions."""
        wanted = [member for member in node.members if not isinstance(member, Not)]
        lazy = {member: self._evaluation.plan(member).lazy for member in wanted}
        explained = {member: self.of(member) for member in node.members}
        wanted.sort(key=lambda member: (lazy[member], explained[member].size))
        excepted = [member for member in node.members if isinstance(member, Not)]
        parts = tuple([explained[member] for member in [*wanted, *excepted]])
        text = "all of these, but" if excepted else "all of these"
        return Explanation(text, min(explained[member].size for member in wanted), False, parts)

    def _steps(self, node: Sorted | Sliced | Filtered | Split | Within) -> Explanation:
        source = self.of(node.source)
        parts: tuple[Explanation, ...] = (source,)
        match node:
            case Sorted():
                nulls = "first" if node.nulls_first != node.descending else "last"
                direction = "descending" if node.descending else "ascending"
                text = f"sorted by the index #{node.index_oid}, {direction}, None {nulls}"
            case Sliced():
                bounds = [node.start, node.stop, *([] if node.step is None else [node.step])]
                text = f"the slice [{':'.join('' if bound is None else str(bound) for bound in bounds)}]"
            case Filtered():
                text = f"what {getattr(node.predicate, '__qualname__', repr(node.predicate))} accepts"
            case Split():
                parts = (source, *[self.of(group) for group in node.groups])
                text = "split by the first of these tags" if node.exclusive else "split by each of these tags"
            case Within():
                parts = (source, self.of(node.members))
                text = "what of the first is in the second"
        return Explanation(text, source.size, False, parts)


def _leaf(node: Node, evaluation: Evaluation) -> str:
    text = "nothing"
    match node:
        case Tagged():
            text = f"the tag {read_key(evaluation.connection, node.key)!r}"
        case LeadingTags():
            tag = cast(CompositeTag, read_key(evaluation.connection, node.key))
            text = f"tags that begin with {', '.join(map(repr, tag.items))}"
        case ClassTagged():
            text = f"the tag of the class {node.cls.__qualname__}"
        case OfType():
            text = f"type {node.cls.__qualname__}"
        case TheObject():
            text = f"the object #{node.oid}"
        case Range():
            text = f"a range of the index #{node.index_oid}: {_bounds(node)}"
    return text


def _bounds(node: Range) -> str:
    if not node.keyed:
        return "the key None"
    low = "" if node.low <= FIRST_KEY else f"from {keys.decode_one(node.low)[0]!r} "
    high = "" if node.high >= LAST_KEY else f"to {keys.decode_one(node.high)[0]!r} "
    return (low + high or "all keys ") + ("and None" if node.nulls else "without None")

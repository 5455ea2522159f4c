"""The ids of an expression in the order in which a query gives them, and how many they are."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from functools import singledispatch
from itertools import islice
from typing import Any, TypeVar

from perdure.query.evaluation import Evaluation, planner
from perdure.query.expression import And, Elsewhere, Node, Sliced, is_local, is_ordered
from perdure.query.plans import Leaf, Plan, recounted
from perdure.session import by_chunk

__all__ = ["Row", "count", "distinct_ids", "ids", "rows"]

_T = TypeVar("_T")

Row = tuple[Any, ...]
"""An object id, and the tags that a split gave it."""


@singledispatch
def ids(node: Node, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    """The object ids that `node` gives, in its order (ascending for sets), without the first `skip`.

    What they depend on is read before the iterator is returned.
    """
    return evaluation.plan(node).ids(skip)


def distinct_ids(node: Node, evaluation: Evaluation) -> list[int]:
    """The object ids that `node` gives, each once."""
    if is_ordered(node) or isinstance(node, Sliced | Elsewhere):
        return [*dict.fromkeys(ids(node, evaluation))]
    return evaluation.plan(node).all_ids()


@singledispatch
def rows(node: Node, evaluation: Evaluation, skip: int = 0) -> Iterator[Row]:
    """What a decorated `node` gives; see `ids`. Of any other node, tuples of one id."""
    return zip(ids(node, evaluation, skip))


@singledispatch
def count(node: Node, evaluation: Evaluation) -> int:
    """How many ids `node` gives."""
    return evaluation.plan(node).count()


@count.register
def _common_count(node: And, evaluation: Evaluation) -> int:
    """Counted once until the connection sees a change, and from there on brought up to date."""
    key = (count, node)
    known: int | None = evaluation.kept.results.get(key)
    if known is None:
        plan = evaluation.plan(node)
        if plan.lazy or not is_local(node):
            return plan.count()
        kept = evaluation.kept
        known = recounted(plan, kept.earlier(key))
        kept.start_from(key, (plan, known))
        kept.keep(key, known)
    return known


@ids.register
def _sliced(node: Sliced, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    return _slice(node, evaluation, skip, ids, lambda found: array("Q", found))


@rows.register
def _sliced_rows(node: Sliced, evaluation: Evaluation, skip: int = 0) -> Iterator[Row]:
    return _slice(node, evaluation, skip, rows, list)


def _slice(
    node: Sliced,
    evaluation: Evaluation,
    skip: int,
    give: Callable[[Node, Evaluation, int], Iterator[_T]],
    listed: Callable[[Iterator[_T]], Any],
) -> Iterator[_T]:
    start, stop, step = node.start or 0, node.stop, node.step or 1
    if step < 0:
        positions = range(*slice(node.start, stop, step).indices(count(node.source, evaluation)))[skip:]
        if not positions:
            return iter(())
        low, size = positions[-1], positions[0] - positions[-1] + 1
        found: Iterator[_T] = reversed(listed(islice(give(node.source, evaluation, low), 0, size, -step)))
        return found
    if start < 0 or (stop is not None and stop < 0):
        start, stop, step = slice(node.start, stop, step).indices(count(node.source, evaluation))
    start += skip * step
    if stop is not None and stop <= start:
        return iter(())
    return islice(give(node.source, evaluation, start), 0, None if stop is None else stop - start, step)


@count.register
def _sliced_count(node: Sliced, evaluation: Evaluation) -> int:
    whole = count(node.source, evaluation)
    return len(range(*slice(node.start, node.stop, node.step).indices(whole)))


@planner(Sliced)
def _sliced_plan(node: Sliced, evaluation: Evaluation) -> Plan:
    return Leaf(by_chunk(list(ids(node, evaluation))))


@ids.register
def _ids_elsewhere(node: Elsewhere, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    if node.connection.database.uuid != evaluation.connection.database.uuid:
        return iter(())
    return ids(node.node, Evaluation(node.connection), skip)


@rows.register
def _rows_elsewhere(node: Elsewhere, evaluation: Evaluation, skip: int = 0) -> Iterator[Row]:
    if node.connection.database.uuid != evaluation.connection.database.uuid:
        return iter(())
    return rows(node.node, Evaluation(node.connection), skip)

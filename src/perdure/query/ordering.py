"""The ids of an expression in the order in which a query gives them, and how many they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from itertools import islice

from perdure.query.evaluation import Evaluation, Leaf, Plan, planner
from perdure.query.expression import Node, Sliced
from perdure.session import by_chunk

__all__ = ["count", "ids"]


@singledispatch
def ids(node: Node, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    """The object ids that `node` gives, in its order (ascending for sets), without the first `skip`.

    What they depend on is read before the iterator is returned.
    """
    return evaluation.plan(node).ids(skip)


@singledispatch
def count(node: Node, evaluation: Evaluation) -> int:
    """How many ids `node` gives."""
    return evaluation.plan(node).count()


@ids.register
def _sliced(node: Sliced, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    start, stop, step = node.start or 0, node.stop, node.step or 1
    if start < 0 or (stop is not None and stop < 0):
        start, stop, step = slice(node.start, stop, step).indices(count(node.source, evaluation))
    start += skip * step
    if stop is not None and stop <= start:
        return iter(())
    return islice(ids(node.source, evaluation, start), 0, None if stop is None else stop - start, step)


@count.register
def _sliced_count(node: Sliced, evaluation: Evaluation) -> int:
    whole = count(node.source, evaluation)
    return len(range(*slice(node.start, node.stop, node.step).indices(whole)))


@planner(Sliced)
def _sliced_plan(node: Sliced, evaluation: Evaluation) -> Plan:
    return Leaf(by_chunk(list(ids(node, evaluation))))

"""`split_by`: objects together with the one of some tags that they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from pyroaring import BitMap

from perdure.errors import QueryError
from perdure.kernel import durable
from perdure.query.evaluation import Evaluation, make_plan, planner
from perdure.query.expression import ClassTagged, Node, Sliced, Split, Tagged, Within, both, either, is_ordered
from perdure.query.labels import CLASS, Tag, read_key, shown, to_tag
from perdure.query.ordering import Row, count, ids, rows
from perdure.query.plans import Plan
from perdure.query.result import Query
from perdure.session import by_chunk

__all__ = ["group_nodes", "label_of", "split_by"]

_T = TypeVar("_T")
_FIRST_PART, _LARGEST_PART = 64, 4096


def split_by(tags: Iterable[object], query: Query[_T], exclusive: bool = True) -> Query[tuple[_T, Any]]:
    """What of a query has one of `tags`, as tuples of object and tag: a query of tuples.

    `tags` is a list or tuple of str or enum values. Each object comes once, with the first of the tags that it has;
    with `exclusive=False`, once for each of them. The order is that of `query`. Splitting again adds a tag to the
    tuples; slices, `filter` and `find(split, ...)` keep them.

    Raises `RuntimeError` for what is no tag and what is no query.

    >>> for task, color in split_by([Color.RED, Color.GREEN], find(Task)): ...  # doctest: +SKIP
    """
    if not isinstance(query, Query):
        raise QueryError(f"split_by takes tags and a query, not {shown(query)}")
    return Query(query.connection, Split(query.node, group_nodes(tags), bool(exclusive)))


def group_nodes(tags: Any) -> tuple[Node, ...]:
    """The nodes of tags to group by. Raises `RuntimeError` for what is no list of such tags."""
    if isinstance(tags, str | bytes | type | Tag | durable.Durable) or not isinstance(tags, Iterable):
        raise QueryError(f"tags to group by come as a list or tuple of str or enum values, not as {shown(tags)}")
    found: dict[Node, None] = {}
    for label in tags:
        tag = None if isinstance(label, durable.Durable) else to_tag(label)
        if tag is None:
            raise QueryError(f"unable to interpret {shown(label)} as a tag to group by: use str or enum values")
        found[Tagged(tag) if isinstance(tag, bytes) else tag.node()] = None
    return tuple(found)


def label_of(node: Node, evaluation: Evaluation) -> object:
    """The tag that a node of a group stands for."""
    if isinstance(node, ClassTagged):
        return Tag(CLASS, (node.identity,), node.cls)
    assert isinstance(node, Tagged)
    return read_key(evaluation.connection, node.key)


class _Groups:
    """Which of a split's tags the objects of a chunk have."""

    def __init__(self, node: Split, evaluation: Evaluation) -> None:
        self._exclusive = node.exclusive
        plans = [(make_plan(group, evaluation), label_of(group, evaluation)) for group in node.groups]
        self._groups = [(plan, label) for plan, label in plans if plan.weight]

    def of(self, number: int, members: BitMap) -> dict[int, Any]:
        """Low bits of ids → the tag of those in `members`; not exclusively, a list of the tags."""
        found: dict[int, Any] = {}
        parts = [(plan.within(number, members), label) for plan, label in self._groups]
        if self._exclusive:
            for chunk, label in reversed(parts):
                found.update(dict.fromkeys(chunk, label))
        else:
            for chunk, label in parts:
                for low in chunk:
                    found.setdefault(low, []).append(label)
        return found

    def rows_of_set(self, source: Plan) -> Iterator[Row]:
        """The rows of a set, ascending by id."""
        size = _FIRST_PART
        for number in sorted(source.chunks()):
            members = source.chunk(number)
            base, start = number << 16, 0
            while start < len(members):
                labels = self.of(number, members[start : start + size])
                start, size = start + size, min(size * 4, _LARGEST_PART)
                present = sorted(labels)
                if self._exclusive:
                    yield from zip([base | low for low in present], map(labels.__getitem__, present), strict=True)
                else:
                    yield from [(base | low, label) for low in present for label in labels[low]]

    def rows_in_order(self, source: Iterator[Row]) -> Iterator[Row]:
        """The rows of what has an order, or tags already."""
        size = _FIRST_PART
        while part := list(islice(source, size)):
            size = min(size * 4, _LARGEST_PART)
            chunks = by_chunk([row[0] for row in part])
            labels = {number: self.of(number, members) for number, members in chunks.items()}
            for row in part:
                found = labels[row[0] >> 16].get(row[0] & 0xFFFF)
                if found is not None:
                    yield from [(*row, label) for label in ((found,) if self._exclusive else found)]


def _is_set(node: Node) -> bool:
    return not is_ordered(node) and not isinstance(node, Sliced)


@rows.register
def _split_rows(node: Split, evaluation: Evaluation, skip: int = 0) -> Iterator[Row]:
    with evaluation.connection.lock:  # groups and source are those of one moment
        groups = _Groups(node, evaluation)
        source = evaluation.plan(node.source) if _is_set(node.source) else None
    if source is not None:
        return islice(groups.rows_of_set(source), skip, None)
    return islice(groups.rows_in_order(rows(node.source, evaluation)), skip, None)


@ids.register
def _split_ids(node: Split, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    return (row[0] for row in rows(node, evaluation, skip))


@planner(Split)
def _split_plan(node: Split, evaluation: Evaluation) -> Plan:
    return make_plan(both([node.source, either(node.groups)]), evaluation)


@count.register
def _split_count(node: Split, evaluation: Evaluation) -> int:
    if not _is_set(node.source):
        return sum(1 for _ in rows(node, evaluation))
    if node.exclusive:
        return evaluation.plan(node).count()
    source = evaluation.plan(node.source)
    groups = [evaluation.plan(group) for group in node.groups]
    total = 0
    for number in source.chunks():
        members = source.chunk(number)
        total += sum([members.intersection_cardinality(group.chunk(number)) for group in groups])
    return total


@rows.register
def _within_rows(node: Within, evaluation: Evaluation, skip: int = 0) -> Iterator[Row]:
    members = evaluation.plan(node.members)
    known: dict[int, BitMap] = {}
    return islice(_restricted(rows(node.source, evaluation), members, known), skip, None)


def _restricted(found: Iterator[Row], members: Plan, known: dict[int, BitMap]) -> Iterator[Row]:
    for row in found:
        number = row[0] >> 16
        chunk = known.get(number)
        if chunk is None:
            chunk = known[number] = members.chunk(number)
        if row[0] & 0xFFFF in chunk:
            yield row


@ids.register
def _within_ids(node: Within, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    return (row[0] for row in rows(node, evaluation, skip))


@planner(Within)
def _within_plan(node: Within, evaluation: Evaluation) -> Plan:
    return make_plan(both([node.source, node.members]), evaluation)


@count.register
def _within_count(node: Within, evaluation: Evaluation) -> int:
    return sum(1 for _ in rows(node, evaluation))

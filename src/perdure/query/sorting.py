"""Ranges of an index as sets, and the order that an index gives to what a query finds."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from operator import itemgetter
from typing import cast

from pyroaring import BitMap

from perdure.query import entries
from perdure.query.evaluation import Evaluation, Leaf, Plan, planner
from perdure.query.expression import Elsewhere, Range, Sorted, is_local, is_ordered
from perdure.query.index_keys import FIRST_KEY, LAST_KEY, NULL_KEY
from perdure.query.ordering import count, ids
from perdure.session import Connection, by_chunk

__all__ = ["RESULTS_KEPT"]

RESULTS_KEPT = 1 << 18
"""Sorted results of up to so many ids are kept until the connection sees a change."""

_LOOKUP_SHARE = 2
"""Members are looked up one by one when they are at most this part of the index; else the index is scanned."""
_LOOKUPS_AT_ONCE = 4096

Pair = tuple[bytes, int]
_key = itemgetter(0)


@planner(Range)
def _range(node: Range, evaluation: Evaluation) -> Plan:
    found = evaluation.kept.get(node)
    if found is None:
        with evaluation.connection.lock:
            found = Leaf(by_chunk([oid for _, oid in _range_pairs(node, evaluation.connection)]))
        evaluation.keep(node, found)
    return cast(Plan, found)


def _range_pairs(node: Range, connection: Connection) -> Iterator[Pair]:
    nulls = entries.pairs(connection, node.index_oid, NULL_KEY, NULL_KEY) if node.nulls else ()
    keyed = entries.pairs(connection, node.index_oid, node.low, node.high) if node.keyed else ()
    return chain(nulls, keyed)


@planner(Sorted)
def _sorted_plan(node: Sorted, evaluation: Evaluation) -> Plan:
    return Leaf(by_chunk(list(_sorted_ids(node, evaluation))))


@count.register
def _sorted_count(node: Sorted, evaluation: Evaluation) -> int:
    return sum(1 for _ in _sorted_ids(node, evaluation))


@ids.register
def _sorted_ids(node: Sorted, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    kept = evaluation.kept.get(node)
    if kept is None:
        with evaluation.connection.lock:
            kept = _sort(node, evaluation)
    return islice(kept, skip, None)


def _sort(node: Sorted, evaluation: Evaluation) -> Iterable[int]:
    """The ids in order: all of them at hand when they are few, else read as they are asked for."""
    connection = evaluation.connection if node.where is None else Evaluation(node.where).connection
    if is_ordered(node.source):
        found: Iterable[int] = _nested(node, evaluation, connection)
    else:
        source = evaluation.plan(node.source)
        found = _plain(node, source, connection)
        if source.weight > RESULTS_KEPT:
            return entries.pinned(connection, found)
    result = array("Q", found)
    if len(result) <= RESULTS_KEPT and is_local(node):
        evaluation.keep(node, result)
    return result


def _plain(node: Sorted, source: Plan, connection: Connection) -> Iterator[int]:
    """Sort a set: members of equal keys ascending by id."""
    if source.weight * _LOOKUP_SHARE <= entries.count_entries(connection, node.index_oid):
        found = list(_looked_up(node.index_oid, source.ids(), connection))
        found.sort(key=_key, reverse=node.descending)
        return _placed_nulls(node, found)
    chunks = {number: source.chunk(number) for number in source.chunks()}
    turned = node.descending
    scans = [entries.pairs(connection, node.index_oid, *part, reverse=turned) for part in _parts(node)]
    return _filtered(chain.from_iterable(scans), chunks)


def _parts(node: Sorted) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """The ranges of keys in the order wanted: None, and all others."""
    nulls, keyed = (NULL_KEY, NULL_KEY), (FIRST_KEY, LAST_KEY)
    return (nulls, keyed) if node.nulls_first != node.descending else (keyed, nulls)


def _filtered(pairs: Iterable[Pair], chunks: dict[int, BitMap]) -> Iterator[int]:
    for _, oid in pairs:
        members = chunks.get(oid >> 16)
        if members is not None and oid & 0xFFFF in members:
            yield oid


def _placed_nulls(node: Sorted, found: list[Pair]) -> Iterator[int]:
    """Ids of sorted pairs, with those of the key None where they belong."""
    nulls = [oid for key, oid in found if key == NULL_KEY]
    keyed = [oid for key, oid in found if key != NULL_KEY] if nulls else [oid for _, oid in found]
    return iter(nulls + keyed if node.nulls_first != node.descending else keyed + nulls)


def _looked_up(index_oid: int, oids: Iterable[int], connection: Connection) -> Iterator[Pair]:
    """The keys of the given members, in their order."""
    oids = iter(oids)
    while part := list(islice(oids, _LOOKUPS_AT_ONCE)):
        for oid, value in zip(part, entries.keys_of(connection, index_oid, part), strict=True):
            for key in entries.split_keys(value):
                yield key, oid


def _nested(node: Sorted, evaluation: Evaluation, connection: Connection) -> Iterator[int]:
    """Sort what has an order already: members of equal keys keep it."""
    source = list(ids(node.source, evaluation))
    distinct = sorted(set(source))
    known: dict[int, list[bytes]] = {}
    for key, oid in _looked_up(node.index_oid, distinct, connection):
        known.setdefault(oid, []).append(key)
    found = [(key, oid) for oid in source for key in known.get(oid, ())]
    found.sort(key=_key, reverse=node.descending)
    return _placed_nulls(node, found)


@ids.register
def _ids_elsewhere(node: Elsewhere, evaluation: Evaluation, skip: int = 0) -> Iterator[int]:
    if node.connection.database.uuid != evaluation.connection.database.uuid:
        return iter(())
    return ids(node.node, Evaluation(node.connection), skip)

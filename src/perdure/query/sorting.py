"""Ranges of an index as sets, and the order that an index gives to what a query finds."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from operator import itemgetter
from typing import TypeVar, cast

from pyroaring import BitMap

from perdure.query import entries
from perdure.query.evaluation import Evaluation, planner
from perdure.query.expression import Range, Sorted, calls_functions, is_decorated, is_local, is_ordered
from perdure.query.index_keys import FIRST_KEY, LAST_KEY, NULL_KEY
from perdure.query.ordering import Row, count, ids, rows
from perdure.query.plans import Leaf, Plan
from perdure.session import Connection, by_chunk

__all__ = ["RESULTS_KEPT"]

RESULTS_KEPT = 1 << 18
"""Sorted results of up to so many ids are kept until the connection sees a change."""

_LOOKUP_SHARE = 2
"""Members are looked up one by one when they are at most this part of the index; else the index is scanned."""
_LOOKUPS_AT_ONCE = 4096

_T = TypeVar("_T")
Pair = tuple[bytes, int]
_key = itemgetter(0)


@planner(Range)
def _range(node: Range, evaluation: Evaluation) -> Plan:
    found = evaluation.kept.results.get(node)
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
    kept = evaluation.kept.results.get(node)
    if kept is None and calls_functions(node.source):
        kept = _sort_given(node, list(ids(node.source, evaluation)), evaluation)
    elif kept is None:
        with evaluation.connection.lock:
            kept = _sort(node, evaluation)
    return islice(kept, skip, None)


def _sort_given(node: Sorted, source: list[int], evaluation: Evaluation) -> Iterable[int]:
    """Sort what functions of the user chose: they ran before the lock is taken, and run again the next time."""
    connection = evaluation.connection if node.where is None else Evaluation(node.where).connection
    with connection.lock:
        return _in_key_order(node, source, source, connection)


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


def _placed_nulls(node: Sorted, found: list[tuple[bytes, _T]]) -> Iterator[_T]:
    """What sorted pairs give, with those of the key None where they belong."""
    nulls = [one for key, one in found if key == NULL_KEY]
    keyed = [one for key, one in found if key != NULL_KEY] if nulls else [one for _, one in found]
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
    return _in_key_order(node, source, source, connection)


def _in_key_order(node: Sorted, oids: list[int], given: list[_T], connection: Connection) -> Iterator[_T]:
    """What is `given` for ids, once for each of their keys, in the order of the keys."""
    known: dict[int, list[bytes]] = {}
    for key, oid in _looked_up(node.index_oid, sorted(set(oids)), connection):
        known.setdefault(oid, []).append(key)
    found = [(key, one) for oid, one in zip(oids, given, strict=True) for key in known.get(oid, ())]
    found.sort(key=_key, reverse=node.descending)
    return _placed_nulls(node, found)


@rows.register
def _sorted_rows(node: Sorted, evaluation: Evaluation, skip: int = 0) -> Iterator[Row]:
    if not is_decorated(node.source):
        return zip(ids(node, evaluation, skip))
    connection = evaluation.connection if node.where is None else Evaluation(node.where).connection
    source = list(rows(node.source, evaluation))
    with connection.lock:
        found = _in_key_order(node, [row[0] for row in source], source, connection)
    return islice(found, skip, None)

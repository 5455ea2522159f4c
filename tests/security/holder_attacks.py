"""One attack for each public name by which what a readable object refers to might be had, that may not be seen."""

from __future__ import annotations

import copy
import inspect
import operator
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import perdure as db0

from .filtered_world import KINDS, FilteredWorld, Holder
from .rendering import attempt, each

__all__ = ["BUILTIN_ATTACKS", "HOLDER_ATTACKS", "Attack"]

Attack = Callable[[FilteredWorld, str], Any]


def of_holder(*uses: Callable[[Any, str], Any]) -> Attack:
    """Use what refers to denied objects."""

    def run(world: FilteredWorld, kind: str) -> Any:
        return each(*(lambda use=use: use(world.holder(), kind) for use in uses))

    return run


def of_collection(name: str, *uses: Callable[[Any], Any]) -> Attack:
    """Use a collection that has denied objects."""
    return of_holder(*(lambda holder, kind, use=use: use(getattr(holder, name)) for use in uses))


def walking(use: Callable[[Any], Any]) -> Attack:
    """Use each collection that has denied objects."""
    names = ("items", "table", "pairs", "marks", "weak", "weak_set", "nested")
    return of_holder(*(lambda holder, kind, name=name: use(getattr(holder, name)) for name in names))


HOLDER_ATTACKS: dict[str, Attack] = {
    "DictObject.__contains__": of_collection("table", lambda table: ["doc" in table, "none" in table]),
    "DictObject.__copy__": of_collection("table", copy.copy),
    "DictObject.__getitem__": of_holder(lambda holder, kind: holder.table[kind]),
    "DictObject.__iter__": of_collection("table", list),
    "DictObject.__len__": of_collection("table", len),
    "DictObject.__or__": of_collection("table", lambda table: table | {}),
    "DictObject.__ror__": of_collection("table", lambda table: {} | table),
    "DictObject.__reversed__": of_collection("table", lambda table: list(reversed(table))),
    "DictObject.copy": of_collection("table", lambda table: table.copy()),
    "DictObject.get": of_holder(lambda holder, kind: holder.table.get(kind)),
    "DictObject.items": of_collection("table", lambda table: list(table.items())),
    "DictObject.keys": of_collection("table", lambda table: list(table.keys())),
    "DictObject.pop": of_holder(lambda holder, kind: holder.table.pop(kind)),
    "DictObject.popitem": of_collection("table", lambda table: table.popitem()),
    "DictObject.setdefault": of_holder(lambda holder, kind: holder.table.setdefault(kind, None)),
    "DictObject.values": of_collection("table", lambda table: list(table.values())),
    "ListObject.__add__": of_collection("items", lambda items: operator.add(items, [])),
    "ListObject.__contains__": of_collection("items", lambda items: None in items),
    "ListObject.__copy__": of_collection("items", copy.copy),
    "ListObject.__getitem__": of_collection(
        "items", lambda items: items[0], lambda items: items[-1], lambda items: items[1:3], lambda items: items[::-1]
    ),
    "ListObject.__iter__": of_collection("items", list),
    "ListObject.__len__": of_collection("items", len),
    "ListObject.__mul__": of_collection("items", lambda items: items * 2),
    "ListObject.__radd__": of_collection("items", lambda items: operator.add([], items)),
    "ListObject.__reversed__": of_collection("items", lambda items: list(reversed(items))),
    "ListObject.__rmul__": of_collection("items", lambda items: 2 * items),
    "ListObject.copy": of_collection("items", lambda items: items.copy()),
    "ListObject.count": of_collection("items", lambda items: items.count(None)),
    "ListObject.index": of_collection("items", lambda items: items.index(None)),
    "ListObject.pop": of_collection("items", lambda items: items.pop(), lambda items: items.pop(0)),
    "ListObject.sort": of_collection("items", lambda items: items.sort(key=lambda one: one.number)),
    "MemoWeakProxy.__getattr__": of_collection(
        "weak", lambda weak: [attempt(getattr, one, "name") for one in weak], lambda weak: weak[0].name
    ),
    "MemoWeakProxy.target": of_holder(
        lambda holder, kind: db0.weak_proxy(getattr(holder, kind)).target, lambda holder, kind: holder.weak[0]
    ),
    "SetObject.__and__": of_collection("marks", lambda marks: marks & set(marks)),
    "SetObject.__contains__": of_collection("marks", lambda marks: None in marks),
    "SetObject.__copy__": of_collection("marks", copy.copy),
    "SetObject.__iter__": of_collection("marks", list),
    "SetObject.__len__": of_collection("marks", len),
    "SetObject.__or__": of_collection("marks", lambda marks: marks | set()),
    "SetObject.__rand__": of_collection("marks", lambda marks: set() & marks),
    "SetObject.__ror__": of_collection("marks", lambda marks: set() | marks),
    "SetObject.__rsub__": of_collection("marks", lambda marks: set() - marks),
    "SetObject.__rxor__": of_collection("marks", lambda marks: set() ^ marks),
    "SetObject.__sub__": of_collection("marks", lambda marks: marks - set()),
    "SetObject.__xor__": of_collection("marks", lambda marks: marks ^ set()),
    "SetObject.copy": of_collection("marks", lambda marks: marks.copy()),
    "SetObject.difference": of_collection("marks", lambda marks: marks.difference(())),
    "SetObject.intersection": of_collection("marks", lambda marks: marks.intersection(marks)),
    "SetObject.isdisjoint": of_collection("marks", lambda marks: marks.isdisjoint([1])),
    "SetObject.issubset": of_collection("marks", lambda marks: marks.issubset([1])),
    "SetObject.issuperset": of_collection("marks", lambda marks: marks.issuperset([1])),
    "SetObject.pop": of_collection("marks", lambda marks: marks.pop()),
    "SetObject.symmetric_difference": of_collection("marks", lambda marks: marks.symmetric_difference(())),
    "SetObject.union": of_collection("marks", lambda marks: marks.union(())),
    "TupleObject.__add__": of_collection("pairs", lambda pairs: operator.add(pairs, ())),
    "TupleObject.__contains__": of_collection("pairs", lambda pairs: None in pairs),
    "TupleObject.__copy__": of_collection("pairs", copy.copy),
    "TupleObject.__getitem__": of_collection(
        "pairs", lambda pairs: pairs[0], lambda pairs: pairs[1:], lambda pairs: pairs[-1]
    ),
    "TupleObject.__iter__": of_collection("pairs", list, tuple),
    "TupleObject.__len__": of_collection("pairs", len),
    "TupleObject.__mul__": of_collection("pairs", lambda pairs: pairs * 2),
    "TupleObject.__radd__": of_collection("pairs", lambda pairs: operator.add((), pairs)),
    "TupleObject.__reversed__": of_collection("pairs", lambda pairs: list(reversed(pairs))),
    "TupleObject.__rmul__": of_collection("pairs", lambda pairs: 2 * pairs),
    "TupleObject.count": of_collection("pairs", lambda pairs: pairs.count(None)),
    "TupleObject.index": of_collection("pairs", lambda pairs: pairs.index(None)),
    "compare": of_holder(
        lambda holder, kind: db0.compare(holder, holder), lambda holder, kind: db0.compare(holder.nested, holder.nested)
    ),
    "describe": of_holder(lambda holder, kind: db0.describe(holder)),
    "expired": of_collection("weak", lambda weak: db0.expired(weak[0])),
    "get_snapshot_of": of_holder(
        lambda holder, kind: getattr(db0.get_snapshot_of(holder).fetch(db0.uuid(holder)), kind)
    ),
    "getattr_as": of_holder(
        lambda holder, kind: db0.getattr_as(holder, kind, KINDS[kind]),
        lambda holder, kind: db0.getattr_as(holder, kind, db0.MemoBase).name,
        lambda holder, kind: db0.getattr_as(holder, kind, Holder),
    ),
    "hash": of_holder(lambda holder, kind: db0.hash(holder.nested), lambda holder, kind: db0.hash(holder.pairs)),
    "load": of_holder(
        lambda holder, kind: db0.load(holder, exclude=["weak_set"]),
        lambda holder, kind: db0.load(holder.items),
        lambda holder, kind: db0.load(holder.table),
        lambda holder, kind: db0.load(holder.pairs),
        lambda holder, kind: db0.load(holder.nested),
        lambda holder, kind: db0.load(holder.weak),
        lambda holder, kind: db0.load(holder.marks),
    ),
    "load_all": of_holder(lambda holder, kind: db0.load_all(holder, exclude=["weak_set"])),
    "uuid": of_holder(lambda holder, kind: db0.uuid(getattr(holder, kind))),
    "weak_proxy": of_holder(lambda holder, kind: getattr(db0.weak_proxy(holder), kind)),
    "weak_set.__contains__": of_collection("weak_set", lambda found: None in found),
    "weak_set.__iter__": of_collection("weak_set", list),
    "weak_set.__len__": of_collection("weak_set", len),
    "weak_set.copy": of_collection("weak_set", lambda found: found.copy()),
}
"""By public name."""

BUILTIN_ATTACKS: dict[str, Attack] = {
    "getattr": of_holder(getattr, lambda holder, kind: getattr(holder, kind).number),
    "getattr with default": of_holder(lambda holder, kind: getattr(holder, kind, None)),
    "hasattr": of_holder(hasattr),
    "vars": of_holder(lambda holder, kind: vars(holder)[kind], lambda holder, kind: vars(holder.nested)),
    "__dict__": of_holder(lambda holder, kind: list(holder.__dict__.values())),
    "dir": of_holder(lambda holder, kind: dir(holder)),
    "__reduce_ex__": of_holder(
        lambda holder, kind: holder.__reduce_ex__(2), lambda holder, kind: holder.__getstate__()
    ),
    "pickle": walking(pickle.dumps),
    "copy": walking(lambda value: [copy.copy(value), attempt(copy.deepcopy, value)]),
    "getmembers": of_holder(lambda holder, kind: inspect.getmembers(holder)),
    "repr, str, format": walking(lambda value: f"{value!r} {value} {value:}"),
    "list": walking(list),
    "unpacking": walking(lambda value: [*value]),
    "match": walking(lambda value: operator.eq(value, [])),
    "weakref": of_holder(lambda holder, kind: getattr(weakref.ref(holder)(), kind)),
    "static": of_holder(inspect.getattr_static),
    "sorted": walking(lambda value: sorted(value, key=lambda one: one.number)),
    "comparison": walking(lambda value: [value == value, value != value, attempt(lambda: value < value)]),
}
"""By what Python itself offers, on what refers to denied objects."""

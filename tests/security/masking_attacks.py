"""One attack for each public name by which the value of a field might be had that the account may not read.

An attack gets a world and a kind of object, and returns whatever it could get hold of.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import operator
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import perdure as db0

from .masked_world import KINDS, MaskedWorld, Shelf
from .rendering import attempt, each

__all__ = ["BUILTIN_ATTACKS", "MASKING_ATTACKS"]

Attack = Callable[[MaskedWorld, str], Any]
HIDDEN = ("secret", "number", "items", "due", "kind")


def indexes(world: MaskedWorld) -> Iterator[Any]:
    """The indexes of declared fields, in the view of the world."""
    for field in ("due", "number"):
        yield world.where.index_of(KINDS["declared"], field, prefix=world.twin)


def of_indexes(use: Callable[[Any, Any], Any]) -> Attack:
    """Use each index with the value that is guessed for its field."""

    def run(world: MaskedWorld, kind: str) -> Any:
        guesses = (world.guess.due, world.guess.number)
        return [attempt(use, index, guess) for index, guess in zip(indexes(world), guesses, strict=True)]

    return run


def of_query(use: Callable[[Any], Any]) -> Attack:
    """Use queries by class, by a guessed tag, and with a function that looks at a field."""

    def run(world: MaskedWorld, kind: str) -> Any:
        cls, guess = KINDS[kind], world.guess
        find = world.where.find
        queries: list[Callable[[], Any]] = [
            lambda: find(cls, prefix=world.twin),
            lambda: find(cls, guess.kind, prefix=world.twin),
            lambda: find(cls, db0.no(guess.kind), prefix=world.twin),
            lambda: find(cls, [guess.kind, "none"], prefix=world.twin),
            lambda: db0.filter(lambda one: one.secret == guess.secret, find(cls, prefix=world.twin)),
            lambda: db0.filter(lambda one: one.number > 775000, find(cls, prefix=world.twin)),
            lambda: db0.split_by([guess.kind], find(cls, prefix=world.twin)),
        ]
        return each(*(lambda query=query: use(query()) for query in queries))

    return run


def of_object(*uses: Callable[[Any], Any]) -> Attack:
    """Use an object of the kind."""
    return lambda world, kind: each(*(lambda use=use: use(world.one(kind)) for use in uses))


def grouped(by: Callable[[MaskedWorld], Any], *ops: Any) -> Attack:
    return lambda world, kind: db0.group_by(by(world), world.where.find(KINDS[kind], prefix=world.twin), *ops)


def _compare(world: MaskedWorld, kind: str) -> Any:
    made = [*world.all(kind), world.known[kind]]
    return [attempt(db0.compare, one, other) for one in made for other in made]


def _selected(select: Callable[..., Any]) -> Attack:
    def run(world: MaskedWorld, kind: str) -> Any:
        query = db0.find(KINDS[kind], prefix=world.twin)
        newest = db0.get_state_num(world.twin, finalized=True)
        with db0.snapshot({world.twin: newest - 1}) as before, db0.snapshot() as last:
            found = each(lambda: list(select(query, None, last)), lambda: list(select(query, before, last)))
            if select is db0.select_modified:
                same = lambda one, other: one.secret == world.guess.secret  # noqa: E731
                found += each(*(lambda use=use: use(select(query, before, last, same)) for use in (len, list)))
            return found

    return run


def _make(world: MaskedWorld, kind: str) -> Any:
    """Make an object with what is guessed: an interned one would be the one that is there."""
    with db0.atomic() as block:
        try:
            return attempt(lambda: world.make(kind, f"{kind} 1", world.guess))
        finally:
            block.cancel()


def _renamed(world: MaskedWorld, kind: str) -> Any:
    """Give a hidden field the name of one that the account may read."""
    with db0.atomic() as block:
        try:
            cls = KINDS[kind]
            return each(lambda: db0.rename_field(cls, "secret", "open"), lambda: [one.open for one in world.all(kind)])
        finally:
            block.cancel()


def _index_class(world: MaskedWorld, kind: str) -> Any:
    index = db0.index()
    with db0.atomic() as block:
        try:
            return each(*(lambda one=one: index.add(one.number, one) for one in world.all(kind)), lambda: list(index))
        finally:
            block.cancel()


def _shown_by_snapshot(world: MaskedWorld, kind: str) -> Any:
    with db0.snapshot() as past:
        inside = MaskedWorld(world.twin, past).meet()
        return each(lambda: inside.all(kind), lambda: db0.load(inside.one(kind)), lambda: inside.one(kind).secret)


def _assigned(assign: Callable[..., Any]) -> Attack:
    return lambda world, kind: each(lambda: assign(world.one(kind), secret="mine"), lambda: world.one(kind).secret)


MASKING_ATTACKS: dict[str, Attack] = {
    "IndexObject.__bool__": of_indexes(lambda index, guess: bool(index)),
    "IndexObject.__iter__": of_indexes(lambda index, guess: list(index)),
    "IndexObject.__len__": of_indexes(lambda index, guess: len(index)),
    "IndexObject.__reversed__": of_indexes(lambda index, guess: list(reversed(index))),
    "IndexObject.add": _index_class,
    "IndexObject.range": of_indexes(lambda index, guess: list(db0.find(KINDS["declared"], index.range(guess, guess)))),
    "IndexObject.remove": of_indexes(lambda index, guess: index.remove(guess, None)),
    "IndexObject.select": of_indexes(
        lambda index, guess: each(
            lambda: list(index.select(guess, guess)),
            lambda: list(db0.find(KINDS["declared"], index.select(guess, guess))),
            lambda: len(db0.find(KINDS["declared"], index.select(guess, None))),
            lambda: db0.find(KINDS["declared"], index.select(guess, None)).explain(),
        )
    ),
    "IndexObject.sort": of_indexes(
        lambda index, guess: each(
            lambda: [one.name for one in index.sort(db0.find(KINDS["declared"], prefix=db0.get_prefix_of(index)))],
            lambda: [one.name for one in index.sort(db0.find("all", prefix=db0.get_prefix_of(index).name))],
        )
    ),
    "ListObject.__contains__": lambda world, kind: world.one(kind) in world.shelf().items,
    "ListObject.count": lambda world, kind: [world.shelf().items.count(one) for one in world.all(kind)],
    "ListObject.index": lambda world, kind: [world.shelf().items.index(one) for one in world.all(kind)],
    "ListObject.sort": lambda world, kind: each(
        lambda: [one.name for one in sorted(world.all(kind))],
        lambda: [one.name for one in sorted(world.all(kind), key=lambda one: one.secret)],
        lambda: world.shelf().items.sort(key=lambda one: one.secret),
    ),
    "ListObject.__getitem__": lambda world, kind: list(world.shelf().items[:]),
    "DictObject.values": lambda world, kind: list(world.shelf().by_name.values()),
    "MemoMetaClass.all": lambda world, kind: list(db0.get_memo_class(world.one(kind)).all()),
    "MemoMetaClass.get_attributes": lambda world, kind: db0.get_memo_class(world.one(kind)).get_attributes(True),
    "MemoMetaClass.get_instance": lambda world, kind: db0.get_memo_class(world.one(kind)).get_instance(),
    "MemoMetaClass.get_methods": lambda world, kind: db0.get_memo_class(world.one(kind)).get_methods(),
    "MemoMetaClass.get_schema": lambda world, kind: db0.get_memo_class(world.one(kind)).get_schema(),
    "MemoWeakProxy.__getattr__": lambda world, kind: each(
        lambda: db0.weak_proxy(world.one(kind)).secret, lambda: world.shelf().weak.secret, lambda: world.shelf().weak
    ),
    "MemoWeakProxy.target": lambda world, kind: db0.weak_proxy(world.one(kind)).target,
    "ObjectTagManager.add": lambda world, kind: db0.tags(world.one(kind)).add(world.one(kind).kind),
    "QueryObject.__bool__": of_query(bool),
    "QueryObject.__contains__": lambda world, kind: of_query(lambda query: world.one(kind) in query)(world, kind),
    "QueryObject.__getitem__": of_query(lambda query: [list(query[:1]), query[0,]]),
    "QueryObject.__iter__": of_query(list),
    "QueryObject.__len__": of_query(len),
    "QueryObject.__next__": of_query(next),
    "QueryObject.__reversed__": of_query(lambda query: list(reversed(query))),
    "QueryObject.compare": of_query(lambda query: query.compare(query)),
    "QueryObject.explain": of_query(lambda query: query.explain()),
    "QueryObject.signature": of_query(lambda query: len(query.signature())),
    "Snapshot.fetch": _shown_by_snapshot,
    "Snapshot.find": _shown_by_snapshot,
    "as_tag": of_object(db0.as_tag),
    "assign": _assigned(db0.assign),
    "atomic_assign": _assigned(db0.atomic_assign),
    "compare": _compare,
    "count_op": grouped(lambda world: [world.guess.kind]),
    "delete": of_object(lambda obj: db0.delete(obj)),
    "describe": of_object(db0.describe),
    "deserialize": of_query(lambda query: list(db0.deserialize(db0.serialize(query)))),
    "exists": of_object(lambda obj: db0.exists(db0.uuid(obj))),
    "expired": of_object(lambda obj: db0.expired(db0.weak_proxy(obj))),
    "fetch": of_object(lambda obj: db0.fetch(db0.uuid(obj)), lambda obj: db0.fetch(db0.uuid(obj)).secret),
    "filter": of_query(lambda query: list(db0.filter(lambda one: one.secret, query))),
    "find": of_query(lambda query: list(db0.find(query))),
    "find_singleton": lambda world, kind: db0.find_singleton(KINDS["only"], prefix=world.twin),
    "get_address": of_object(db0.get_address),
    "get_attributes": lambda world, kind: db0.get_attributes(KINDS[kind]),
    "get_callables": of_object(lambda obj: db0.get_callables(obj, True)),
    "get_memo_class": of_object(db0.get_memo_class),
    "get_memo_classes": lambda world, kind: list(db0.get_memo_classes(world.twin)),
    "get_methods": of_object(db0.get_methods),
    "get_properties": of_object(db0.get_properties),
    "get_schema": lambda world, kind: db0.get_memo_class(world.one(kind)).get_schema(),
    "get_snapshot_of": of_object(lambda obj: db0.get_snapshot_of(obj).fetch(db0.uuid(obj)).secret),
    "get_type": of_object(db0.get_type),
    "get_type_info": lambda world, kind: db0.get_type_info(KINDS[kind]),
    "get_type_stats": lambda world, kind: db0.get_type_stats(KINDS[kind], world.twin),
    "getattr_as": of_object(*(lambda obj, name=name: db0.getattr_as(obj, name, db0.MemoBase) for name in HIDDEN)),
    "getrefcount": of_object(db0.getrefcount),
    "group_by": lambda world, kind: each(
        lambda: grouped(lambda world: lambda one: one.secret)(world, kind),
        lambda: grouped(lambda world: lambda one: one.number > 775000)(world, kind),
        lambda: grouped(lambda world: [world.guess.kind, "none"])(world, kind),
        lambda: grouped(lambda world: ([world.guess.kind], lambda one: one.secret))(world, kind),
    ),
    "hash": of_object(db0.hash),
    "index_of": of_indexes(lambda index, guess: index),
    "init_fast_query": lambda world, kind: db0.group_by(
        lambda one: one.secret, db0.find(KINDS[kind], prefix=world.twin)
    ),
    "join": lambda world, kind: list(db0.join(db0.find(KINDS[kind]), db0.find(KINDS[kind]), on=Shelf)),
    "load": of_object(db0.load, lambda obj: db0.load(obj, exclude=["name"]), lambda obj: db0.load([obj])),
    "load_all": of_object(db0.load_all),
    "make_sum": grouped(lambda world: lambda one: 1, db0.make_sum(lambda one: one.number)),
    "materialized": of_object(db0.materialized),
    "memo": _make,
    "predicate": lambda world, kind: each(
        lambda: list(world.where.find(KINDS[kind], db0.predicate(world.guess.kind, prefix=world.twin))),
        lambda: len(world.where.find("all", db0.predicate(db0.no(world.guess.kind), KINDS[kind], prefix=world.twin))),
    ),
    "rename_field": _renamed,
    "select_deleted": _selected(db0.select_deleted),
    "select_modified": _selected(db0.select_modified),
    "select_new": _selected(db0.select_new),
    "serialize": of_query(lambda query: b"decoyy" in db0.serialize(query)),
    "signature_of": of_query(lambda query: len(db0.signature_of(query))),
    "snapshot": _shown_by_snapshot,
    "split_by": lambda world, kind: list(
        db0.split_by([world.guess.kind], world.where.find(KINDS[kind], prefix=world.twin))
    ),
    "tags_of": of_object(db0.tags_of),
    "touch": of_object(db0.touch),
    "uuid": of_object(db0.uuid),
    "weak_proxy": of_object(db0.weak_proxy, lambda obj: db0.weak_proxy(obj).secret),
    "weak_set": of_object(lambda obj: list(db0.weak_set([obj]))),
}
"""By public name."""

BUILTIN_ATTACKS: dict[str, Attack] = {
    "getattr": of_object(*(operator.attrgetter(name) for name in HIDDEN)),
    "getattr with default": of_object(*(lambda obj, name=name: getattr(obj, name, None) for name in HIDDEN)),
    "hasattr": of_object(*(lambda obj, name=name: hasattr(obj, name) for name in HIDDEN)),
    "vars": of_object(vars),
    "dir": of_object(dir),
    "__dict__": of_object(lambda obj: obj.__dict__, lambda obj: list(obj.__dict__.values())),
    "__getstate__": of_object(lambda obj: obj.__getstate__()),
    "__reduce_ex__": of_object(*(lambda obj, protocol=protocol: obj.__reduce_ex__(protocol) for protocol in (0, 2, 5))),
    "pickle": of_object(pickle.dumps),
    "copy": of_object(copy.copy, copy.deepcopy),
    "getmembers": of_object(inspect.getmembers, inspect.getmembers_static),
    "repr, str, format": of_object(repr, str, format, lambda obj: f"{obj!r:>10}"),
    "hash": of_object(lambda obj: isinstance(hash(obj), int)),
    "==": lambda world, kind: [attempt(operator.eq, one, world.known[kind]) for one in world.all(kind)],
    "<": lambda world, kind: [attempt(operator.lt, one, world.known[kind]) for one in world.all(kind)],
    "methods": of_object(lambda obj: obj.loud, lambda obj: obj.tell(), lambda obj: type(obj).loud.fget(obj)),
    "super": of_object(lambda obj: super(type(obj), obj).__getattribute__("secret")),
    "weakref": of_object(lambda obj: weakref.ref(obj)().secret),
    "asdict": of_object(dataclasses.asdict, dataclasses.astuple, dataclasses.replace),
    "fields of the class": of_object(*(lambda obj, name=name: inspect.getattr_static(obj, name) for name in HIDDEN)),
    "in-place change": of_object(lambda obj: operator.iadd(obj.items, ()), lambda obj: operator.iadd(obj.number, 1)),
    "delete": of_object(lambda obj: delattr(obj, "secret"), lambda obj: obj.secret),
    "assign": of_object(lambda obj: setattr(obj, "secret", "mine"), lambda obj: setattr(obj, "fresh", "mine")),
}
"""By what Python itself offers."""

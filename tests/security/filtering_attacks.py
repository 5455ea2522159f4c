"""One attack for each public name by which it might be found out that an object is there, or what it has.

An attack gets a world and a kind of object, and returns whatever it could get hold of.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import perdure as db0

from .filtered_world import KINDS, FilteredWorld, Plain, Shelf
from .holder_attacks import HOLDER_ATTACKS, Attack
from .rendering import attempt, each

__all__ = ["FILTERING_ATTACKS"]

OTHERS = db0.as_tag("GRANT", "other")


def queries(world: FilteredWorld, kind: str) -> list[Callable[[], Any]]:
    """Questions that would have a denied object among their answers."""
    cls, find = KINDS[kind], world.find
    return [
        lambda: find(cls),
        lambda: find("all"),
        lambda: find(cls, "all"),
        lambda: find(OTHERS),
        lambda: find(db0.tag_prefix("GRANT")),
        lambda: find(cls, db0.no(db0.as_tag("GRANT", "user"))),
        lambda: find(["none", db0.as_tag("DENY", "user")]),
        lambda: find(cls, world.guess),
        lambda: find(world.shelf().index.select(None, None)),
        lambda: find(cls, find("all")),
        lambda: find(Plain),
        lambda: find("all")[:3],
        lambda: find("all")[::-1],
        lambda: find(db0.predicate("all", prefix=world.prefix)),
        lambda: find(db0.MemoBase, "all"),
        lambda: world.shelf().index.sort(find(cls)),
        lambda: db0.split_by([OTHERS, db0.as_tag("GRANT", "user")], find("all")),
    ]


def of_query(use: Callable[[Any], Any]) -> Attack:
    """Use each of the queries."""
    return lambda world, kind: each(*(lambda query=query: use(query()) for query in queries(world, kind)))


def of_uuid(*uses: Callable[..., Any]) -> Attack:
    """Use the guessed uuid of a denied object."""
    return lambda world, kind: each(*(lambda use=use: use(world.denied(kind)) for use in uses))


def of_index(*uses: Callable[[Any], Any]) -> Attack:
    """Use the index of all objects, and that of a declared field."""

    def run(world: FilteredWorld, kind: str) -> Any:
        found = [
            lambda: world.shelf().index,
            lambda: world.shelf().hidden,
            lambda: world.where.index_of(KINDS["declared"], "number", prefix=world.prefix),
        ]
        return each(*(lambda use=use, index=index: use(index()) for index in found for use in uses))

    return run


def _filtered(world: FilteredWorld, kind: str) -> Any:
    met: list[Any] = []
    found = each(*(lambda query=query: list(db0.filter(met.append, query())) for query in queries(world, kind)))
    return found, met


def _grouped(*ops: Any) -> Attack:
    met: list[Any] = []

    def by(one: Any) -> Any:
        met.append(one)
        return one.name

    def run(world: FilteredWorld, kind: str) -> Any:
        met.clear()
        groups = (by, lambda one: one.number, ["all", "none"], db0.GroupDef.of(["all"]), (["all"], by))
        asked = [(group, query) for group in groups for query in queries(world, kind)]
        found = each(*(lambda group=group, query=query: db0.group_by(group, query(), *ops) for group, query in asked))
        return found, met

    return run


def _joined(use: Callable[[Any], Any]) -> Attack:
    def run(world: FilteredWorld, kind: str) -> Any:
        asked = queries(world, kind)
        return each(*(lambda one=one: use(db0.join(one(), asked[0](), on=Shelf)) for one in asked))

    return run


def _tagged(change: Callable[[Any], Any]) -> Attack:
    """Tag what queries find; what was tagged shows to who may see all (see the test)."""
    return lambda world, kind: each(*(lambda query=query: change(db0.tags(query())) for query in queries(world, kind)))


def _selected(select: Callable[..., Any], use: Callable[[Any], Any] = list) -> Attack:
    def run(world: FilteredWorld, kind: str) -> Any:
        first, middle = world.states
        met: list[Any] = []
        with ExitStack() as stack:
            before, between = [stack.enter_context(db0.snapshot({world.prefix: state})) for state in (first, middle)]
            last = stack.enter_context(db0.snapshot())
            pairs = [(None, last), (before, last), (between, last), (last, between), (before, between)]
            asked = [(pair, query) for pair in pairs for query in queries(world, kind)]
            found = each(*(lambda pair=pair, query=query: use(select(query(), *pair)) for pair, query in asked))
            if select is db0.select_modified:
                everything = db0.find("all", prefix=world.prefix)
                found += each(lambda: list(select(everything, between, last, lambda *two: met.append(two))))
            return found, met

    return run


def _past(use: Callable[[Any, FilteredWorld], Any]) -> Attack:
    """Use a snapshot of a state in which the objects were there, and of the newest one."""

    def run(world: FilteredWorld, kind: str) -> Any:
        found = []
        for state in (world.states[1], None):
            with db0.snapshot(state if state is None else {world.prefix: state}) as past:
                found += each(lambda past=past: use(past, FilteredWorld(world.prefix, past, world.uuids, world.states)))
        return found

    return run


def _of_class(*uses: Callable[[Any], Any]) -> Attack:
    def run(world: FilteredWorld, kind: str) -> Any:
        known = {one.get_type(): one for one in db0.get_memo_classes(world.prefix)}
        return each(*(lambda use=use: use(known[KINDS[kind]]) for use in uses))

    return run


def _made(world: FilteredWorld, kind: str) -> Any:
    if kind == "only":  # see the test of singletons
        return None
    with db0.atomic() as block:
        try:
            return each(lambda: KINDS[kind]("mine", 5).number)
        finally:
            block.cancel()


FILTERING_ATTACKS: dict[str, Attack] = {
    **HOLDER_ATTACKS,
    "IndexObject.__bool__": of_index(bool),
    "IndexObject.__iter__": of_index(list),
    "IndexObject.__len__": of_index(len),
    "IndexObject.__reversed__": of_index(lambda index: list(reversed(index))),
    "IndexObject.range": of_index(lambda index: list(index.range(0, 9)), lambda index: len(index.range())),
    "IndexObject.select": of_index(
        lambda index: list(index.select()),
        lambda index: len(index.select(None, None)),
        lambda index: bool(index.select(9, 9)),
        lambda index: list(index.select()[:2]),
        lambda index: index.select().explain(),
        lambda index: len(index.select(770071, 770073)),
    ),
    "IndexObject.sort": of_index(
        lambda index: list(index.sort(db0.find("all"))),
        lambda index: len(index.sort(db0.find("all"), desc=True)),
        lambda index: list(index.sort(db0.find("all"))[1:4]),
        lambda index: [*index.sort(index.sort(index.select()), null_first=True)],
    ),
    "JoinQuery.__bool__": _joined(bool),
    "JoinQuery.__iter__": _joined(list),
    "JoinQuery.__len__": _joined(len),
    "MemoMetaClass.all": _of_class(lambda known: list(known.all()), lambda known: len(known.all(as_memo_base=True))),
    "MemoMetaClass.get_attributes": _of_class(lambda known: known.get_attributes(True)),
    "MemoMetaClass.get_instance": _of_class(lambda known: known.get_instance()),
    "MemoMetaClass.get_instance_count": _of_class(lambda known: known.get_instance_count()),
    "MemoMetaClass.get_schema": _of_class(lambda known: known.get_schema()),
    "MemoMetaClass.instance_uuid": _of_class(lambda known: known.instance_uuid is None),
    "ModIterable.__bool__": _selected(db0.select_modified, bool),
    "ModIterable.__iter__": _selected(db0.select_modified),
    "ModIterable.__len__": _selected(db0.select_modified, len),
    "ModIterator.__iter__": _selected(db0.select_modified, lambda found: list(iter(iter(found)))),
    "ModIterator.__next__": _selected(db0.select_modified, lambda found: next(iter(found))),
    "ObjectTagManager.add": _tagged(lambda manager: manager.add("mark")),
    "ObjectTagManager.remove": _tagged(lambda manager: manager.remove("all")),
    "QueryObject.__bool__": of_query(bool),
    "QueryObject.__contains__": of_query(lambda query: None in query),
    "QueryObject.__getitem__": of_query(
        lambda query: each(lambda: list(query[1:4]), lambda: query[0, 1, 2], lambda: query[-1,])
    ),
    "QueryObject.__iter__": of_query(list),
    "QueryObject.__len__": of_query(len),
    "QueryObject.__next__": of_query(next),
    "QueryObject.__reversed__": of_query(lambda query: list(reversed(query))),
    "QueryObject.compare": of_query(lambda query: query.compare(query)),
    "QueryObject.explain": of_query(lambda query: query.explain()),
    "QueryObject.signature": of_query(lambda query: len(query.signature())),
    "Snapshot.deserialize": _past(
        lambda past, world: each(
            lambda: list(past.deserialize(db0.serialize(db0.find("all", prefix=world.prefix)))),
            lambda: len(past.deserialize(db0.serialize(db0.find("all", prefix=world.prefix)))),
        )
    ),
    "Snapshot.exists": _past(lambda past, world: [past.exists(uuid) for uuid in world.uuids.values()]),
    "Snapshot.fetch": _past(lambda past, world: [attempt(past.fetch, uuid) for uuid in world.uuids.values()]),
    "Snapshot.find": _past(
        lambda past, world: each(
            *(lambda use=use, query=query: use(query()) for query in queries(world, "doc") for use in (list, len, bool))
        )
    ),
    "Snapshot.index_of": _past(
        lambda past, world: each(
            lambda: list(past.index_of(KINDS["declared"], "number", prefix=world.prefix)),
            lambda: len(past.index_of(KINDS["declared"], "number", prefix=world.prefix)),
        )
    ),
    "count_op": _grouped(db0.count_op),
    "deserialize": of_query(
        lambda query: each(
            *(lambda use=use: use(db0.deserialize(db0.serialize(query))) for use in (list, len, bool))
        )
    ),
    "exists": of_uuid(
        db0.exists,
        lambda uuid: db0.exists(uuid, db0.MemoBase),
        *(lambda uuid, cls=cls: db0.exists(uuid, cls) for cls in KINDS.values()),
    ),
    "fetch": of_uuid(
        db0.fetch,
        lambda uuid: db0.fetch(uuid, db0.MemoBase),
        *(lambda uuid, cls=cls: db0.fetch(uuid, cls) for cls in KINDS.values()),
        lambda uuid: db0.fetch(KINDS["only"]),
    ),
    "filter": _filtered,
    "find": of_query(lambda query: each(lambda: list(db0.find(query)), lambda: len(db0.find(query, "all")))),
    "find_singleton": lambda world, kind: db0.find_singleton(KINDS["only"], prefix=world.prefix),
    "get_attributes": lambda world, kind: db0.get_attributes(KINDS[kind]),
    "get_memo_class": of_uuid(db0.get_memo_class),
    "get_memo_classes": lambda world, kind: list(db0.get_memo_classes(world.prefix)),
    "get_prefix_of": lambda world, kind: db0.get_prefix_of(world.denied(kind)),
    "get_schema": lambda world, kind: db0.get_schema(KINDS[kind]),
    "get_type_info": lambda world, kind: db0.get_type_info(KINDS[kind]),
    "get_type_stats": lambda world, kind: each(
        lambda: db0.get_type_stats(KINDS[kind], world.prefix), lambda: db0.get_type_stats(KINDS[kind])
    ),
    "getrefcount": lambda world, kind: each(
        lambda: db0.getrefcount(KINDS[kind]), lambda: db0.getrefcount(world.seen(kind))
    ),
    "group_by": _grouped(),
    "index_of": of_index(lambda index: index),
    "init_fast_query": _grouped(),
    "join": _joined(lambda joined: [list(joined), len(joined)]),
    "make_sum": _grouped(db0.make_sum(lambda one: one.number)),
    "memo": _made,
    "predicate": lambda world, kind: each(
        *(
            lambda use=use: use(db0.predicate(KINDS[kind], prefix=world.prefix))
            for use in (
                list, len, bool, next, reversed, repr, operator.itemgetter(0), operator.itemgetter(slice(1, None)),
                lambda asked: asked[0,],
                lambda asked: None in asked, lambda asked: asked.explain(), lambda asked: asked.compare(asked),
                lambda asked: asked.signature(), lambda asked: asked.evaluate(), lambda asked: asked.node,
                lambda asked: list(db0.find(asked)), lambda asked: len(db0.find(KINDS[kind], asked)),
                lambda asked: list(db0.filter(bool, asked)), lambda asked: list(db0.split_by(["all"], asked)),
                lambda asked: db0.group_by(["all"], asked), lambda asked: list(db0.join(asked, asked, on=Shelf)),
                lambda asked: db0.tags(asked).add("mark"), lambda asked: list(world.shelf().index.sort(asked)),
                lambda asked: list(db0.find(db0.no(asked), "all", prefix=world.prefix)),
                lambda asked: list(db0.deserialize(db0.serialize(asked))),
            )
        )
    ),
    "select_deleted": _selected(db0.select_deleted),
    "select_modified": _selected(db0.select_modified),
    "select_new": _selected(db0.select_new),
    "serialize": of_query(lambda query: [word in db0.serialize(query) for word in (b"canary", b"seen", b"77007")]),
    "signature_of": of_query(lambda query: len(db0.signature_of(query))),
    "snapshot": _past(lambda past, world: each(lambda: list(past.find("all", prefix=world.prefix)))),
    "split_by": of_query(
        lambda query: each(
            lambda: list(db0.split_by(["all", OTHERS], query)), lambda: len(db0.split_by(["all"], query, False))
        )
    ),
    "tags": _tagged(lambda manager: manager.add("mark")),
    "tags_of": lambda world, kind: each(lambda: db0.tags_of(world.seen(kind)), lambda: db0.tags_of(world.denied(kind))),
}
"""By public name."""

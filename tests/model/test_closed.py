"""Before `init` and after `close`, of all or of a prefix, data calls raise `RuntimeError` (spec 14 and 1.3)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import Point, Root, Scoped, Thing


@db0.memo(immutable=True)
class Written:
    pass


@db0.tag_fields("label")
@db0.indexed_fields("size")
@db0.memo
class Declared:
    def __init__(self) -> None:
        self.label, self.size = "x", 1


IDENTITY = "A" * 24

CALLS: dict[str, Callable[[], object]] = {
    "list": lambda: db0.list([1]),
    "tuple": lambda: db0.tuple([1]),
    "dict": lambda: db0.dict(a=1),
    "set": lambda: db0.set([1]),
    "bytearray": lambda: db0.bytearray(b"x"),
    "index": lambda: db0.index(),
    "weak_set": lambda: db0.weak_set(),
    "a memo class": lambda: Thing(1),
    "a dataclass": lambda: Point(1),
    "a singleton class": lambda: Root(),
    "a scoped class": lambda: Scoped(),
    "an immutable class": lambda: Written(),
    "a class with declared fields": lambda: Declared(),
    "tags": lambda: db0.tags().add("x"),
    "find": lambda: db0.find("x"),
    "find nothing": lambda: db0.find(),
    "find a class": lambda: db0.find(Thing),
    "find in a prefix": lambda: db0.find("x", prefix="main"),
    "fetch": lambda: db0.fetch(IDENTITY),
    "fetch a singleton": lambda: db0.fetch(Root),
    "exists": lambda: db0.exists(IDENTITY),
    "find_singleton": lambda: db0.find_singleton(Root),
    "getrefcount": lambda: db0.getrefcount(Thing),
    "get_schema": lambda: db0.get_schema(Thing),
    "get_attributes": lambda: db0.get_attributes(Thing),
    "get_type_info": lambda: db0.get_type_info(Thing),
    "index_of": lambda: db0.index_of(Declared, "size"),
    "migrate": lambda: db0.migrate(Declared),
    "rename_field": lambda: db0.rename_field(Thing, "a", "b"),
    "deserialize": lambda: db0.deserialize(b"q\x01"),
    "init_fast_query": lambda: db0.init_fast_query("x"),
    "join": lambda: db0.join(Thing, Thing, on=Thing),
    "open": lambda: db0.open("main"),
    "commit": lambda: db0.commit(),
    "refresh": lambda: db0.refresh(),
    "drop": lambda: db0.drop("main"),
    "copy_prefix": lambda: db0.copy_prefix("copy.db0", prefix="main"),
    "get_config": lambda: db0.get_config(),
    "set_restricted": lambda: db0.set_restricted(restricted=True),
    "set_cache_size": lambda: db0.set_cache_size(1 << 20),
    "clear_cache": lambda: db0.clear_cache(),
    "get_current_prefix": lambda: db0.get_current_prefix(),
    "get_prefixes": lambda: list(db0.get_prefixes()),
    "get_mutable_prefixes": lambda: list(db0.get_mutable_prefixes()),
    "get_prefix_of": lambda: db0.get_prefix_of(Scoped),
    "get_state_num": lambda: db0.get_state_num(),
    "atomic": lambda: db0.atomic(),
    "begin_atomic": lambda: db0.begin_atomic(),
    "atomic_assign": lambda: db0.atomic_assign(),
    "async_atomic": lambda: db0.async_atomic(),
    "locked": lambda: db0.locked().__enter__(),
    "begin_locked": lambda: db0.begin_locked(),
    "await_commit": lambda: db0.await_commit([]).send(None),
    "wait": lambda: db0.wait("main", 1),
    "async_wait": lambda: db0.async_wait("main", 1),
    "snapshot": lambda: db0.snapshot(),
    "SnapshotWindow": lambda: db0.SnapshotWindow(1).__enter__(),
    "get_memo_classes": lambda: list(db0.get_memo_classes()),
    "get_memo_class": lambda: db0.get_memo_class(IDENTITY),
    "get_cache_stats": lambda: db0.get_cache_stats(),
    "get_lang_cache_stats": lambda: db0.get_lang_cache_stats(),
    "get_prefix_stats": lambda: db0.get_prefix_stats(),
    "get_type_stats": lambda: db0.get_type_stats(Thing),
    "get_storage_stats": lambda: db0.get_storage_stats(),
    "get_slab_metrics": lambda: db0.get_slab_metrics(),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_data_call_before_init_raises(name: str) -> None:
    with pytest.raises(RuntimeError):
        CALLS[name]()


@pytest.mark.parametrize("name", CALLS)
def test_every_data_call_after_close_raises(root: Path, name: str) -> None:
    db0.close()
    with pytest.raises(RuntimeError):
        CALLS[name]()


def tagged() -> Any:
    made = Thing("tagged")
    made.items = [1]
    made.table, made.group, made.pair, made.data = {"a": 1}, {1}, db0.tuple([1]), bytearray(b"x")
    made.index, made.watched = db0.index(), db0.weak_set([made])
    db0.tags(made).add("kept")
    return made


HELD: dict[str, Callable[[], Any]] = {
    "tagged": tagged,
    "held by nothing but a variable": lambda: Thing("mine"),
    "a singleton": lambda: Root("only"),
}
ENDS: dict[str, Callable[[], None]] = {"everything": db0.close, "the prefix": lambda: db0.close("main")}
ends = pytest.mark.parametrize("end", ENDS)
CALLS_ON_OBJECTS = ["uuid", "load", "tags_of", "touch", "delete", "getrefcount", "describe", "get_address"]
held = pytest.mark.parametrize("how", HELD)


@ends
@held
@pytest.mark.parametrize("stored", [False, True])
def test_fields_of_a_closed_object_raise_runtime_error_and_attribute_error_on_writing(
    root: Path, how: str, end: str, stored: bool
) -> None:
    made = HELD[how]()
    if stored:
        db0.commit()
    ENDS[end]()
    with pytest.raises(RuntimeError, match="no longer accessible"):
        _ = made.name
    for value in (1, [1], None):
        with pytest.raises(AttributeError, match="no longer accessible"):
            made.name = value
    with pytest.raises(AttributeError, match="no longer accessible"):
        del made.name
    assert "Thing" in repr(made) or "Root" in repr(made)
    assert "uuid=?" in str(made)


@ends
@held
@pytest.mark.parametrize("call", CALLS_ON_OBJECTS)
def test_calls_on_a_closed_object_raise(root: Path, how: str, end: str, call: str) -> None:
    made = HELD[how]()
    ENDS[end]()
    with pytest.raises(RuntimeError):
        getattr(db0, call)(made)


@ends
def test_collections_of_a_closed_object_raise_and_can_be_shown(root: Path, end: str) -> None:
    made = tagged()
    found = {name: getattr(made, name) for name in ("items", "table", "group", "pair", "data", "index", "watched")}
    del made
    ENDS[end]()
    for name, collection in found.items():
        with pytest.raises(RuntimeError, match="no longer accessible"):
            len(collection)
        assert type(collection).__name__ in repr(collection), name
    for change in (
        lambda: found["items"].append(1),
        lambda: found["items"].pop(),
        lambda: found["table"].update(b=1),
        lambda: found["group"].add(2),
        lambda: found["data"].append(1),
        lambda: found["watched"].clear(),
        lambda: found["index"].clear(),
    ):
        with pytest.raises(RuntimeError, match="no longer accessible"):
            change()


@ends
def test_queries_and_snapshots_of_what_was_closed_raise(root: Path, end: str) -> None:
    tagged()
    db0.commit()
    query, before = db0.find("kept"), db0.snapshot()
    past = before.find("kept")
    ENDS[end]()
    for asked in (query, past):
        for ask in (list, len, bool):
            with pytest.raises(RuntimeError):
                ask(asked)
    with pytest.raises(RuntimeError):
        before.find("kept")


def test_what_was_deleted_before_stays_deleted(root: Path) -> None:
    made = Thing("gone")
    db0.delete(made)
    db0.close()
    with pytest.raises(db0.ReferenceError):
        _ = made.name


@pytest.mark.parametrize("use", ["tag", "field", "list", "set", "dict key", "weak_set", "index", "as_tag", "prefix"])
def test_a_closed_object_is_not_mistaken_for_one_of_the_prefix_opened_next(root: Path, use: str) -> None:
    made = tagged()
    db0.commit()
    db0.close()
    db0.init(root, autocommit=False)
    db0.open("another")
    others = [Thing(number) for number in range(20)]
    db0.tags(*others).add("other")
    db0.commit()
    uses: dict[str, Callable[[], object]] = {
        "tag": lambda: db0.tags(made).add("wrong"),
        "field": lambda: setattr(others[0], "friend", made),
        "list": lambda: db0.list().append(made),
        "set": lambda: db0.set().add(made),
        "dict key": lambda: db0.dict().__setitem__(made, 1),
        "weak_set": lambda: db0.weak_set().add(made),
        "index": lambda: db0.index().add(1, made),
        "as_tag": lambda: db0.as_tag(made),
        "prefix": lambda: db0.get_prefix_of(made),
    }
    with pytest.raises(RuntimeError, match="no longer accessible"):
        uses[use]()
    db0.commit()
    assert len(db0.find("wrong")) == 0 and all(not hasattr(one, "friend") for one in others)

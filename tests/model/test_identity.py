"""Claims of the spec, section 7.1 to 7.5 and 2.11: uuids, fetch, counts, lifetime, delete, helpers."""

import base64
import gc
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Child, Empty, Root, Thing

pytestmark = pytest.mark.usefixtures("root")


def kept(thing: Any, *tags: str) -> Any:
    db0.tags(thing).add(*(tags or ("kept",)))
    return thing


def test_a_uuid_is_short_upper_case_base_32_and_stable(root: Path) -> None:
    thing = kept(Thing())
    identity = db0.uuid(thing)
    assert len(identity) <= 24 and set(identity) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert db0.uuid(thing) == identity
    reopen(root)
    assert db0.uuid(next(iter(db0.find("kept")))) == identity


def test_uuids_differ_between_prefixes_and_after_an_object_died() -> None:
    seen = set()
    for prefix in ("main", "other", "main"):
        db0.open(prefix)
        for _ in range(3):
            seen.add(db0.uuid(Thing()))
            gc.collect()
            db0.commit()
    assert len(seen) == 9


@pytest.mark.parametrize("value", [3, "text", None, Thing, [], {}], ids=repr)
def test_other_values_have_no_uuid(value: object) -> None:
    with pytest.raises(RuntimeError, match="Unable to generate UUID"):
        db0.uuid(value)


def test_collections_and_indexes_have_no_uuid() -> None:
    thing = Thing([], index=db0.index())
    for value in (thing.name, thing.index, db0.dict(), db0.enum("E", ["A"]).A):
        with pytest.raises(RuntimeError, match="Unable to generate UUID"):
            db0.uuid(value)


def test_fetch_gives_the_very_object_in_either_argument_order() -> None:
    child = Child("a")
    identity = db0.uuid(child)
    for expected in (None, Child, Thing, db0.MemoBase):
        assert db0.fetch(identity, expected) is child
        assert db0.exists(identity, expected)
    assert db0.fetch(Child, identity) is child


@pytest.mark.parametrize("expected", [Empty, int, str, 3])
def test_fetch_refuses_another_type(expected: Any) -> None:
    identity = db0.uuid(thing := Thing())
    with pytest.raises(RuntimeError):
        db0.fetch(identity, expected)
    assert not db0.exists(identity, expected)
    assert thing.name is None


@pytest.mark.parametrize("bad", ["", "nonsense", "a" * 24, "1" * 24, "A" * 23, "A" * 24, 5, None, b"A" * 24])
def test_fetch_refuses_what_is_no_uuid(bad: Any) -> None:
    with pytest.raises(RuntimeError):
        db0.fetch(bad)
    assert not db0.exists(bad)


def test_a_corrupted_uuid_finds_nothing() -> None:
    identity = db0.uuid(kept(Thing()))
    raw = bytearray(base64.b32decode(identity))
    for position in range(len(raw)):
        wrong = bytes(raw[:position]) + bytes([raw[position] ^ 0x41]) + bytes(raw[position + 1 :])
        assert not db0.exists(base64.b32encode(wrong).decode())


def test_fetching_a_deleted_object_raises() -> None:
    thing = Thing()
    identity = db0.uuid(thing)
    db0.delete(thing)
    with pytest.raises(db0.ReferenceError, match="deleted"):
        db0.fetch(identity)
    assert not db0.exists(identity)


def test_fetch_opens_the_prefix_of_a_uuid_for_reading(root: Path) -> None:
    db0.open("other")
    identity = db0.uuid(kept(Thing("far")))
    reopen(root)
    thing = db0.fetch(identity)
    assert thing.name == "far" and db0.get_current_prefix().name == "main"
    assert db0.get_prefix_of(identity).name == "other"
    with pytest.raises(AttributeError, match="Cannot modify read-only prefix: other"):
        thing.name = "new"
    assert [prefix.name for prefix in db0.get_mutable_prefixes()] == ["main"]


# -- counts and lifetime -----------------------------------------------------------------------------------


def test_the_count_follows_fields_containers_indexes_and_tags() -> None:
    thing = Thing()
    assert db0.getrefcount(thing) == 0
    holder = Root({"one": thing, "list": [thing, thing], "weak": db0.weak_proxy(thing)})
    assert db0.getrefcount(thing) == 3
    index = db0.index()
    holder.index = index  # type: ignore[attr-defined]
    index.add(1, thing)
    kept(thing, "a", "b")
    assert db0.getrefcount(thing) == 6
    db0.tags(thing).remove("a")
    holder.value["list"].pop()
    del holder.value["one"]
    assert db0.getrefcount(thing) == 3
    db0.tags(thing, passive=True).add("passive")
    other = kept(Thing(), "c")
    db0.tags(other).add(db0.as_tag(thing))
    assert db0.getrefcount(thing) == 3


def test_the_count_of_a_class_is_that_of_its_instances() -> None:
    things = [Child(), Child()]
    assert db0.getrefcount(Child) == 2
    db0.delete(things.pop())
    assert db0.getrefcount(Child) == 1 and db0.getrefcount(Empty) == 0
    with pytest.raises(RuntimeError):
        db0.getrefcount(3)


def test_an_object_without_references_lives_while_python_holds_it() -> None:
    thing = Thing("loose")
    identity = db0.uuid(thing)
    for _ in range(3):
        db0.commit()
        assert thing.name == "loose" and db0.exists(identity)
    thing.name = "changed"
    db0.commit()
    del thing
    db0.commit()
    assert not db0.exists(identity) and not db0.find(Thing)


def test_dropping_releases_everything_that_only_the_object_held() -> None:
    names = [f"f{index}" for index in range(70)]
    parent = kept(Thing(**{name: Thing(name) for name in names}))
    parent.name = {"deep": [Thing("deep"), {"more": (Thing("tuple"),)}]}
    parent.kind = Root
    db0.commit()
    assert db0.getrefcount(Thing) == 73
    db0.tags(parent).remove("kept")
    del parent
    db0.commit()
    gc.collect()
    db0.commit()
    assert db0.getrefcount(Thing) == 0


def test_overwriting_or_deleting_a_field_releases_the_old_value() -> None:
    holder = Root(Thing("first"))
    holder.other = Thing("second")  # type: ignore[attr-defined]
    db0.commit()
    holder.value = Thing("third")
    del holder.other  # type: ignore[attr-defined]
    db0.commit()
    assert [thing.name for thing in db0.find(Thing)] == ["third"]


def test_close_drops_objects_without_references(root: Path) -> None:
    held = Thing("held")
    identity = db0.uuid(held)
    Thing("unheld")
    reopen(root)
    assert not db0.exists(identity) and not db0.find(Thing)
    del held


def test_delete_needs_an_object_that_nothing_holds() -> None:
    thing = kept(Thing())
    holder = Root(thing)
    with pytest.raises(RuntimeError, match="Cannot delete a memo object with references"):
        db0.delete(thing)
    db0.tags(thing).remove("kept")
    with pytest.raises(RuntimeError, match="references"):
        db0.delete(thing)
    holder.value = None
    db0.delete(thing)
    with pytest.raises(db0.ReferenceError):
        thing.name
    with pytest.raises(db0.ReferenceError):
        thing.name = 1
    with pytest.raises(db0.ReferenceError):
        holder.value = thing
    with pytest.raises(TypeError):
        db0.delete(3)


def test_deleted_objects_stay_deleted(root: Path) -> None:
    thing = kept(Thing())
    identity = db0.uuid(thing)
    db0.commit()
    db0.tags(thing).remove("kept")
    db0.delete(thing)
    reopen(root)
    assert not db0.exists(identity)


# -- helpers -----------------------------------------------------------------------------------------------


def test_assign_sets_attributes_of_all_objects() -> None:
    things = [Thing(), Thing()]
    db0.assign(*things, name="x", more=2)
    assert [vars(thing) for thing in things] == [{"name": "x", "more": 2}] * 2
    db0.assign(*things)
    db0.assign(name=3)
    for bad in (lambda: db0.assign(things[0], 3, name="y"), lambda: db0.assign(things[0], name=object())):
        with pytest.raises(RuntimeError):
            bad()
    assert things[0].name == "x"


def test_atomic_assign_is_all_or_nothing() -> None:
    first, second = kept(Thing(1)), kept(Thing(2))
    db0.commit()
    db0.delete(third := Thing(3))
    with pytest.raises(db0.ReferenceError):
        db0.atomic_assign(first, third, second, name=9)
    assert (first.name, second.name) == (1, 2)
    db0.atomic_assign(first, second, name=9)
    assert (first.name, second.name) == (9, 9)


def test_touch_makes_a_state_without_changing_anything() -> None:
    thing = kept(Thing())
    db0.commit()
    state = db0.get_state_num(finalized=True)
    db0.touch()
    db0.commit()
    assert db0.get_state_num(finalized=True) == state
    db0.touch(thing)
    db0.commit()
    assert db0.get_state_num(finalized=True) == state + 1
    with pytest.raises(TypeError):
        db0.touch(thing, 3)


def test_getattr_as_checks_the_type_of_a_member() -> None:
    thing = Thing(Child())
    assert db0.getattr_as(thing, "name", Thing) is thing.name
    assert db0.getattr_as(thing, "name", db0.MemoBase) is thing.name
    with pytest.raises(RuntimeError):
        db0.getattr_as(thing, "name", Empty)


def test_is_memo_knows_objects_and_classes() -> None:
    assert db0.is_memo(Thing()) and db0.is_memo(Thing)
    assert not db0.is_memo(3) and not db0.is_memo(int) and not db0.is_memo(db0.list())


def test_an_object_of_an_unknown_class_is_read_through_the_wildcard(root: Path) -> None:
    @db0.memo(id="test:lost")
    class Lost:
        def __init__(self) -> None:
            self.name = "found"

    from perdure.session import classes

    lost = kept(Lost())
    identity = db0.uuid(lost)
    holder = Root(lost)
    db0.commit()
    del lost, holder
    db0.close()
    classes._registered.pop("test:lost")
    db0.init(root, prefix="main")
    with pytest.raises(RuntimeError):
        db0.fetch(identity, Thing)
    assert db0.fetch(identity, db0.MemoBase).name == "found"
    assert db0.getattr_as(Root(), "value", db0.MemoBase).name == "found"
    assert [found.name for found in db0.find(db0.MemoBase, "kept")] == ["found"]

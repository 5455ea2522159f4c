"""Immutable memos: written once, parts in the record of their root."""

from __future__ import annotations

import copy
import operator
import pickle
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure import kernel
from perdure.kernel import embedded

from .conftest import reopen
from .immutable_things import Branch, Frozen, Holder, Leaf, Point, Special, keep, problems

MUTATIONS = {
    "assign": lambda obj: setattr(obj, "number", 2),
    "assign the same": lambda obj: setattr(obj, "number", 1),
    "add": lambda obj: setattr(obj, "another", 2),
    "delete": lambda obj: delattr(obj, "number"),
    "object.__setattr__": lambda obj: object.__setattr__(obj, "number", 2),
    "object.__delattr__": lambda obj: object.__delattr__(obj, "number"),
    "__class__": lambda obj: setattr(obj, "__class__", Special),
    "__dict__": lambda obj: setattr(obj, "__dict__", {"number": 2}),
    "touch": db0.touch,
    "assign()": lambda obj: db0.assign(obj, number=2),
    "list.append": lambda obj: obj.more["items"].append(1),
    "list item": lambda obj: obj.more["items"].__setitem__(0, 1),
    "dict item": lambda obj: obj.more.__setitem__("items", 1),
    "dict delete": lambda obj: obj.more.__delitem__("items"),
    "dict init": lambda obj: obj.more.__init__({}),
    "dict update": lambda obj: obj.more.update(items=1),
    "set.add": lambda obj: obj.more["set"].add(1),
    "assign several": lambda obj: db0.assign(obj, number=2, more=None),
    "atomic_assign": lambda obj: db0.atomic_assign(obj, number=2),
    "init again": lambda obj: obj.__init__(2),
    "property setter": lambda obj: setattr(obj, "doubled", 4),
    "number += 1": lambda obj: in_place(obj, "number", operator.iadd, 1),
    "dict |=": lambda obj: in_place(obj, "more", operator.ior, {"items": 1}),
    "delete __dict__": lambda obj: delattr(obj, "__dict__"),
    "list +=": lambda obj: obj.more.__setitem__("items", obj.more["items"] + (1,)),
    "list.append of list": lambda obj: list.append(obj.more["items"], 1),
    "list.sort": lambda obj: obj.more["items"].sort(),
    "list item deletion": lambda obj: operator.delitem(obj.more["items"], 0),
    "list attribute": lambda obj: setattr(obj.more["items"], "name", 1),
    "dict pop": lambda obj: obj.more.pop("items"),
    "dict clear": lambda obj: obj.more.clear(),
    "dict setdefault": lambda obj: obj.more.setdefault("new", 1),
    "dict.update of dict": lambda obj: dict.update(obj.more, items=1),
    "dict content": lambda obj: setattr(obj.more, "content", {}),
    "dict inner content": lambda obj: setattr(obj.more, "_content", {}),
    "set discard": lambda obj: obj.more["set"].discard(3),
    "rename_field": lambda obj: db0.rename_field(Leaf, "number", "count"),
    "weak proxy": lambda obj: setattr(db0.weak_proxy(obj), "number", 2),
}


def in_place(obj: Any, name: str, operation: Any, operand: Any) -> None:
    """What Python makes of `obj.name += operand`."""
    setattr(obj, name, operation(getattr(obj, name), operand))


@pytest.mark.parametrize("where", ["transient", "stored", "embedded", "loaded", "snapshot"])
@pytest.mark.parametrize("name", MUTATIONS)
def test_no_mutation_succeeds_or_changes_anything(root: Path, name: str, where: str) -> None:
    if name.startswith("object.") and not kernel.COMPILED:
        pytest.skip("only the compiled base type refuses Python's own way past __setattr__")
    obj: Any = Leaf(1, {"items": [1, 2], "set": {3}})
    if where != "transient":
        kept = obj if where == "stored" else Branch([obj])
        keep(kept)
        db0.commit()
        identity = db0.uuid(obj)
        if where == "loaded":
            reopen(root)
            obj = db0.fetch(identity)
        elif where == "snapshot":
            snapshot = db0.snapshot()  # it lives as long as this variable
            obj = snapshot.fetch(identity)
    before = db0.load(obj)
    with pytest.raises((AttributeError, TypeError, RuntimeError)):
        MUTATIONS[name](obj)
    assert db0.load(obj) == before == {"number": 1, "more": {"items": (1, 2), "set": {3}}}
    assert type(obj) is Leaf
    if where != "transient":
        assert db0.commit() is None
        reopen(root)
        assert db0.load(db0.fetch(identity)) == before


@pytest.mark.parametrize("change", [lambda found: found.update(number=2), dict.clear])
def test_the_dict_that_vars_gives_is_a_copy(root: Path, change: Any) -> None:
    obj = Leaf(1)
    keep(obj)
    change(vars(obj))
    assert db0.load(obj) == {"number": 1, "more": None} == vars(obj)


def test_deleting_an_object_that_nothing_holds_is_allowed(root: Path) -> None:
    obj = db0.materialized(Leaf(1))
    db0.delete(obj)
    with pytest.raises(db0.ReferenceError):
        print(obj.number)


def test_fields_can_be_assigned_read_and_changed_inside_of_init_only(root: Path) -> None:
    @db0.memo(immutable=True, id="building")
    class Building:
        def __init__(self) -> None:
            self.items = [1]
            self.items.append(2)
            self.count = len(self.items)
            self.gone = 1
            del self.gone
            assert self.items == [1, 2]

    obj = Building()
    assert obj.items == (1, 2) and obj.count == 2 and not hasattr(obj, "gone")
    with pytest.raises(AttributeError):
        obj.gone = 1


def test_what_cannot_be_stored_is_refused_when_the_object_is_made(root: Path) -> None:
    for bad in (object(), [object()], {"a": (lambda: 1,)}):
        with pytest.raises(AttributeError, match=r"Unsupported attribute type .*Leaf\.more"):
            Leaf(1, bad)
    assert len(db0.find(Leaf)) == 0


def test_a_failing_init_leaves_nothing(root: Path) -> None:
    @db0.memo(immutable=True, id="failing")
    class Failing:
        def __init__(self) -> None:
            self.leaf = Leaf(1)
            db0.tags(self).add("x")
            raise KeyError("no")

    with pytest.raises(KeyError):
        Failing()
    db0.commit()
    assert len(db0.find("x")) == len(db0.find(Leaf)) == 0


def test_a_transient_object_is_a_python_object_that_is_stored_nowhere(root: Path) -> None:
    leaf = Leaf(1)
    assert {leaf: 1}[leaf] == 1 and vars(leaf) == {"number": 1, "more": None} and db0.is_memo(leaf)
    db0.commit()
    assert len(db0.find(Leaf)) == 0
    del leaf
    assert problems() == []


@pytest.mark.parametrize("how", ["uuid", "materialized", "tag", "field", "list", "dict", "index"])
def test_a_transient_object_gains_an_identity_when_it_needs_one(root: Path, how: str) -> None:
    leaf = Leaf(1, [1, 2])
    held = {leaf}
    numbers: Any = db0.index()
    steps = {
        "uuid": lambda: db0.uuid(leaf),
        "materialized": lambda: db0.materialized(leaf),
        "tag": lambda: db0.tags(leaf).add("one"),
        "field": lambda: Holder(leaf),
        "list": lambda: Holder(db0.list([leaf])),
        "dict": lambda: Holder({"a": leaf}),
        "index": lambda: numbers.add(1, leaf),
    }
    holder = steps[how]()
    keep(leaf, *([holder] if isinstance(holder, Holder) else [Holder(numbers)]))
    db0.commit()
    identity = db0.uuid(leaf)
    assert db0.fetch(identity) is leaf and leaf in held
    reopen(root)
    assert db0.load(db0.fetch(identity)) == {"number": 1, "more": (1, 2)}
    assert len(db0.find(Leaf)) == 1


def test_materialized_gives_the_object_itself(root: Path) -> None:
    leaf = Leaf(1)
    assert db0.materialized(leaf) is leaf
    assert db0.fetch(db0.uuid(leaf)) is leaf


def test_transient_objects_are_no_elements_of_durable_sets_until_materialized(root: Path) -> None:
    leaf = Leaf(1)
    with pytest.raises(TypeError, match="materialized"):
        db0.set([leaf])
    holder = Holder(db0.set([db0.materialized(leaf)]))
    keep(holder)
    db0.commit()
    identity = db0.uuid(holder)
    reopen(root)
    assert [one.number for one in db0.fetch(identity).value] == [1]


def test_views_of_containers(root: Path) -> None:
    content = {1: "one", "list": [1, [2, "x"]], "tuple": (1, 2), "set": {1, "a"}, (1, 2): {"deep": None}}
    keep(leaf := Leaf(0, content))
    db0.commit()
    identity = db0.uuid(leaf)
    for view in (leaf.more, (reopen(root), db0.fetch(identity).more)[1]):
        assert type(view).__name__ == "EmbeddedDict" and isinstance(view, embedded.EmbeddedDict)
        assert len(view) == 5 and view[1] == view[1.0] == view[True] == "one" and view[1, 2]["deep"] is None
        assert 1.0 in view and "none" not in view and view.get("none") is None and view.get("none", 5) == 5
        keys = view.keys()
        assert iter(keys) is keys and list(keys) == list(content) == list(view)
        assert iter(items := view.items()) is items and next(items) == (1, "one")
        assert iter(values := view.values()) is values and next(values) == "one"
        assert dict(view)[1] == "one" and view == dict(view) and repr(view["tuple"]) == "(1, 2)"
        with pytest.raises(TypeError):
            view.get([])
        with pytest.raises(KeyError):
            view["none"]
        items = view["list"]
        assert type(items).__name__ == "EmbeddedTuple" == type(items[1]).__name__
        assert len(items) == 2 and items[-1][1] == "x" and items.count(1) == 1 and items.index(1) == 0
        assert tuple(view["tuple"]) == (1, 2) and repr(items[1]) == "(2, 'x')"
        with pytest.raises(IndexError):
            items[2]
        assert type(view["set"]).__name__ == "EmbeddedSet" and "a" in view["set"] and len(view["set"]) == 2
        assert repr({"a": 1}) == repr(Leaf(0, {"a": 1}).more)


def test_large_texts_are_stored_equal(root: Path) -> None:
    text, raw = "äbc" * 9000, bytes(range(256)) * 60
    keep(branch := Branch([Leaf(text, raw)]))
    db0.commit()
    identity = db0.uuid(branch)
    reopen(root)
    found = db0.fetch(identity).children[0]
    assert found.number == text and found.more == raw


def test_dataclasses_also_frozen_ones(root: Path) -> None:
    point, frozen = Point(1, names=["a"]), Frozen(3)
    assert point == Point(1, 0, ["a"]) and hash(Frozen(1, (), 2)) == hash(Frozen(1, (), 2))
    keep(point, frozen)
    db0.commit()
    identities = db0.uuid(point), db0.uuid(frozen)
    reopen(root)
    assert db0.load(db0.fetch(identities[0])) == {"x": 1, "y": 0, "names": ("a",)}
    found = db0.fetch(identities[1])
    assert (found.x, found.names, found.z) == (3, (), 5)
    for changed in (point, found):
        with pytest.raises(AttributeError):
            changed.x = 2


def test_compare_load_vars_and_dir_see_parts(root: Path) -> None:
    one, other = (Branch([Leaf(1), {"a": [Leaf(2)]}], {Leaf(3)}) for _ in range(2))
    assert db0.compare(one, other)
    keep(one)
    db0.commit()
    assert db0.compare(one, other) and not db0.compare(one, Branch([Leaf(1), {"a": [Leaf(9)]}], {Leaf(3)}))
    assert db0.load(one)["children"] == ({"number": 1, "more": None}, {"a": ({"number": 2, "more": None},)})
    assert list(vars(one)) == ["children", "extra"] and "children" in dir(one)
    vars(one)["children"] = 1
    assert len(one.children) == 2


def test_a_rollback_makes_what_was_stored_transient_again(root: Path) -> None:
    leaf = Leaf(1)
    branch = Branch([leaf])
    with pytest.raises(KeyError), db0.atomic():
        db0.tags(branch).add("x")
        inside = db0.uuid(leaf)
        raise KeyError
    assert not db0.exists(inside) and len(db0.find(Leaf)) == 0 and branch.children[0].number == 1
    keep(branch)
    assert db0.uuid(leaf) != inside
    assert problems() == []


def test_the_flags_of_a_stored_class_cannot_be_changed(root: Path) -> None:
    def declare(**options: Any) -> Any:
        @db0.memo(id="flagged", **options)
        class Flagged:
            def __init__(self) -> None:
                self.x = 1

        return Flagged

    keep(obj := declare(immutable=True)())
    identity = db0.uuid(obj)
    db0.commit()
    reopen(root)
    changed = declare()
    with pytest.raises(RuntimeError, match="immutable flag"):
        db0.fetch(changed, identity)
    with pytest.raises(RuntimeError, match="immutable flag"):
        changed()
    with pytest.raises(RuntimeError, match="intern flag"):
        db0.uuid(declare(immutable=True, intern=True)())
    assert db0.fetch(declare(immutable=True), identity).x == 1


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"intern.*immutable"):
        db0.memo(intern=True)(type("One", (), {}))
    with pytest.raises(TypeError, match="immutable"):
        db0.memo(type("Two", (Leaf,), {}))


def test_immutable_objects_are_not_copied_or_pickled(root: Path) -> None:
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(Leaf(1))


def test_methods_properties_and_singletons(root: Path) -> None:
    @db0.memo(immutable=True, singleton=True, id="settings")
    class Settings:
        def __init__(self, value: int = 1) -> None:
            self.value = value

        @property
        def double(self) -> int:
            return self.value * 2

    assert Settings(4).double == 8 and Settings(5).value == 4
    db0.commit()
    reopen(root)
    assert db0.fetch(Settings).value == 4


def test_values_of_every_kind_come_back(root: Path) -> None:
    import datetime as dt
    from decimal import Decimal

    values = [
        None, True, 1 << 40, 1.5, "ä", b"x", Decimal("1.50"), dt.date(2024, 1, 2),
        dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.time(1, 2), dt.timedelta(3), Leaf, (), [], {}, set(), frozenset({1}),
    ]  # fmt: skip
    keep(leaf := Leaf(values))
    db0.commit()
    identity = db0.uuid(leaf)
    reopen(root)
    expected = tuple(db0.load(value) for value in map(_frozen, values))
    assert db0.load(db0.fetch(identity)) == {"number": expected, "more": None}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else set(value) if isinstance(value, frozenset) else value

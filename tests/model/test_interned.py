"""Interned memos: one object for each content of a class."""

from __future__ import annotations

import gc
import itertools
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.errors import ConflictError
from perdure.model import scope
from perdure.session import identity_of

from .conftest import reopen
from .immutable_things import Branch, Holder, Label, Leaf, Other, keep, problems


def size(cls: type = Label) -> int:
    """How many objects of a class are interned."""
    return scope.current().interning.count(identity_of(cls))


STEPS: dict[str, Any] = {
    "uuid": db0.uuid,
    "materialized": db0.materialized,
    "tag": lambda obj: db0.tags(obj).add("x"),
    "field": Holder,
    "list": lambda obj: db0.list([obj]),
}


@pytest.mark.parametrize("first", STEPS)
def test_equal_objects_are_one_once_they_are_stored(root: Path, first: str) -> None:
    one, other = Label("a", [1, {"x": {2, 3}, "y": 4}]), Label("a", (1, {"y": 4, "x": {3, 2}}))
    held = STEPS[first](one)
    assert db0.uuid(one) == db0.uuid(other) and one == other and hash(one) == hash(other)
    keep(one)
    assert list(db0.find("kept")) == [db0.materialized(other)]
    assert db0.materialized(one) is db0.materialized(other) is db0.fetch(db0.uuid(other))
    db0.commit()
    db0.clear_cache()
    identity = db0.uuid(one)
    del one, other, held
    reopen(root)
    assert db0.uuid(Label("a", [1, {"x": {2, 3}, "y": 4}])) == identity
    assert len(db0.find(Label)) == 1 and problems() == []


def test_content_tells_types_and_classes_apart(root: Path) -> None:
    contents: list[Any] = [1, True, 1.0, "1", b"1", None, False, 0, (), (1,), (True,), {}, {1: 2}, {1: 3}, {1}, {2}]
    contents += [("a", "b"), ("ab",)]
    found = {db0.uuid(db0.materialized(Label(content))) for content in contents}
    held = [db0.materialized(Label(content)) for content in contents]
    assert len(found) == len(contents) == len({db0.uuid(one) for one in held})
    assert db0.uuid(Label("a")) != db0.uuid(Other("a")) and Label("a") != Other("a")
    values = [db0.materialized(Label(list(each))) for each in itertools.product([None, False, True, 0], repeat=3)]
    assert len(set(map(db0.uuid, values))) == 64


def test_the_order_of_fields_of_dicts_and_of_sets_does_not_count(root: Path) -> None:
    @db0.memo(immutable=True, intern=True, id="ordered")
    class Ordered:
        def __init__(self, names: str, content: Any) -> None:
            for name in names:
                setattr(self, name, content)

    one = db0.materialized(Ordered("ab", {"x": 1, "y": {1, 2, 9}}))
    assert db0.materialized(Ordered("ba", {"y": {9, 2, 1}, "x": 1})) is one
    assert db0.materialized(Ordered("abc", {"x": 1, "y": {1, 2, 9}})) is not one


def test_nested_interned_values_are_equal_embedded_or_referenced(root: Path) -> None:
    inner = Label("inner", [1])
    embedded = db0.materialized(Label("outer", [Label("free", [2])]))
    db0.materialized(inner)
    assert db0.materialized(Label("outer", [Label("free", (2,))])) is embedded
    referring = db0.materialized(Label("outer", [inner]))
    assert db0.materialized(Label("outer", [Label("inner", [1])])) is referring
    assert db0.uuid(referring.more[0]) == db0.uuid(inner) == db0.uuid(Label("inner", (1,)))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    "make", [lambda: Holder(1), lambda: Leaf(1), lambda: db0.list([1]), lambda: db0.weak_proxy(Holder())]
)
def test_references_to_what_is_not_interned_are_refused_at_materialisation(root: Path, make: Any, nested: bool) -> None:
    value = make()
    label = Label("a", {"in": [value]} if nested else value)
    for step in (db0.uuid, db0.materialized):
        with pytest.raises((RuntimeError, AttributeError), match=r"intern.*reference"):
            step(label)
    assert size() == 0


def test_a_transient_one_is_embedded_and_found_there(root: Path) -> None:
    label = Label("q")
    holder = Branch([label, Label("q"), [Label("r")]], Label("q"))
    keep(holder)
    db0.commit()
    assert db0.uuid(holder.children[0]) == db0.uuid(Label("q")) == db0.uuid(holder.extra) != db0.uuid(holder)
    assert db0.materialized(Label("r")) is holder.children[2][0]
    assert size() == 2 == len(db0.find(Label)) and problems() == []
    identity = db0.uuid(holder)
    del holder, label
    reopen(root)
    found = db0.fetch(identity)
    assert found.children[0] is found.children[1] is found.extra is db0.materialized(Label("q"))


def test_an_equal_transient_is_embedded_as_a_reference_to_the_stored_one(root: Path) -> None:
    alone = db0.materialized(Label("q"))
    holder = Branch([Label("q")])
    keep(holder)
    db0.commit()
    assert db0.uuid(holder.children[0]) == db0.uuid(alone) and db0.getrefcount(alone) == 1 and size() == 1
    identity, same = db0.uuid(holder), db0.uuid(alone)
    del holder, alone
    gc.collect()
    reopen(root)
    assert db0.uuid(db0.fetch(identity).children[0]) == same
    db0.tags(db0.fetch(identity)).remove("kept")
    gc.collect()
    db0.commit()
    assert not db0.exists(same) and size() == 0 and problems() == []


def test_interning_holds_nothing_and_a_later_equal_value_is_new(root: Path) -> None:
    first = db0.uuid(Label("short"))
    gc.collect()
    db0.commit()
    assert not db0.exists(first) and size() == 0
    kept = Label("short")
    second = db0.uuid(kept)
    assert second != first
    keep(kept)
    db0.commit()
    assert db0._check_interned(second, Label) and not db0._check_interned(first, Label)
    db0.tags(kept).remove("kept")
    db0.commit()
    assert db0.uuid(Label("short")) == second  # a variable holds it
    del kept
    gc.collect()
    db0.commit()
    assert not db0.exists(second) and len(db0.find(Label)) == 0 and size() == 0
    assert problems() == []


def test_a_deleted_one_is_not_found_any_more(root: Path) -> None:
    label = db0.materialized(Label("gone"))
    identity = db0.uuid(label)
    db0.delete(label)
    again = db0.materialized(Label("gone"))
    assert db0.uuid(again) != identity and again.name == "gone"
    keep(again)
    assert problems() == []


def test_lookups_see_what_is_not_flushed_and_not_what_is_rolled_back(root: Path) -> None:
    with pytest.raises(KeyError), db0.atomic():
        holder = Holder(Label("a"))
        keep(holder)
        inside = db0.uuid(Label("a"))
        assert db0.uuid(holder.value) == inside
        raise KeyError
    assert not db0.exists(inside) and size() == 0
    keep(Label("a"))
    assert db0.uuid(Label("a")) != inside and size() == 1
    assert problems() == []


def test_assigning_to_a_stored_object_materialises(root: Path) -> None:
    holder = Holder()
    keep(holder)
    db0.commit()
    with db0.atomic():
        holder.value = Label("v", [1])
    assert holder.value is db0.materialized(Label("v", [1]))
    db0.commit()
    holder.value = Label("w")
    gc.collect()
    db0.commit()
    assert size() == 1 == len(db0.find(Label)) and problems() == []


def test_equal_ones_are_one_key_and_one_element(root: Path) -> None:
    holder = Holder([{Label("a"), Label("b")}, {Label("a"): 1}])
    keep(holder)
    held: Any = holder.value
    held[0].add(Label("a"))
    held[1][Label("a")] = 2
    assert len(held[0]) == 2 and len(held[1]) == 1 and held[1][Label("a")] == 2 and Label("b") in held[0]
    identity = db0.uuid(holder)
    db0.commit()
    del holder, held
    reopen(root)
    held = db0.fetch(identity).value
    assert Label("a") in held[0] and held[1][Label("a")] == 2 and Label("z") not in held[0]


def test_queries_and_tags_take_equal_objects(root: Path) -> None:
    keep(Label("a"))
    db0.tags(Label("a")).add("mine")
    assert len(db0.find(Label("a"), "mine")) == 1 and len(db0.find(Label, "mine", "kept")) == 1
    assert db0.weak_proxy(Label("a")).name == "a"


def test_two_writers_of_one_value_end_with_one_object(root: Path, tmp_path: Path) -> None:
    from perdure.session import Database, set_root

    database = Database.open(tmp_path / "shared.pdb")
    try:
        one, other = database.connect(), database.connect()
        set_root(one, "one", _in(one, "same"))
        set_root(other, "other", _in(other, "same"))
        one.commit()
        with pytest.raises(ConflictError, match="interned"):
            other.commit()
        other.abort()
        set_root(other, "other", _in(other, "same"))
        other.commit()
        one.refresh()
        assert one.interning.count(identity_of(Label)) == 1 and list(database.verify()) == []
    finally:
        database.close()


def _in(connection: Any, name: str) -> Any:
    """An interned object in a connection: the stored one when there is one."""
    label = Label(name)
    connection.add(label)
    return connection.interning.find(label)


def test_many_values(root: Path) -> None:
    kept = db0.list()
    keep(holder := Holder(kept))
    for number in range(5000):
        kept.append(db0.materialized(Label(f"value {number % 1500}", number % 3)))
    db0.commit()
    assert size() == 1500 == len(db0.find(Label))
    del kept, holder
    reopen(root)
    identities = {db0.uuid(Label(f"value {number % 1500}", number % 3)) for number in range(3000)}
    assert len(identities) == 1500 and size() == 1500


def test_the_statistics_of_a_class_count_what_is_interned(root: Path) -> None:
    keep(Branch([Label("a"), Label("b")]), Label("c"))
    kept = db0.materialized(Label("pending"))
    stats = db0.get_type_stats(Label)
    assert stats["intern"] is stats["immutable"] is True and stats["instances"] == 4
    assert stats["content_index"] == {"size": 4}
    del kept
    gc.collect()
    db0.commit()
    assert db0.get_type_stats(Label)["content_index"] == {"size": 3}
    others = db0.get_type_stats(Branch)
    assert others["immutable"] is True and others["intern"] is False and "content_index" not in others


def test_check_interned_tells_the_one_of_a_content(root: Path) -> None:
    keep(label := Label("a"), branch := Branch([Label("b")]))
    for one in (label, branch.children[0]):
        assert db0._check_interned(db0.uuid(one), Label)
        assert not db0._check_interned(db0.uuid(one), Other)
    assert not db0._check_interned(db0.uuid(branch), Branch)
    gone = db0.uuid(label)
    db0.tags(label).remove("kept")
    del label, one
    gc.collect()
    db0.commit()
    assert not db0._check_interned(gone, Label)


def test_81_combinations_of_three_values_are_81_objects(root: Path) -> None:
    values = (None, False, True)
    contents = [(a, b, c, d) for a in values for b in values for c in values for d in values]
    keep(*[Label(a, {"b": b, "more": [c, {"d": d}]}) for a, b, c, d in contents])
    db0.commit()

    def identities() -> list[str]:
        return [db0.uuid(Label(a, {"more": [c, {"d": d}], "b": b})) for a, b, c, d in contents]

    before = identities()
    assert len(set(before)) == 81 == size()
    reopen(root)
    assert identities() == before and problems() == []


def test_an_equal_one_is_the_same_element_of_lists_tuples_and_queries(root: Path) -> None:
    held = db0.list([Label("a", [1]), 5, (Label("b"), 6), Label("a", [1])])
    keep(Holder(held), Label("c"))
    for _ in range(2):
        assert Label("a", [1]) in held and held.index(Label("a", (1,))) == 0 and held.count(Label("a", [1])) == 2
        assert Label("a", [2]) not in held and Other("a", [1]) not in held and Leaf("a", [1]) not in held
        assert (Label("b"), 6) in held and (Label("a"), 6) not in held
        assert Label("c") in db0.find(Label, "kept") and Label("a", [1]) not in db0.find("kept")
        assert Label("d") not in db0.find(Label) and size() == 3
        db0.commit()
    held.remove(Label("a", [1]))
    assert held.index(Label("a", [1])) == 2 and len(held) == 3

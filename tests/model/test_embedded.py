"""Embedded objects: the parts of immutable ones, which lie in the record of their root."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .immutable_things import Branch, Holder, Leaf, Quiet, Special, keep, problems


def stored_branch() -> tuple[str, str]:
    """The uuids of a kept branch and of a leaf two levels down in it."""
    leaf = Leaf(7)
    branch = Branch([Leaf(1), Branch((leaf,))], {"a": [1, {"b": (2, 3)}], "set": {4, 5}})
    keep(branch)
    db0.commit()
    return db0.uuid(branch), db0.uuid(leaf)


def test_the_variable_becomes_a_view_of_the_embedded_object(root: Path) -> None:
    leaf = Leaf(7, ["x"])
    held = {leaf: "found"}
    branch = Branch([leaf])
    keep(branch)
    db0.commit()
    assert branch.children[0] is leaf and held[leaf] == "found" and isinstance(leaf, Leaf)
    assert db0.is_memo(leaf) and db0.uuid(leaf) != db0.uuid(branch)
    assert db0.fetch(db0.uuid(leaf)) is leaf


def test_a_materialized_object_is_stored_by_reference(root: Path) -> None:
    leaf = Leaf(1)
    alone = db0.uuid(leaf)
    branch = Branch([leaf])
    keep(branch)
    db0.commit()
    assert db0.getrefcount(leaf) == 1
    identity = db0.uuid(branch)
    del leaf, branch
    reopen(root)
    assert db0.uuid(db0.fetch(identity).children[0]) == alone
    assert problems() == []


def test_an_object_in_two_places_of_one_root_stays_one(root: Path) -> None:
    leaf = Leaf(1)
    branch = Branch([leaf, [leaf]], {"again": leaf, leaf: 1})
    keep(branch)
    db0.commit()
    identity = db0.uuid(branch)
    assert len(db0.find(Leaf)) == 1
    reopen(root)
    found = db0.fetch(identity)
    assert found.children[0] is found.children[1][0] is found.extra["again"]
    assert found.extra[found.children[0]] == 1
    assert problems() == []


def test_an_object_that_holds_itself_can_be_stored(root: Path) -> None:
    @db0.memo(immutable=True, id="circle")
    class Circle:
        def __init__(self) -> None:
            self.me = self
            self.leaf = Branch([self])

    keep(circle := Circle())
    db0.commit()
    identity = db0.uuid(circle)
    reopen(root)
    found = db0.fetch(identity)
    assert found.me is found and found.leaf.children[0] is found
    assert problems() == []


def test_embedded_objects_are_fetched_at_every_level(root: Path) -> None:
    branch, leaf = stored_branch()
    reopen(root)
    assert db0.fetch(leaf).number == 7
    assert db0.fetch(Leaf, leaf) is db0.fetch(branch).children[1].children[0]
    assert db0.exists(leaf) and not db0.exists(leaf, Branch)
    with pytest.raises(RuntimeError):
        db0.fetch(Branch, leaf)


def test_a_made_up_uuid_in_a_root_is_refused(root: Path) -> None:
    from perdure.kernel import identity

    branch, _ = stored_branch()
    parsed = identity.parse_uuid(branch)
    assert parsed is not None
    for beyond in (4, 5, 900):
        text = identity.uuid_text(parsed[0], parsed[1] + beyond)
        assert not db0.exists(text)
        with pytest.raises(db0.ReferenceError):
            db0.fetch(text)
    reopen(root)
    assert not db0.exists(identity.uuid_text(parsed[0], parsed[1] + 4))
    assert db0.exists(identity.uuid_text(parsed[0], parsed[1] + 3))


def test_embedded_objects_are_found_by_type_base_type_and_tag(root: Path) -> None:
    special, quiet = Special(1), Quiet(2)
    branch = Branch([special, quiet, Leaf(3)])
    keep(branch)
    db0.commit()
    assert [one.number for one in db0.find(Leaf)] == [1, 3]
    assert list(db0.find(Special)) == [special]
    assert len(db0.find(Quiet)) == 0
    db0.tags(special, quiet).add("marked")
    assert list(db0.find("marked")) == [special, quiet]
    assert list(db0.find(Leaf, "marked")) == [special] and list(db0.find(Quiet)) == [quiet]
    assert list(db0.find(Branch, "marked")) == [] and list(db0.find(special, "marked")) == [special]
    assert list(db0.find(special, "other")) == []
    db0.commit()
    del special, quiet, branch
    reopen(root)
    assert [one.number for one in db0.find("marked")] == [1, 2]
    db0.tags(db0.find("marked")).remove("marked")
    assert len(db0.find(Quiet)) == 0 and len(db0.find("marked")) == 0
    assert problems() == []


def test_a_tag_on_a_part_keeps_the_whole_root(root: Path) -> None:
    branch, leaf = stored_branch()
    reopen(root)
    db0.tags(db0.fetch(leaf)).add("mine")
    db0.tags(db0.fetch(branch)).remove("kept")
    gc.collect()
    db0.commit()
    reopen(root)
    assert db0.fetch(branch).children[1].children[0] is db0.fetch(leaf)
    db0.tags(db0.fetch(leaf)).remove("mine")
    db0.commit()
    assert not db0.exists(branch) and not db0.exists(leaf)
    assert len(db0.find(Leaf)) == len(db0.find(Branch)) == 0
    assert problems() == []


def held_in(place: str, part: Any) -> Holder:
    """A kept object that refers to `part`."""
    made: dict[str, Any] = {
        "field": part,
        "list": [part],
        "dict value": {"x": part},
        "dict key": {part: 1},
        "set": {part},
        "index": db0.index(),
    }
    holder = Holder(made[place])
    if place == "index":
        holder.value.add(3, part)
    keep(holder)
    return holder


@pytest.mark.parametrize("place", ["field", "list", "dict value", "dict key", "set", "index"])
def test_a_reference_to_a_part_keeps_the_whole_root(root: Path, place: str) -> None:
    branch, leaf = stored_branch()
    held = db0.uuid(held_in(place, db0.fetch(leaf)))
    db0.tags(db0.fetch(branch)).remove("kept")
    gc.collect()
    db0.commit()
    reopen(root)
    assert db0.exists(branch) and db0.fetch(leaf).number == 7
    assert problems() == []
    db0.tags(db0.fetch(held)).remove("kept")
    gc.collect()
    db0.commit()
    assert not db0.exists(held) and not db0.exists(branch) and not db0.exists(leaf)
    assert problems() == []


def test_a_python_variable_on_a_part_keeps_the_whole_root(root: Path) -> None:
    branch, leaf = stored_branch()
    reopen(root)
    part = db0.fetch(leaf)
    db0.tags(db0.fetch(branch)).remove("kept")
    gc.collect()
    db0.commit()
    assert part.number == 7 and db0.exists(branch)
    del part
    gc.collect()
    db0.commit()
    assert not db0.exists(branch)


def test_a_part_cannot_be_deleted_and_a_held_root_neither(root: Path) -> None:
    branch, leaf = stored_branch()
    with pytest.raises(RuntimeError, match="part of"):
        db0.delete(db0.fetch(leaf))
    db0.tags(db0.fetch(leaf)).add("x")
    db0.tags(db0.fetch(branch)).remove("kept")
    with pytest.raises(RuntimeError, match="references"):
        db0.delete(db0.fetch(branch))
    db0.tags(db0.fetch(leaf)).remove("x")
    db0.delete(db0.fetch(branch))
    assert not db0.exists(leaf) and problems() == []


def test_weak_references_to_parts(root: Path) -> None:
    branch, leaf = stored_branch()
    keep(holder := Holder(db0.weak_proxy(db0.fetch(leaf))))
    held = db0.uuid(holder)
    db0.commit()
    reopen(root)
    assert db0.fetch(held).value.number == 7
    db0.tags(db0.fetch(branch)).remove("kept")
    reopen(root)
    assert db0.expired(db0.fetch(held).value)
    assert db0.uuid(db0.fetch(held).value) == leaf


def test_weak_fields_of_parts(root: Path) -> None:
    target = Holder(5)
    keep(target, branch := Branch([Leaf(db0.weak_proxy(target))]))
    db0.commit()
    identity, aim = db0.uuid(branch), db0.uuid(target)
    assert db0.getrefcount(target) == 1
    reopen(root)
    assert db0.fetch(identity).children[0].number is db0.fetch(aim)
    db0.tags(db0.fetch(aim)).remove("kept")
    reopen(root)
    assert db0.expired(db0.fetch(identity).children[0].number)


def test_snapshots_see_parts_as_they_were(root: Path) -> None:
    branch, leaf = stored_branch()
    with db0.snapshot() as before:
        db0.tags(db0.fetch(branch)).remove("kept")
        gc.collect()
        db0.commit()
        assert not db0.exists(leaf)
        assert before.fetch(leaf).number == 7 and before.fetch(branch).children[1].children[0] is before.fetch(leaf)
        assert [one.number for one in before.find(Leaf)] == [1, 7]
        with pytest.raises((AttributeError, RuntimeError)):
            before.fetch(leaf).number = 1


def test_a_rollback_of_a_drop_brings_parts_back(root: Path) -> None:
    branch, leaf = stored_branch()
    part = db0.fetch(leaf)
    with pytest.raises(KeyError), db0.atomic():
        db0.tags(db0.fetch(branch)).remove("kept")
        db0.delete(db0.fetch(branch))
        raise KeyError
    assert part.number == 7 and db0.fetch(leaf) is part
    assert problems() == []


def test_a_small_cache_loads_parts_again_as_the_same_objects(root: Path) -> None:
    identities = []
    for number in range(200):
        keep(branch := Branch([Leaf(number), Leaf(-number)], "x" * 500))
        identities.append(db0.uuid(branch.children[0]))
    db0.commit()
    del branch
    held = [db0.fetch(identity) for identity in identities[:20]]
    db0.clear_cache()
    for number, identity in enumerate(identities):
        assert db0.fetch(identity).number == number
    assert [one.number for one in held] == list(range(20))
    assert all(db0.fetch(identity) is one for identity, one in zip(identities, held, strict=False))

"""Claims of the spec, section 7.4: when objects die, and when they do not."""

import gc
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Color, Root, Strict, Thing

pytestmark = pytest.mark.usefixtures("root")


def keep(thing: Any) -> Any:
    db0.tags(thing).add("kept")
    return thing


def gone(*identities: str) -> bool:
    return not any(map(db0.exists, identities))


def test_without_its_last_tag_an_object_is_not_found_by_its_class_and_goes_with_the_commit() -> None:
    thing = keep(Thing("a"))
    db0.commit()
    identity = db0.uuid(thing)
    db0.tags(thing).remove("kept")
    del thing
    assert not db0.find(Thing) and not db0.find("kept")
    db0.commit()
    assert gone(identity)


def test_without_its_last_reference_it_goes_and_with_another_one_it_stays() -> None:
    holder, other = keep(Thing([Thing("inner")])), keep(Thing())
    db0.commit()
    identity = db0.uuid(holder.name[0])
    other.name = holder.name[0]
    holder.name.clear()
    db0.commit()
    assert not gone(identity)
    del other.name
    db0.commit()
    assert gone(identity)


@pytest.mark.parametrize(
    "place",
    [
        lambda target: target,
        lambda target: [1, target],
        lambda target: (1, (target,)),
        lambda target: {"key": target},
        lambda target: {target: "value"},
        lambda target: {target},
        lambda target: [[{"deep": (target,)}]],
    ],
)
@pytest.mark.parametrize("fields_before", [0, 3, 20, 70])
def test_a_dropped_object_releases_what_it_held_wherever_it_held_it(place: Any, fields_before: int) -> None:
    @db0.memo
    class Holder:
        def __init__(self) -> None:
            for number in range(fields_before):
                setattr(self, f"field{number}", number)

    target, holder = Thing("target"), keep(Holder())
    holder.last = place(target)
    db0.commit()
    identities = [db0.uuid(target), db0.uuid(holder)]
    assert db0.getrefcount(target) == 1
    db0.tags(holder).remove("kept")
    del target, holder
    gc.collect()
    db0.commit()
    assert gone(*identities)


def test_a_dropped_index_releases_its_members() -> None:
    target, holder = Thing("target"), keep(Thing(db0.index()))
    holder.name.add(1, target)
    db0.commit()
    identity = db0.uuid(target)
    assert db0.getrefcount(target) == 1
    db0.tags(holder).remove("kept")
    del target, holder
    db0.commit()
    assert gone(identity)


def test_a_chain_goes_as_a_whole() -> None:
    first: Any = Thing("last")
    identities = [db0.uuid(first)]
    for number in range(50):
        first = Thing(number, next=first)
        identities.append(db0.uuid(first))
    keep(first)
    db0.commit()
    assert all(map(db0.exists, identities))
    db0.tags(first).remove("kept")
    del first
    db0.commit()
    assert gone(*identities)


def test_objects_that_hold_each_other_stay() -> None:
    one, two = Thing("one"), Thing("two")
    one.other, two.other = two, one  # type: ignore[attr-defined]
    db0.commit()
    identities = [db0.uuid(one), db0.uuid(two)]
    del one, two
    gc.collect()
    db0.commit()
    assert all(map(db0.exists, identities))


def test_a_handle_keeps_an_object_over_commits_usable() -> None:
    thing = Thing(["a"])
    for number in range(3):
        thing.name.append(number)
        db0.commit()
        db0.clear_cache()
    assert thing.name == ["a", 0, 1, 2] and db0.fetch(db0.uuid(thing)) is thing


def test_singletons_and_what_they_hold_stay(root: Path) -> None:
    Strict({"things": [Thing("held")], "colour": Color.RED})
    reopen(root)
    assert Strict().value["things"][0].name == "held"  # type: ignore[call-arg]


def test_handles_of_a_snapshot_neither_drop_nor_keep() -> None:
    thing, held = keep(Thing("a")), Thing("held")
    db0.commit()
    identities = [db0.uuid(thing), db0.uuid(held)]
    with db0.snapshot() as snapshot:
        handles = [snapshot.fetch(identity) for identity in identities]
        del handles[0]
        db0.commit()
        assert all(map(db0.exists, identities))
        del held
        db0.commit()
        assert not gone(identities[0]) and gone(identities[1]) and handles[0].name == "held"


def test_a_reader_drops_nothing(root: Path) -> None:
    thing = keep(Thing("a"))
    loose = Root(Thing("b"))
    db0.commit()
    identities = [db0.uuid(thing), db0.uuid(loose.value)]
    db0.close()
    db0.init(root, prefix="main", read_write=False)
    handles = [db0.fetch(identity) for identity in identities]
    del handles
    db0.commit()
    db0.close()
    db0.init(root, prefix="main")
    assert all(map(db0.exists, identities))


def test_what_a_failed_init_made_is_dropped() -> None:
    made: list[str] = []

    @db0.memo
    class Fails:
        def __init__(self) -> None:
            self.part = Thing("part")
            made.append(db0.uuid(self.part))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Fails()
    gc.collect()
    db0.commit()
    assert gone(*made)

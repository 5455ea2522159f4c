"""Claims of the spec, section 4.7: durable sets of weak references."""

from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Placed, Root, Thing

pytestmark = pytest.mark.usefixtures("root")


def kept(*names: str) -> list[Any]:
    things = [Thing(name) for name in names]
    db0.tags(*things).add("kept")
    return things


def test_members_are_added_found_and_taken_out() -> None:
    one, two, three = kept("one", "two", "three")
    members = db0.weak_set([one, db0.weak_proxy(two)])
    members.add(one)
    assert len(members) == 2 and one in members and two in members and three not in members
    assert {member.name for member in members} == {"one", "two"} and set(members) == {one, two}
    members.discard(three)
    members.remove(one)
    with pytest.raises(KeyError):
        members.remove(one)
    copied = members.copy()
    members.clear()
    assert list(members) == [] and list(copied) == [two]
    assert 3 not in copied and "x" not in copied and [1] not in copied and Thing() not in copied


@pytest.mark.parametrize("bad", [3, "x", None, [1], int])
def test_only_memo_objects_are_accepted(bad: Any) -> None:
    with pytest.raises(RuntimeError, match="weak_set only accepts memo object instances"):
        db0.weak_set().add(bad)


def test_it_persists_and_does_not_hold_its_members(root: Path) -> None:
    things = kept("one", "two")
    Root(db0.weak_set(things))
    assert [db0.getrefcount(thing) for thing in things] == [1, 1]
    del things
    reopen(root)
    members = Root().value
    assert sorted(member.name for member in members) == ["one", "two"]
    assert next(iter(members)) is db0.fetch(db0.uuid(next(iter(members))))


def test_members_that_died_are_no_longer_counted(root: Path) -> None:
    one, two = kept("one", "two")
    members = Root(db0.weak_set([one, two])).value
    db0.commit()
    db0.tags(one).remove("kept")
    db0.delete(one)
    assert len(members) == 1 and list(members) == [two] and one not in members
    db0.tags(two).remove("kept")
    del two
    db0.commit()
    assert len(members) == 0
    reopen(root)
    assert len(Root().value) == 0


def test_members_of_other_prefixes_need_their_prefix(root: Path) -> None:
    far = Placed("far", "other")
    db0.tags(far).add("kept")
    Root(db0.weak_set([*kept("near"), far]))
    reopen(root)
    assert {member.name for member in Root().value} == {"near", "far"}
    db0.close()
    hidden = root / "other.hidden"
    (root / "other.db0").rename(hidden)
    db0.init(root, prefix="main", autocommit=False)
    for ask in (lambda: len(Root().value), lambda: list(Root().value)):
        with pytest.raises(RuntimeError, match="Prefix:"):
            ask()
    hidden.rename(root / "other.db0")
    assert len(Root().value) == 2


def test_a_reverted_change_of_the_set_is_undone() -> None:
    one, two = kept("one", "two")
    members = Root(db0.weak_set([one])).value
    with db0.atomic() as block:
        members.add(two)
        members.discard(one)
        block.cancel()
    assert list(members) == [one]


def test_snapshots_have_the_members_of_then() -> None:
    one, two = kept("one", "two")
    members = Root(db0.weak_set([one])).value
    db0.commit()
    with db0.snapshot() as then:
        members.add(two)
        db0.commit()
        seen = then.fetch(Root).value
        assert [member.name for member in seen] == ["one"] and next(iter(seen)) is then.fetch(db0.uuid(one))

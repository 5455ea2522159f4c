"""Objects of other prefixes in containers (spec 2.9): referred to weakly, as in fields, however large the container."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Placed, Root, Thing

MAKING: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": db0.tuple,
    "dict value": lambda values: dict(enumerate(values)),
    "dict key": lambda values: dict.fromkeys(values, 1),
    "set": set,
    "in tuples": lambda values: [(value, (value, 1)) for value in values],
    "plain tuple": tuple,
}
READING: dict[str, Callable[[Any], list[Any]]] = {
    "list": list,
    "tuple": list,
    "dict value": lambda found: list(found.values()),
    "dict key": list,
    "set": list,
    "in tuples": lambda found: [pair[0] for pair in found],
    "plain tuple": list,
}
both = pytest.mark.parametrize("size", [3, 700], ids=["small", "large"])
each = pytest.mark.parametrize("how", MAKING)


def foreign(count: int) -> list[Any]:
    """Objects of another prefix, each kept there by a tag."""
    found: list[Any] = [Placed(number, "other") for number in range(count)]
    db0.tags(*found).add("kept")
    return found


def names(container: Any, how: str) -> list[Any]:
    return sorted(one.name for one in READING[how](container))


def living() -> int:
    return len(db0.find(Placed, prefix="other"))


@each
@both
def test_elements_of_another_prefix_read_as_the_objects(root: Path, how: str, size: int) -> None:
    found = foreign(size)
    holder = Root(MAKING[how](found))
    assert set(map(id, READING[how](holder.value))) == set(map(id, found))
    db0.commit()
    assert set(map(id, READING[how](holder.value))) == set(map(id, found))
    assert db0.getrefcount(found[0]) == 1
    reopen(root, "other", "main")
    assert names(Root().value, how) == list(range(size))
    del found
    assert living() == size


@each
@both
@pytest.mark.parametrize("loaded", ["stored here", "loaded"])
def test_elements_of_another_prefix_are_not_kept_alive(root: Path, how: str, size: int, loaded: str) -> None:
    found = foreign(size)
    holder = Root(MAKING[how](found))
    db0.commit()
    if loaded == "loaded":
        del found
        reopen(root, "other", "main")
        holder = Root()
        assert names(holder.value, how) == list(range(size))
        found = list(db0.find(Placed, prefix="other"))
    db0.tags(*found).remove("kept")
    identities = {db0.uuid(one) for one in found}
    del found
    db0.commit()
    assert living() == 0
    left = READING[how](holder.value)
    assert all(map(db0.expired, left)) and {db0.uuid(one) for one in left} == identities
    with pytest.raises(db0.ReferenceError):
        _ = left[0].name


@each
def test_expired_elements_are_stored_again_as_they_were(root: Path, how: str) -> None:
    kept_here = [Thing(number) for number in range(5)]
    db0.tags(*kept_here).add("kept")
    found = foreign(2)
    holder = Root(MAKING[how](found))
    db0.commit()
    db0.tags(*found).remove("kept")
    identities = {db0.uuid(one) for one in found}
    del found
    db0.commit()
    holder.value = MAKING[how](READING[how](holder.value))
    db0.commit()
    reopen(root, "other", "main")
    left = READING[how](Root().value)
    assert all(map(db0.expired, left)) and {db0.uuid(one) for one in left} == identities


def test_an_expired_field_into_another_prefix_is_stored_again_as_it_was(root: Path) -> None:
    kept_here = [Thing(number) for number in range(5)]
    db0.tags(*kept_here).add("kept")
    (target,) = foreign(1)
    holder = Root(target)
    db0.commit()
    identity = db0.uuid(target)
    db0.tags(target).remove("kept")
    db0.delete(target)
    del target
    holder.extra = 1
    db0.commit()
    reopen(root, "other", "main")
    assert db0.expired(Root().value) and db0.uuid(Root().value) == identity


@both
def test_elements_of_another_prefix_are_found_and_removed(root: Path, size: int) -> None:
    found = foreign(size)
    holder = Root({"set": set(found), "dict": dict.fromkeys(found, 1), "list": found})
    db0.commit()
    for wanted in (found[0], found[-1]):
        assert wanted in holder.value["set"] and holder.value["dict"][wanted] == 1 and wanted in holder.value["list"]
    reopen(root, "other", "main")
    value, again = Root().value, {one.name: one for one in db0.find(Placed, prefix="other")}
    for wanted in (again[0], again[size - 1]):
        assert wanted in value["set"] and value["dict"].pop(wanted) == 1
        value["set"].remove(wanted)
        value["list"].remove(wanted)
        assert wanted not in value["set"] and wanted not in value["dict"] and wanted not in value["list"]
    db0.commit()
    assert [len(value[name]) for name in ("set", "dict", "list")] == [size - 2] * 3


def test_elements_appended_later_are_weak_too(root: Path) -> None:
    holder = Root([])
    db0.commit()
    (target,) = foreign(1)
    holder.value.append(target)
    db0.commit()
    db0.tags(target).remove("kept")
    del target
    db0.commit()
    assert living() == 0 and db0.expired(holder.value[0])


def test_elements_held_by_python_code_stay(root: Path) -> None:
    holder = Root(found := foreign(3))
    db0.commit()
    db0.tags(*found).remove("kept")
    mine, identities = found[1], [db0.uuid(one) for one in found]
    del found
    db0.commit()
    assert [db0.exists(identity) for identity in identities] == [False, True, False]
    assert holder.value[1] is mine and mine.name == 1

"""Claims of the spec, section 2.13, and dataclasses that are frozen or have slots."""

import dataclasses
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen

pytestmark = pytest.mark.usefixtures("root")


@db0.memo
@dataclass(frozen=True)
class Frozen:
    name: str
    size: int = 2
    tags: list[str] = field(default_factory=list)
    made: str = field(init=False, default="by init")
    seen: list[int] = field(init=False, default_factory=list)


@db0.memo
@dataclass(slots=True)
class Slotted:
    name: str
    size: int = 2
    tags: list[str] = field(default_factory=list)

    def double(self) -> int:
        return self.size * 2


@db0.memo
@dataclass(frozen=True, slots=True)
class Both:
    name: str
    size: int = 2


@db0.memo
@dataclass
class Posted:
    name: str
    factor: InitVar[int] = 2
    size: int = 1
    _X__lock: Any = field(default_factory=Lock, compare=False)

    def __post_init__(self, factor: int) -> None:
        self.size *= factor


def keep(obj: Any) -> Any:
    db0.tags(obj).add("kept")
    return obj


@pytest.mark.parametrize("cls", [Frozen, Slotted, Both])
def test_arguments_and_defaults_are_those_of_the_dataclass(root: Path, cls: Any) -> None:
    obj = keep(cls("a", size=3))
    assert (obj.name, obj.size, cls("b").size) == ("a", 3, 2)
    with pytest.raises(TypeError):
        cls()
    with pytest.raises(TypeError):
        cls("a", nothing=1)
    reopen(root)
    (obj,) = db0.find("kept")
    assert type(obj) is cls and (obj.name, obj.size) == ("a", 3)


@pytest.mark.parametrize("cls", [Frozen, Both])
def test_fields_of_a_frozen_one_cannot_be_assigned_or_deleted(root: Path, cls: Any) -> None:
    obj = keep(cls("a"))
    for again in (False, True):
        if again:
            reopen(root)
            (obj,) = db0.find("kept")
        with pytest.raises(dataclasses.FrozenInstanceError):
            obj.name = "b"
        with pytest.raises(dataclasses.FrozenInstanceError):
            del obj.name
        assert obj.name == "a"


def test_factories_and_fields_outside_of_init_work_in_a_frozen_one(root: Path) -> None:
    obj = keep(Frozen("a", tags=["x"]))
    assert obj.tags == ["x"] and Frozen("b").tags == [] and obj.made == "by init" and obj.seen == []
    obj.tags.append("y")
    reopen(root)
    assert next(iter(db0.find("kept"))).tags == ["x", "y"]


def test_equal_frozen_ones_are_equal_and_hash_alike() -> None:
    one, same, other = Both("a"), Both("a"), Both("b")
    assert one == same != other and hash(one) == hash(same) and len({one, same}) == 1


def test_replace_and_fields_work() -> None:
    assert dataclasses.replace(Both("a"), size=9) == Both("a", 9)
    assert [one.name for one in dataclasses.fields(Slotted)] == ["name", "size", "tags"]
    assert dataclasses.asdict(Both("a")) == {"name": "a", "size": 2} and "Both(name='a', size=2)" in repr(Both("a"))


def test_a_slotted_one_keeps_methods_and_takes_further_fields() -> None:
    obj = Slotted("a")
    obj.size = 5
    obj.more = 1  # type: ignore[attr-defined]
    assert obj.double() == 10 and dict(vars(obj)) == {"name": "a", "size": 5, "tags": [], "more": 1}


def test_post_init_and_its_variables_work() -> None:
    @db0.memo
    @dataclass(frozen=True)
    class FrozenPosted:
        name: str
        seen: list[int]
        factor: InitVar[int] = 3

        def __post_init__(self, factor: int) -> None:
            self.seen.append(factor)

    assert FrozenPosted("a", []).seen == [3] and FrozenPosted("a", [], 7).seen == [7]
    assert Posted("a").size == 2 and Posted("a", 5, 2).size == 10


def test_post_init_does_not_run_again_and_hidden_members_are_not_stored(root: Path) -> None:
    obj = keep(Posted("a"))
    assert obj._X__lock.acquire(blocking=False) and "_X__lock" not in vars(obj)
    reopen(root)
    (obj,) = db0.find("kept")
    assert obj.size == 2 and not hasattr(obj, "_X__lock")


def test_a_frozen_class_derives_from_a_frozen_one() -> None:
    @db0.memo
    @dataclass(frozen=True)
    class Derived(Frozen):
        extra: str = "e"

    obj = Derived("a", extra="x")
    assert (obj.name, obj.size, obj.extra) == ("a", 2, "x") and isinstance(obj, Frozen)
    with pytest.raises(dataclasses.FrozenInstanceError):
        obj.extra = "y"  # type: ignore[misc]


def test_a_frozen_class_with_declared_fields_is_found_by_them() -> None:
    @db0.memo
    @db0.tag_fields("status")
    @db0.indexed_fields("rank")
    @dataclass(frozen=True, eq=False)
    class Declared:
        status: Any
        rank: int

    obj = Declared("open", 3)
    assert list(db0.find(Declared, "open")) == [obj] and len(db0.index_of(Declared, "rank")) == 1
    with pytest.raises(TypeError, match="scalar"):
        Declared(5, 3)
    assert len(db0.find(Declared)) == 1


def test_value_equality_is_that_of_the_dataclass_unless_switched_off() -> None:
    @db0.memo
    @dataclass(eq=False)
    class Own:
        name: str

    assert Posted("a", _X__lock=None) == Posted("a", _X__lock=None) and Own("a") != Own("a")

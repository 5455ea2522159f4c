"""Claims of the spec, section 2.14: methods that give a stored singleton the fields that it lacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Thing


class First:
    def __init__(self, *_: object) -> None:
        self.first = "init"


class Second:
    runs: list[str]

    def __init__(self, *_: object) -> None:
        self.first = self.second = self.third = self.fourth = "init"

    @db0.migration
    def add_second(self) -> None:
        self.runs.append("second")
        self.second = self.first + "+"
        if self.first:
            self.third = 3

    @db0.migration
    def add_fourth(self) -> None:
        self.runs.append("fourth")
        self.fourth = [Thing("new")]


class Failing(Second):
    @db0.migration
    def add_second(self) -> None:
        self.second = Thing("half")
        db0.tags(self).add("half")
        raise LookupError("the migration failed")


def singleton(base: type, **options: Any) -> Any:
    """A singleton class with the members of `base`, another definition of the one that the prefix knows."""
    made = type("Settings", (base,), {"runs": [], "__module__": __name__})
    return db0.memo(singleton=True, id="test:migrated", **options)(made)


def stored(**options: Any) -> None:
    singleton(First, **options)("older")


def test_opening_the_singleton_by_its_constructor_fills_the_missing_fields_once(root: Path) -> None:
    stored()
    reopen(root)
    new = singleton(Second)
    found = new()
    assert (found.first, found.second, found.third) == ("init", "init+", 3)
    assert [one.name for one in found.fourth] == ["new"] and sorted(new.runs) == ["fourth", "second"]
    assert new() is found and len(new.runs) == 2
    reopen(root)
    assert new().second == "init+" and new().fourth[0].name == "new" and len(new.runs) == 2


def test_a_class_redefined_while_the_prefix_is_open_migrates_too(root: Path) -> None:
    old = singleton(First)
    made = old()
    new = singleton(Second)
    assert new() is made and made.second == "init+" and isinstance(made, new)


@pytest.mark.parametrize("get", [lambda cls: db0.fetch(cls), lambda cls: db0.find_singleton(cls)])
def test_fetching_does_not_migrate(root: Path, get: Callable[[Any], Any]) -> None:
    stored()
    reopen(root)
    new = singleton(Second)
    assert not hasattr(get(new), "second") and new.runs == []


def test_only_the_methods_with_missing_fields_run(root: Path) -> None:
    stored()
    reopen(root)
    new = singleton(Second)
    db0.fetch(new).fourth = "here already"
    assert new().fourth == "here already" and new.runs == ["second"]


def test_one_missing_field_of_several_is_enough(root: Path) -> None:
    stored()
    reopen(root)
    new = singleton(Second)
    found = db0.fetch(new)
    found.second, found.fourth = "kept until now", None
    assert new().second == "init+" and new().third == 3 and new.runs == ["second"]


def test_a_new_instance_is_made_by_init_alone(root: Path) -> None:
    new = singleton(Second)
    assert new().second == "init" and new.runs == []
    db0.delete(new())
    assert new().fourth == "init" and new.runs == []


def test_two_methods_for_one_field_are_refused() -> None:
    class Twice:
        @db0.migration
        def one(self) -> None:
            self.field = 1

        @db0.migration
        def two(self) -> None:
            self.field = 2

    with pytest.raises(RuntimeError, match="Duplicate migration"):
        singleton(Twice)


def test_a_method_that_overrides_a_migration_takes_its_place(root: Path) -> None:
    class Third(Second):
        @db0.migration
        def add_second(self) -> None:
            self.second = self.third = "overridden"

    stored()
    reopen(root)
    assert singleton(Third)().third == "overridden"


def test_a_scoped_singleton_migrates_in_its_prefix(root: Path) -> None:
    stored(prefix="elsewhere")
    reopen(root)
    found = singleton(Second, prefix="elsewhere")()
    assert found.second == "init+" and db0.get_prefix_of(found).name == "elsewhere"


def test_a_singleton_that_chooses_its_prefix_migrates_there(root: Path) -> None:
    class Placed(First):
        def __init__(self, prefix: str | None = "chosen") -> None:
            db0.set_prefix(self, prefix)
            self.first = "init"

    class Later(Second):
        def __init__(self, prefix: str | None = "chosen") -> None:
            db0.set_prefix(self, prefix)
            super().__init__()

    singleton(Placed)()
    singleton(Placed)("other")
    reopen(root)
    new = singleton(Later)
    assert new().second == "init+" and len(new.runs) == 2
    assert not hasattr(db0.fetch(new, prefix="other"), "second")
    assert new("other").second == "init+" and len(new.runs) == 4


def test_a_read_only_prefix_gives_the_instance_as_it_is(root: Path) -> None:
    stored()
    db0.close()
    db0.init(root, prefix="main", read_write=False)
    new = singleton(Second)
    assert not hasattr(new(), "second") and new.runs == []


def test_a_failing_migration_leaves_nothing_behind(root: Path) -> None:
    stored()
    reopen(root)
    new = singleton(Failing)
    for _ in range(2):
        with pytest.raises(LookupError, match="the migration failed"):
            new()
    assert vars(db0.fetch(new)) == {"first": "init"} and len(db0.find("half")) == 0
    db0.commit()
    assert len(db0.find(Thing)) == 0
    assert vars(db0.fetch(new)) == {"first": "init"}


def test_a_migration_in_a_cancelled_block_is_undone_and_runs_again(root: Path) -> None:
    stored()
    reopen(root)
    new = singleton(Second)
    with db0.atomic() as block:
        assert new().second == "init+"
        block.cancel()
    assert not hasattr(db0.fetch(new), "second")
    assert new().second == "init+" and len(new.runs) == 4

"""Claims of the spec, sections 2.7 and 2.8: singletons, and classes bound to prefixes."""

from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Placed, PlacedRoot, Root, Scoped, ScopedRoot, Strict, Thing

pytestmark = pytest.mark.usefixtures("root")


def test_calling_a_singleton_again_returns_the_instance_and_ignores_arguments() -> None:
    first = Strict(1)
    assert Strict(2) is first and Strict() is first and first.value == 1  # type: ignore[call-arg]


def test_a_singleton_lives_without_references(root: Path) -> None:
    Strict(5)
    db0.commit()
    reopen(root)
    assert Strict().value == 5  # type: ignore[call-arg]


def test_there_is_one_instance_a_prefix() -> None:
    main = Strict("main")
    db0.open("other")
    other = Strict("other")
    assert main is not other and db0.fetch(Strict) is other
    assert db0.fetch(Strict, prefix="main") is main


def test_fetch_exists_and_find_singleton_of_a_missing_one() -> None:
    assert not db0.exists(Strict) and db0.find_singleton(Strict) is None
    with pytest.raises(RuntimeError, match="Class not found"):
        db0.fetch(Strict)
    made = Strict(1)
    assert db0.exists(Strict) and db0.find_singleton(Strict) is made and db0.fetch(Strict) is made


def test_a_class_that_is_no_singleton_cannot_be_fetched() -> None:
    Thing()
    with pytest.raises(RuntimeError):
        db0.fetch(Thing)
    assert not db0.exists(Thing)


def test_a_deleted_singleton_is_made_anew_with_the_arguments_given(root: Path) -> None:
    first = Strict(1)
    db0.commit()
    db0.delete(first)
    with pytest.raises(TypeError):
        Strict()  # type: ignore[call-arg]
    assert Strict(2).value == 2
    reopen(root)
    assert Strict().value == 2  # type: ignore[call-arg]


def test_is_singleton_asks_the_class() -> None:
    assert db0.is_singleton(Strict(1)) and not db0.is_singleton(Thing())
    with pytest.raises(TypeError):
        db0.is_singleton(3)


def test_read_only_prefixes_give_the_existing_instance_and_make_none(root: Path) -> None:
    Strict(1)
    db0.close()
    db0.init(root, prefix="main", read_write=False)
    assert Strict().value == 1  # type: ignore[call-arg]
    with pytest.raises(RuntimeError, match="read-only"):
        Root()


def test_a_failed_init_leaves_no_singleton() -> None:
    @db0.memo(singleton=True)
    class Fragile:
        def __init__(self, fail: bool) -> None:
            if fail:
                raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Fragile(True)
    assert not db0.exists(Fragile)
    assert Fragile(False) is Fragile(True)


# -- static scope ------------------------------------------------------------------------------------------


def test_instances_of_a_scoped_class_live_in_its_prefix(root: Path) -> None:
    scoped = Scoped("a")
    assert db0.get_prefix_of(scoped).name == "elsewhere" == db0.get_prefix_of(Scoped).name
    assert db0.get_current_prefix().name == "main"
    db0.tags(scoped).add("kept")
    identity = db0.uuid(scoped)
    reopen(root)
    assert db0.fetch(identity).name == "a"
    assert [found.name for found in db0.find(Scoped)] == ["a"]


def test_the_prefix_of_an_unscoped_class_is_refused() -> None:
    with pytest.raises(TypeError):
        db0.get_prefix_of(Thing)


def test_a_scoped_singleton_is_found_from_any_prefix(root: Path) -> None:
    made = ScopedRoot(1)
    assert db0.get_prefix_of(made).name == "elsewhere"
    db0.open("third")
    assert ScopedRoot() is made and db0.fetch(ScopedRoot) is made
    reopen(root)
    assert db0.fetch(ScopedRoot).value == 1


def test_a_scoped_class_can_be_stored_in_its_prefix_only() -> None:
    scoped = Scoped()
    scoped.cls = Scoped  # type: ignore[attr-defined]
    thing = Thing()
    with pytest.raises(AttributeError, match="elsewhere"):
        thing.cls = Scoped


# -- dynamic scope -----------------------------------------------------------------------------------------


def test_set_prefix_chooses_where_an_object_lives(root: Path) -> None:
    placed, here = Placed("a", "second"), Placed("b")
    assert db0.get_prefix_of(placed).name == "second" and db0.get_prefix_of(here).name == "main"
    assert db0.get_current_prefix().name == "main"
    db0.tags(placed, here).add("kept")
    identities = [db0.uuid(placed), db0.uuid(here)]
    reopen(root)
    assert [db0.fetch(identity).name for identity in identities] == ["a", "b"]


def test_set_prefix_must_be_first_and_inside_of_init() -> None:
    @db0.memo
    class Late:
        def __init__(self) -> None:
            self.x = 1
            db0.set_prefix(self, "second")

    with pytest.raises(RuntimeError, match="must be called before initializing any object members"):
        Late()
    with pytest.raises(RuntimeError, match="object already initialized"):
        db0.set_prefix(Thing(), "second")


def test_a_dynamic_prefix_overrides_the_static_one() -> None:
    @db0.memo(prefix="elsewhere")
    class Both:
        def __init__(self, prefix: str | None) -> None:
            db0.set_prefix(self, prefix)

    assert db0.get_prefix_of(Both("second")).name == "second"
    assert db0.get_prefix_of(Both(None)).name == "main"


@pytest.mark.parametrize(
    ("args", "kwargs", "prefix"),
    [((1,), {}, "placed"), ((1, "p"), {}, "p"), ((1,), {"prefix": "k"}, "k"), ((1, None), {}, "main")],
)
def test_a_singletons_prefix_is_learned_from_its_arguments(args: Any, kwargs: Any, prefix: str) -> None:
    made = PlacedRoot(*args, **kwargs)
    assert db0.get_prefix_of(made).name == prefix
    assert PlacedRoot(*args, **kwargs) is made


def test_an_existing_singletons_other_arguments_may_be_missing_and_init_does_not_run() -> None:
    made = PlacedRoot(1, prefix="p")
    assert PlacedRoot(prefix="p") is made  # type: ignore[call-arg]
    assert made.value == 1
    assert PlacedRoot(2).value == 2


def test_dynamic_scope_works_while_the_current_prefix_is_read_only(root: Path) -> None:
    db0.close()
    db0.init(root, prefix="main", read_write=False)
    placed = Placed("a", "second")
    assert placed.name == "a" and db0.get_prefix_of(placed).name == "second"
    with pytest.raises(RuntimeError, match="read-only"):
        Placed("b")

"""Claims of the spec, section 4.9: changed declarations are applied to stored objects, or wait to be."""

from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import by_key, define, found, keep, reopen

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A class name of its own for each test."""
    return f"Migrated_{request.node.name}"


@pytest.mark.parametrize("attach", ["construct", "find", "index_of", "assign", "migrate"])
def test_new_declarations_are_applied_to_stored_objects_when_the_class_is_next_used(
    root: Path, name: str, attach: str
) -> None:
    old = define(name)
    first = keep(old(name="a", status="open", rank=2), old(name="b", status="open", rank=1), old(name="bare"))
    identity = db0.uuid(first)
    del first
    reopen(root)
    new = define(name, tags=("status",), indexes=("rank",))
    if attach == "construct":
        new(name="other")
    elif attach == "find":
        assert found(new, "open") == {"a", "b"}
    elif attach == "index_of":
        assert len(db0.index_of(new, "rank")) == 2
    elif attach == "assign":
        db0.fetch(identity).status = "open"
    else:
        db0.migrate(new)
    reopen(root)
    assert found("kept", "open") == {"a", "b"} and by_key(new, "rank") == ["b", "a"]


def test_removed_declarations_remove_tags_and_indexes_and_their_handles(root: Path, name: str) -> None:
    old = define(name, tags=("status",), indexes=("rank",))
    keep(old(name="a", status="open", rank=2))
    index = db0.index_of(old, "rank")
    new = define(name)
    assert found(new, "open") == set()
    with pytest.raises(db0.ReferenceError):
        len(index)
    with pytest.raises(RuntimeError):
        db0.index_of(new, "rank")
    reopen(root)
    assert found(new) == {"a"} and found("kept", "open") == set()


def test_declarations_removed_in_another_process_are_removed_here(root: Path, name: str) -> None:
    from perdure.declared import stored

    old = define(name, tags=("status",))
    keep(old(name="a", status="open"))
    db0.close()
    stored.ever_kept.discard(f"declared:{name}")  # as in a process that has just started
    new = define(name)
    db0.init(root, prefix="main", autocommit=False)
    new(name="b", status="open")
    assert found(new, "open") == set()


def test_a_class_that_comes_after_the_prefix_was_opened_tidies_up_too(root: Path, name: str) -> None:
    keep(define(name, tags=("status",))(name="a", status="open"))
    reopen(root)
    assert found(define(name), "open") == set()


def test_a_tag_field_replaced_by_another_with_the_same_value_keeps_the_tag(name: str) -> None:
    keep(define(name, tags=("old",))(name="a", old="x", new="x"))
    new = define(name, tags=("new",))
    assert found(new, "x") == {"a"}
    (obj,) = db0.find(new)
    obj.old = "y"
    assert found(new, "x") == {"a"} and found(new, "y") == set()


def test_objects_of_an_earlier_definition_follow_the_newest(name: str) -> None:
    obj = keep(define(name)(name="a", status="open"))
    new = define(name, tags=("status",))
    assert found(new, "open") == {"a"}
    obj.status = "done"
    assert found(new, "done") == {"a"} and found(new, "open") == set()


def test_a_field_indexed_again_gets_a_new_index(name: str) -> None:
    keep(define(name, indexes=("rank",))(name="a", rank=1))
    assert found(define(name)) == {"a"}
    again = define(name, indexes=("rank",))
    assert by_key(again, "rank") == ["a"]


# -- explicit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["init", "open", "init alias", "open alias"])
def test_without_automatic_migration_construction_is_refused_and_the_old_declaration_holds(
    root: Path, name: str, where: str
) -> None:
    old = define(name, tags=("old",), indexes=("rank",))
    keep(old(name="a", old="x", new="y", rank=1))
    db0.close()
    option = {"no_auto_migration" if "alias" in where else "no_auto_migrate": True}
    db0.init(root, autocommit=False, **(option if "init" in where else {}))  # type: ignore[arg-type]
    db0.open("main", **(option if "open" in where else {}))  # type: ignore[arg-type]
    new = define(name, tags=("new",))
    with pytest.raises(db0.MigrateError, match="migrate"):
        new(name="b")
    assert issubclass(db0.MigrateError, RuntimeError)
    assert found(new, "x") == {"a"} and found(new, "y") == set()
    (obj,) = db0.find(new)
    obj.old, obj.new = "x2", "y2"
    assert found(new, "x2") == {"a"} and found(new, "y2") == set()
    db0.migrate(new)
    assert found(new, "y2") == {"a"} and found(new, "x2") == set()
    keep(new(name="b", new="y2"))
    assert found(new, "y2") == {"a", "b"}


def test_an_index_that_waits_for_a_migration_says_so(root: Path, name: str) -> None:
    keep(define(name)(name="a", rank=1))
    reopen(root, no_auto_migrate=True)
    new = define(name, indexes=("rank",))
    with pytest.raises(db0.MigrateError, match="migrate"):
        db0.index_of(new, "rank")
    db0.migrate(new)
    assert by_key(new, "rank") == ["a"]


def test_migrating_a_derived_class_includes_its_bases(root: Path, name: str) -> None:
    base = define(name)
    derived = define(f"{name}_derived", base=base)
    keep(derived(name="d", kind="k", shade="s"), base(name="b", kind="k"))
    reopen(root, no_auto_migrate=True)
    base = define(name, tags=("kind",))
    derived = define(f"{name}_derived", tags=("shade",), base=base)
    db0.migrate(derived)
    assert found(base, "k") == {"d", "b"} and found(derived, "s") == {"d"}
    keep(base(name="new", kind="k"))
    assert found(base, "k") == {"d", "b", "new"}


@pytest.mark.parametrize("first", [0, 1])
def test_the_order_in_which_base_and_derived_class_are_migrated_does_not_matter(
    root: Path, name: str, first: int
) -> None:
    base = define(name, tags=("a", "b"))
    derived = define(f"{name}_derived", tags=("c",), base=base)
    keep(derived(name="d", a="1", b="2", c="3"), base(name="b", a="1", b="2", c="3"))
    reopen(root, no_auto_migrate=True)
    base = define(name, tags=("b",))
    derived = define(f"{name}_derived", tags=("c", "a"), base=base)
    for cls in ((base, derived), (derived, base))[first]:
        db0.migrate(cls)
    assert found(base, "1") == {"d"} and found(base, "2") == {"d", "b"} and found(base, "3") == {"d"}


def test_a_declaration_moved_to_the_base_keeps_the_tags_of_the_derived_objects(name: str) -> None:
    base = define(name)
    derived = define(f"{name}_derived", tags=("kind",), base=base)
    keep(derived(name="d", kind="k"), base(name="b", kind="k"))
    base = define(name, tags=("kind",))
    derived = define(f"{name}_derived", base=base)
    assert found(derived, "k") == {"d"} and found(base, "k") == {"d", "b"}


@pytest.mark.parametrize("value", [int, db0.MigrateError, "Note", None])
def test_migrate_takes_memo_classes(value: Any) -> None:
    with pytest.raises(TypeError):
        db0.migrate(value)


@pytest.mark.parametrize("kinds", [{"tags": ("good", "bad")}, {"indexes": ("good", "bad")}])
def test_a_value_that_does_not_fit_undoes_the_whole_migration(root: Path, name: str, kinds: Any) -> None:
    old = define(name, tags=("old",))
    keep(
        old(name="a", old="o", good="g", bad="x"),
        old(name="b", old="o", good="g", bad=["no tag"]),
    )
    db0.commit()
    new = define(name, **kinds)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            db0.migrate(new)
        with pytest.raises(RuntimeError):
            new(name="c")
    again = define(name, tags=("old",))
    assert found(again, "o") == {"a", "b"} and found(again, "g") == set()
    assert {obj.name for obj in db0.find("kept")} == {"a", "b"}
    reopen(root)
    assert found(again, "o") == {"a", "b"}


def test_mixed_key_types_undo_the_migration(name: str) -> None:
    keep(define(name)(name="a", rank=1), define(name)(name="b", rank="x"))
    with pytest.raises(RuntimeError, match="type int"):
        db0.index_of(define(name, indexes=("rank",)), "rank")
    assert found(define(name)) == {"a", "b"}


def test_a_migration_inside_of_a_reverted_block_is_reverted(name: str) -> None:
    keep(define(name)(name="a", status="open"))
    db0.commit()
    new = define(name, tags=("status",))
    with db0.atomic() as block:
        assert found(new, "open") == {"a"}
        block.cancel()
    assert {obj.name for obj in db0.find("kept", "open")} == set()
    assert found(new, "open") == {"a"}


def test_objects_without_type_tags_are_migrated_too(name: str) -> None:
    def make(*tags: str) -> Any:
        plain = db0.tag_fields(*tags)(define(name).__mro__[1])
        return db0.memo(id=f"declared:{name}:quiet", no_default_tags=True)(plain)

    quiet = make()
    keep(quiet(name="a", status="open"))
    hidden = quiet(name="b", status="open")
    new = make("status")
    assert found(new, "open") == {"a"}
    db0.tags(hidden).add("seen")
    assert found(new, "open") == {"a", "b"}


def test_many_objects_are_migrated() -> None:
    old = define("MigratedMany")
    keep(*(old(name=number, rank=number % 7, status="even" if number % 2 == 0 else "odd") for number in range(2500)))
    db0.commit()
    db0.clear_cache()
    new = define("MigratedMany", tags=("status",), indexes=("rank",))
    assert len(db0.find(new, "even")) == 1250
    assert len(db0.find(new, db0.index_of(new, "rank").select(0, 0))) == 358


def test_a_query_for_a_class_without_objects_stores_nothing(root: Path, name: str) -> None:
    db0.commit()
    before = db0.get_state_num(finalized=True)
    declaring = define(name, tags=("status",), indexes=("rank",))
    for _ in range(2):
        assert found(declaring, "open") == set() == found(declaring)
        db0.commit()
        assert db0.get_state_num(finalized=True) == before
    kept = keep(declaring(name="a", status="open", rank=1))
    db0.commit()
    assert found(declaring, "open") == {"a"} and by_key(declaring, "rank") == ["a"]
    db0.tags(kept).remove("kept")

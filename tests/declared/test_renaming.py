"""Claims of the spec, section 4.10."""

from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import by_key, define, found, keep, reopen

pytestmark = pytest.mark.usefixtures("root")


def test_stored_and_loaded_objects_have_the_new_name_only(root: Path) -> None:
    cls = define("Renamed")
    derived = define("RenamedDerived", base=cls)
    obj = keep(cls(name="a", titel="x"), derived(name="b", titel=["y"]), cls(name="c"))
    db0.commit()
    db0.clear_cache()
    db0.rename_field(cls, "titel", "title")
    assert obj.title == "x"
    with pytest.raises(AttributeError):
        obj.titel
    reopen(root)
    assert {one.name: dict(vars(one)) for one in db0.find(cls)} == {
        "a": {"name": "a", "title": "x"},
        "b": {"name": "b", "title": ["y"]},
        "c": {"name": "c"},
    }


def test_repeating_is_silent_and_unknown_names_are_refused() -> None:
    cls = define("RenamedTwice")
    keep(cls(name="a", old=1))
    db0.rename_field(cls, "old", "new")
    db0.rename_field(cls, "old", "new")
    db0.rename_field(cls, "new", "new")
    with pytest.raises(RuntimeError, match="nothing"):
        db0.rename_field(cls, "nothing", "new")
    db0.rename_field(cls, "nothing", "new", False)
    (obj,) = db0.find(cls)
    assert obj.new == 1


@pytest.mark.parametrize("arguments", [(dict, "a", "b"), ("Task", "a", "b"), (define, "a", "b")])
def test_the_class_is_a_memo_class(arguments: Any) -> None:
    with pytest.raises(TypeError):
        db0.rename_field(*arguments)


@pytest.mark.parametrize(
    ("names", "error"), [((1, "b"), TypeError), (("a", None), TypeError), (("a", "_X__b"), RuntimeError)]
)
def test_names_are_those_of_stored_fields(names: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        db0.rename_field(define("RenamedBadly"), *names)


def test_an_object_with_both_names_undoes_everything() -> None:
    cls = define("RenamedBoth")
    first = keep(cls(name="a", old=1), cls(name="b", old=1, new=2))
    with pytest.raises(RuntimeError, match="both"):
        db0.rename_field(cls, "old", "new")
    assert first.old == 1 and not hasattr(first, "new")


def test_tags_and_indexes_go_with_the_field(root: Path) -> None:
    cls = define("RenamedDeclared", tags=("state",), indexes=("number",))
    obj = keep(cls(name="a", state="open", number=2), cls(name="b", state="open", number=1))
    index = db0.index_of(cls, "number")
    db0.rename_field(cls, "number", "rank")
    db0.rename_field(cls, "state", "status")
    assert db0.index_of(cls, "rank") is index and by_key(cls, "rank") == ["b", "a"]
    assert found(cls, "open") == {"a", "b"}
    obj.status, obj.rank = "done", 0
    assert found(cls, "open") == {"b"} and by_key(cls, "rank") == ["a", "b"]
    reopen(root, no_auto_migrate=True)
    cls = define("RenamedDeclared", tags=("status",), indexes=("rank",))
    keep(cls(name="c", status="open", rank=3))
    assert found(cls, "open") == {"b", "c"} and by_key(cls, "rank") == ["a", "b", "c"]


def test_weak_fields_stay_weak() -> None:
    cls = define("RenamedWeak")
    target = cls(name="target")
    obj = keep(cls(name="a", old=db0.weak_proxy(target)))
    db0.commit()
    db0.rename_field(cls, "old", "new")
    db0.commit()
    assert obj.new is target and db0.getrefcount(target) == 0
    del target
    db0.commit()
    assert db0.expired(obj.new)


def test_new_objects_that_assign_the_old_name_have_it() -> None:
    cls = define("RenamedLater")
    keep(cls(name="a", old=1))
    db0.rename_field(cls, "old", "new")
    assert vars(cls(name="b", old=2)) == {"name": "b", "old": 2}


def test_a_snapshot_from_before_has_the_old_name_and_a_reverted_block_too() -> None:
    cls = define("RenamedInBlock")
    obj = keep(cls(name="a", old=1))
    db0.commit()
    with db0.atomic() as block:
        db0.rename_field(cls, "old", "new")
        assert obj.new == 1
        block.cancel()
    assert obj.old == 1
    before = db0.get_state_num(finalized=True)
    db0.rename_field(cls, "old", "new")
    db0.commit()
    with db0.snapshot(before) as snapshot:
        assert snapshot.fetch(db0.uuid(obj)).old == 1

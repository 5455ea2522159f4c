"""Claims of the spec, section 4.9: tag fields."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.declared.declarations import effective

from .conftest import define, found, keep, reopen

pytestmark = pytest.mark.usefixtures("root")

Shade = db0.enum("TagFieldShade", ["DARK", "LIGHT"])


@db0.memo
@db0.tag_fields("status", "owner")
class Task:
    def __init__(self, name: str, status: object = None, owner: object = None) -> None:
        self.name = name
        self.status = status
        self.owner = owner


@db0.memo
class User:
    def __init__(self, name: str) -> None:
        self.name = name


def test_the_value_is_a_tag_of_the_object(root: Path) -> None:
    keep(Task("a", "open"), Task("b", "done"))
    assert found(Task, "open") == {"a"} and found(Task, "done") == {"b"}
    reopen(root)
    assert found(Task, "open") == {"a"}


def test_the_decorator_works_above_and_below_memo_is_repeatable_and_drops_doubles() -> None:
    @db0.tag_fields("c", "a")
    @db0.memo
    @db0.tag_fields("b")
    @db0.tag_fields("a")
    class Above:
        def __init__(self, name: str, **fields: object) -> None:
            self.name = name
            for field, value in fields.items():
                setattr(self, field, value)

    assert effective(Above).tags == ("a", "b", "c")
    keep(Above("x", a="1", c="2"))
    assert found(Above, "1") == found(Above, "2") == {"x"}


def test_on_a_plain_class_it_only_records() -> None:
    @db0.tag_fields("a")
    class Plain:
        a: object = None

    plain = Plain()
    plain.a = 3
    assert effective(Plain).tags == ("a",)


@pytest.mark.parametrize("decorator", [db0.tag_fields, db0.indexed_fields])
@pytest.mark.parametrize("name", [3, None, b"x"])
def test_names_are_texts(decorator: Any, name: Any) -> None:
    with pytest.raises(TypeError):
        decorator(name)


def test_a_field_that_is_never_stored_cannot_be_declared() -> None:
    with pytest.raises(RuntimeError, match="never stored"):
        db0.tag_fields("_X__cache")


@pytest.mark.parametrize("value", ["text", "", Shade.LIGHT])
def test_texts_and_enum_values_are_tags(value: Any) -> None:
    keep(Task("a", value), Task("b", "other"))
    assert found(Task, value) == {"a"}


def test_a_memo_object_is_its_object_tag() -> None:
    ann = User("ann")
    keep(Task("a", owner=ann), Task("b", owner=User("bob")))
    assert found(Task, db0.as_tag(ann)) == {"a"}


def test_a_weak_reference_is_the_tag_of_its_object_and_does_not_hold_it() -> None:
    ann = User("ann")
    task = keep(Task("a", owner=db0.weak_proxy(ann)))
    assert found(Task, db0.as_tag(ann)) == {"a"} and task.owner is ann and db0.getrefcount(ann) == 0


def test_none_is_no_tag() -> None:
    task = keep(Task("a", None))
    assert found(Task, "None") == set() and db0.getrefcount(task) == 1


@pytest.mark.parametrize("value", [1, 1.5, True, b"x", ["a"], ("a",), {"a"}, {"a": 1}, Task, range(3), iter("ab")])
def test_other_values_are_refused_and_nothing_changes(value: Any) -> None:
    task = keep(Task("a", "open"))
    with pytest.raises(TypeError, match="scalar"):
        task.status = value
    assert task.status == "open" and found(Task, "open") == {"a"}
    with pytest.raises(TypeError, match="scalar"):
        Task("b", value)
    assert found(Task) == {"a"}


def test_a_query_is_refused() -> None:
    task = Task("a", "open")
    with pytest.raises(TypeError, match="scalar"):
        task.status = db0.find("x")


def test_an_explicit_tag_cannot_be_a_field() -> None:
    task = keep(Task("a", "open"))
    with pytest.raises(AttributeError):
        task.status = db0.as_tag(task)
    assert task.status == "open" and found(Task, "open") == {"a"}


def test_an_assignment_changes_the_tag_and_a_deletion_removes_it() -> None:
    task = keep(Task("a", "open"))
    task.status = "done"
    assert found(Task, "open") == set() and found(Task, "done") == {"a"}
    task.status = "open"
    task.status = "done"
    assert found(Task, "open") == set() and found(Task, "done") == {"a"}
    del task.status
    assert found(Task, "done") == set()
    task.status = "again"
    assert found(Task, "again") == {"a"}


def test_of_what_init_assigns_the_last_value_counts_and_is_seen_when_it_has_ended() -> None:
    seen: list[int] = []

    @db0.memo
    @db0.tag_fields("status")
    class Slow:
        def __init__(self) -> None:
            self.status = "first"
            self.status = "second"
            seen.append(len(db0.find(Slow, ["first", "second"])))

    slow = Slow()
    assert seen == [0] and list(db0.find(Slow, "second")) == [slow] and not db0.find(Slow, "first")


def test_a_failed_init_leaves_no_tag() -> None:
    @db0.memo
    @db0.tag_fields("status")
    class Fragile:
        def __init__(self) -> None:
            self.status = "broken"
            db0.materialized(self)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Fragile()
    assert not db0.find(Fragile) and not db0.find(Fragile, "broken")


def test_the_tags_do_not_keep_the_object() -> None:
    task = Task("a", "open")
    db0.commit()
    identity = db0.uuid(task)
    assert db0.getrefcount(task) == 0
    del task
    db0.commit()
    assert not db0.exists(identity) and found(Task, "open") == set()


def test_a_tag_also_added_by_hand_goes_with_the_field() -> None:
    task = keep(Task("a", "open"))
    db0.tags(task, passive=True).add("open")
    task.status = "done"
    assert found(Task, "open") == set()


def test_removing_the_tag_by_hand_leaves_the_field() -> None:
    task = keep(Task("a", "open"))
    db0.tags(task).remove("open")
    assert task.status == "open" and found(Task, "open") == set()
    task.status = "open"
    assert found(Task, "open") == {"a"}


def test_the_tag_alone_is_no_question() -> None:
    keep(Task("a", "open"))
    with pytest.raises(RuntimeError, match="assive"):
        list(db0.find("open"))


def test_other_tags_are_unaffected() -> None:
    task = keep(Task("a", "open"))
    db0.tags(task).add("mine")
    task.status = "done"
    del task.status
    assert found("mine") == {"a"}


def test_two_fields_with_one_value_share_its_tag() -> None:
    task = keep(Task("a", "x", "x"))
    task.status = "y"
    assert found(Task, "x") == {"a"}
    task.owner = None
    assert found(Task, "x") == set() and found(Task, "y") == {"a"}


def test_the_same_tag_on_another_object_is_that_objects_own() -> None:
    ann = User("ann")
    task, other = keep(Task("a", owner=ann)), keep(User("other"))
    db0.tags(other).add(ann)
    task.owner = None
    assert [one.name for one in db0.find(db0.as_tag(ann))] == ["other"] and db0.getrefcount(other) == 2


def test_tagging_by_hand_in_post_init_works() -> None:
    @db0.memo
    @db0.tag_fields("status")
    @dataclass(eq=False)
    class Card:
        name: str
        status: str = "new"

        def __post_init__(self) -> None:
            db0.tags(self).add("by hand")

    Card("a")
    assert found(Card, "new") == found("by hand") == {"a"}
    assert Card.status == "new"


def test_an_object_that_refers_to_its_maker_while_that_is_being_made() -> None:
    @db0.memo
    @db0.tag_fields("owner")
    class Part:
        def __init__(self, name: str, owner: Any) -> None:
            self.name = name
            self.owner = owner

    @db0.memo
    class Whole:
        def __init__(self) -> None:
            self.parts = [Part("a", self)]

    whole = Whole()
    assert found(Part, db0.as_tag(whole)) == {"a"}


def test_a_derived_class_has_the_tags_of_its_bases_first() -> None:
    base = define("TagBase", tags=("kind",))
    derived = define("TagDerived", tags=("shade", "kind"), base=base)
    assert effective(derived).tags == db0._get_tag_fields(derived) == ("kind", "shade")
    assert db0._get_indexed_fields(derived) == ()
    keep(derived(name="a", kind="k", shade="s"), base(name="b", kind="k"))
    assert found(base, "k") == {"a", "b"} and found(derived, "s") == {"a"}


def test_a_setter_of_the_user_is_asked_and_decides() -> None:
    @db0.memo
    @db0.tag_fields("status")
    class Loud:
        def __init__(self, status: str) -> None:
            self.status = status

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value.upper() if name == "status" else value)

    loud = Loud("open")
    assert loud.status == "OPEN" and list(db0.find(Loud, "OPEN")) == [loud]
    loud.status = "done"
    assert list(db0.find(Loud, "DONE")) == [loud] and not db0.find(Loud, ["open", "done", "OPEN"])


def test_a_reverted_block_reverts_the_tags() -> None:
    task = keep(Task("a", "open"))
    db0.commit()
    with db0.atomic() as block:
        task.status = "done"
        Task("b", "open")
        assert found(Task, "done") == {"a"}
        block.cancel()
    assert found(Task, "open") == {"a"} and found(Task, "done") == set()
    task.status = "late"
    assert found(Task, "late") == {"a"} and found(Task, "open") == set()


def test_the_classes_first_use_may_be_reverted() -> None:
    cls = define("BriefTags", tags=("status",), indexes=("rank",))
    with db0.atomic() as block:
        cls(name="a", status="open", rank=1)
        block.cancel()
    keep(cls(name="b", status="open", rank=2))
    db0.commit()
    assert found(cls, "open") == {"b"} and len(db0.index_of(cls, "rank")) == 1


def test_singletons_and_scoped_classes_have_tag_fields_too() -> None:
    @db0.memo(singleton=True, prefix="apart")
    @db0.tag_fields("status")
    class Board:
        def __init__(self, status: str = "new") -> None:
            self.status = status

    board = Board()
    assert Board("other") is board and list(db0.find(Board, "new")) == [board]
    board.status = "old"
    assert list(db0.find(Board, "old")) == [board] and not db0.find(Board, "new")


def test_a_prefix_chosen_in_init_keeps_the_tags() -> None:
    @db0.memo
    @db0.tag_fields("status")
    @db0.indexed_fields("rank")
    class Placed:
        def __init__(self, prefix: str) -> None:
            db0.set_prefix(self, prefix)
            self.name = prefix
            self.status, self.rank = "here", 1

    placed = Placed("second")
    assert list(db0.find(Placed, "here", prefix="second")) == [placed]
    assert not db0.find(Placed, "here", prefix="main")
    assert len(db0.index_of(Placed, "rank", prefix="second")) == 1


def test_writing_on_a_read_only_prefix_or_a_snapshot_is_refused(root: Path) -> None:
    keep(Task("a", "open"))
    db0.commit()
    with db0.snapshot() as snapshot:
        (old,) = snapshot.find(Task, "open")
        with pytest.raises(AttributeError, match="read-only"):
            old.status = "done"
    db0.close()
    db0.init(root, prefix="main", read_write=False)
    (task,) = db0.find(Task, "open")
    with pytest.raises(AttributeError, match="read-only"):
        task.status = "done"
    with pytest.raises(RuntimeError, match="read-only"):
        Task("b", "open")

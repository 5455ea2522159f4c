"""A class defined again while a prefix is open: the new definition takes over the stored class at once."""

from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen


def define_first(**options: Any) -> Any:
    @db0.memo(id="test:redefined", **options)
    class Greeter:
        def __init__(self, name: object = None) -> None:
            self.name = name
            self.age = 1

        def greet(self) -> str:
            return f"hello {self.name}"

    return Greeter


def define_second(**options: Any) -> Any:
    @db0.memo(id="test:redefined", **options)
    class Greeter:
        def __init__(self, name: object = None) -> None:
            self.age = 20
            self.name = name

        def greet(self) -> str:
            return f"hi {self.name}"

    return Greeter


def kept(made: Any) -> Any:
    db0.tags(made).add("kept")
    return made


def test_objects_that_nothing_holds_are_of_the_new_class(root: Path) -> None:
    identity = db0.uuid(kept(define_first()("Ada")))
    db0.commit()
    second = define_second()
    found = db0.fetch(identity)
    assert type(found) is second and found.greet() == "hi Ada" and vars(found) == {"name": "Ada", "age": 1}


def test_objects_in_use_become_ones_of_the_new_class(root: Path) -> None:
    made = kept(define_first()("Ada"))
    made._X__note = open
    identity = db0.uuid(made)
    second = define_second()
    assert type(made) is second and isinstance(made, second) and made.greet() == "hi Ada"
    assert made._X__note is open
    assert db0.fetch(second, identity) is made
    assert list(db0.find(second)) == [made]


def test_new_objects_that_are_not_stored_yet_become_ones_of_the_new_class(root: Path) -> None:
    made = define_first()("Ada")
    second = define_second()
    assert type(made) is second and vars(made) == {"name": "Ada", "age": 1}
    identity = db0.uuid(kept(made))
    reopen(root)
    assert vars(db0.fetch(identity)) == {"name": "Ada", "age": 1}


def test_a_class_without_an_id_is_redefined_under_its_module_and_name(root: Path) -> None:
    def define(greeting: str) -> Any:
        @db0.memo
        class Greeter:
            def greet(self) -> str:
                return greeting

        return Greeter

    made = define("hello")()
    assert made.greet() == "hello"
    again = define("hi")
    assert made.greet() == "hi" and type(made) is again


def test_each_object_keeps_its_fields_whichever_definition_changes_it(root: Path) -> None:
    first = define_first()
    old = kept(first("old"))
    db0.commit()
    second = define_second()
    new, late = kept(second("new")), kept(first("late"))
    for one in (old, new, late):
        del one.age
    db0.commit()
    del new.name
    identities = [db0.uuid(one) for one in (old, new, late)]
    reopen(root)
    assert [vars(db0.fetch(identity)) for identity in identities] == [{"name": "old"}, {}, {"name": "late"}]


def test_many_fields_stay_with_their_objects(root: Path) -> None:
    made = kept(define_first()("Ada"))
    for number in range(80):
        setattr(made, f"field{number}", number)
    db0.commit()
    define_second()
    assert vars(made) == {"name": "Ada", "age": 1, **{f"field{number}": number for number in range(80)}}
    made.field79 = "changed"
    identity = db0.uuid(made)
    reopen(root)
    assert (db0.fetch(identity).field79, db0.fetch(identity).field0) == ("changed", 0)


def test_a_field_that_the_new_definition_makes_a_property_is_kept(root: Path) -> None:
    made = kept(define_first()("Ada"))

    @db0.memo(id="test:redefined")
    class Greeter:
        @property
        def name(self) -> str:
            return "worked out"

        @name.setter
        def name(self, value: object) -> None:
            raise AssertionError("the stored value is no assignment")

    assert type(made) is Greeter
    assert (made.name, vars(made)["name"], made.age) == ("worked out", "Ada", 1)


def test_weak_references_stay_weak(root: Path) -> None:
    target = kept(define_first()("target"))
    made = kept(define_first()("Ada"))
    made.friend = db0.weak_proxy(target)
    db0.commit()
    define_second()
    made.age = 2
    db0.commit()
    db0.tags(target).remove("kept")
    identity = db0.uuid(made)
    del target
    db0.commit()
    assert db0.expired(db0.fetch(identity).friend)


def test_objects_of_a_snapshot_become_ones_of_the_new_class(root: Path) -> None:
    made = kept(define_first()("Ada"))
    db0.commit()
    with db0.snapshot() as before:
        seen = before.fetch(db0.uuid(made))
        assert seen.name == "Ada"
        define_second()
        assert seen.greet() == "hi Ada"


def test_methods_may_be_replaced_on_the_class_also_init(root: Path) -> None:
    first = define_first()
    made = first("Ada")
    first.greet = lambda self: "patched"
    first.__init__ = lambda self, name: setattr(self, "name", name * 2)
    assert made.greet() == "patched"
    assert vars(first("x")) == {"name": "xx"}


def test_another_layout_is_refused_on_use_and_changes_nothing_before(root: Path) -> None:
    made = kept(define_first()("Ada"))
    db0.commit()
    frozen = define_second(immutable=True)
    with pytest.raises(RuntimeError, match="immutable flag"):
        frozen("new")
    assert made.greet() == "hello Ada"
    made.age = 5
    db0.commit()


def test_a_redefined_singleton_is_the_same_object_with_the_new_methods(root: Path) -> None:
    made = define_first(singleton=True)("Ada")
    second = define_second(singleton=True)
    assert second() is made and made.greet() == "hi Ada"


def test_redefinition_reaches_every_prefix(root: Path) -> None:
    first = define_first()
    here = kept(first("here"))
    db0.open("other")
    there = kept(first("there"))
    db0.commit()
    define_second()
    assert (here.greet(), there.greet()) == ("hi here", "hi there")

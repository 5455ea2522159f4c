"""Claims of the spec, section 2.1 to 2.6 and 2.13: what the decorator makes, fields, `__init__`, methods."""

import abc
import copy
import weakref
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Child, Empty, Mixed, Plain, Thing

pytestmark = pytest.mark.usefixtures("root")


def test_a_memo_class_is_a_class_of_the_same_name_above_the_users() -> None:
    class Note:
        """A note."""

    made = db0.memo(Note)
    assert (made.__name__, made.__qualname__, made.__module__) == (Note.__name__, Note.__qualname__, __name__)
    assert made.__doc__ == "A note."
    assert issubclass(made, Note) and isinstance(made(), Note)
    assert [cls.__name__ for cls in made.__mro__[:2]] == ["Note", "Note"]


def test_memo_objects_are_no_instances_of_the_wildcard() -> None:
    assert not isinstance(Thing(), db0.MemoBase)
    with pytest.raises(TypeError):
        db0.MemoBase()


@pytest.mark.parametrize("option", ["no_cache", "nonsense"])
def test_unknown_options_are_refused(option: str) -> None:
    with pytest.raises(TypeError):
        db0.memo(**{option: True})  # type: ignore[call-overload]


@pytest.mark.parametrize("options", [{"prefix": 1}, {"id": b"x"}])
def test_prefix_and_id_are_texts(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        db0.memo(**options)


@pytest.mark.parametrize("builtin", [int, dict, type("Sub", (dict,), {}), type("Error", (ValueError,), {}), 3])
def test_builtin_classes_cannot_be_memo(builtin: Any) -> None:
    with pytest.raises(TypeError):
        db0.memo(builtin)


def test_classes_with_slots_cannot_be_memo_but_empty_slots_can() -> None:
    with pytest.raises(TypeError, match="__slots__"):
        db0.memo(type("Slotted", (), {"__slots__": ("x",)}))
    bare = db0.memo(type("Bare", (), {"__slots__": ()}))()
    bare.x = 1  # type: ignore[attr-defined]
    assert vars(bare) == {"x": 1}


def test_decorating_a_memo_class_gives_a_usable_memo_class() -> None:
    twice = db0.memo(db0.memo(type("Twice", (), {"__module__": __name__})))
    made = twice()
    made.x = 1  # type: ignore[attr-defined]
    assert db0.fetch(db0.uuid(made)) is made


def test_a_class_of_an_abstract_base_stays_abstract_until_it_is_complete() -> None:
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self) -> int: ...

    class Square(Shape):
        def area(self) -> int:
            return 4

    half, whole = db0.memo(type("Half", (Shape,), {})), db0.memo(Square)
    with pytest.raises(TypeError, match="abstract"):
        half()
    assert whole().area() == 4
    assert isinstance(whole(), Shape)


def test_bases_hear_of_the_class_twice_and_last_of_the_memo_class() -> None:
    heard: list[type] = []

    class Base:
        def __init_subclass__(cls, **options: object) -> None:
            heard.append(cls)

    class Derived(Base):
        pass

    made = db0.memo(Derived)
    assert heard == [Derived, made]


def test_a_class_does_not_hear_of_its_own_decoration() -> None:
    heard: list[type] = []

    class Base:
        def __init_subclass__(cls) -> None:
            heard.append(cls)

    made = db0.memo(Base)
    assert heard == []
    assert "__init_subclass__" in Base.__dict__
    assert type("Sub", (made,), {}) in heard


def test_a_base_that_wants_keywords_hears_only_of_the_class_statement() -> None:
    heard: list[str] = []

    class Base:
        def __init_subclass__(cls, *, label: str) -> None:
            heard.append(label)

    class Derived(Base, label="x"):
        pass

    assert db0.memo(Derived)() is not None
    assert heard == ["x"]


def test_a_metaclass_of_the_user_stays_in_force() -> None:
    class Counting(type):
        calls = 0

        def __call__(cls, *args: object, **kwargs: object) -> Any:
            Counting.calls += 1
            return super().__call__(*args, **kwargs)

    made = db0.memo(Counting("Counted", (), {}))
    obj = made()
    assert isinstance(made, Counting) and Counting.calls == 1
    assert db0.is_memo(obj)


def test_methods_properties_inheritance_and_super_work() -> None:
    child = Child("bob")
    assert (child.shout(), child.grown, child.kind) == ("bob!", False, "thing")
    mixed = Mixed("al")
    assert mixed.greet() == "hello al" and isinstance(mixed, Plain) and isinstance(mixed, Thing)


def test_the_constructor_can_be_replaced() -> None:
    @db0.memo
    class Patched:
        def __init__(self) -> None:
            self.way = "old"

    def replacement(self: Any, way: str) -> None:
        self.way = way

    Patched.__init__ = replacement  # type: ignore[method-assign,assignment]
    assert Patched("new").way == "new"  # type: ignore[call-arg]


def test_a_class_without_init_takes_no_arguments() -> None:
    assert vars(Empty()) == {}
    with pytest.raises(TypeError):
        Empty(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Empty(x=1)  # type: ignore[call-arg]


# -- Python's protocols ------------------------------------------------------------------------------------


@db0.memo
class Box:
    def __init__(self, *items: int) -> None:
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Any:
        return iter(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]

    def __contains__(self, item: object) -> bool:
        return item in self.items

    def __call__(self, more: int) -> int:
        return len(self) + more

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other)  # type: ignore[call-overload,no-any-return]

    def __hash__(self) -> int:
        return len(self)

    def __lt__(self, other: Any) -> bool:
        return len(self) < len(other)

    def __add__(self, other: Any) -> Any:
        return Box(*self, *other)

    def __bool__(self) -> bool:
        return False

    def __enter__(self) -> str:
        return "in"

    def __exit__(self, *_: object) -> None:
        return None

    def __repr__(self) -> str:
        return f"Box{tuple(self)}"


def test_special_methods_of_the_user_are_honoured() -> None:
    one, two = Box(1, 2), Box(1, 2)
    assert one == two and hash(one) == 2 and not one < two and Box(1) < one and one > Box(1)
    assert (len(one), one[0], 2 in one, one(3), list(one + two)) == (2, 1, True, 5, [1, 2, 1, 2])
    assert not one and repr(one) == str(one) == "Box(1, 2)"
    with one as entered:
        assert entered == "in"


def test_equality_and_hash_are_the_objects_own_by_default() -> None:
    one, two = Thing("same"), Thing("same")
    assert one != two and one == one and len({one, two, one}) == 2


def test_properties_with_setters_and_getattr_work_as_in_python() -> None:
    @db0.memo
    class Account:
        def __init__(self) -> None:
            self.cents = 0

        @property
        def euros(self) -> float:
            return self.cents / 100

        @euros.setter
        def euros(self, value: float) -> None:
            self.cents = int(value * 100)

        def __getattr__(self, name: str) -> str:
            if name.startswith("__"):
                raise AttributeError(name)
            return f"no {name}"

    account = Account()
    account.euros = 2.5
    assert (account.cents, account.euros, account.colour) == (250, 2.5, "no colour")
    assert vars(account) == {"cents": 250}


def test_dir_lists_fields_and_methods_and_vars_is_a_copy() -> None:
    thing = Thing("a", extra=1)
    del thing.extra
    thing.more = 2
    assert {"name", "more", "shout", "kind"} <= set(dir(thing)) and "extra" not in dir(thing)
    assert dir(thing) == sorted(dir(thing))
    found = vars(thing)
    assert found == thing.__dict__ == {"name": "a", "more": 2}
    found["name"] = "b"
    assert thing.name == "a"


def test_vars_of_a_loaded_object_does_not_need_a_prior_access(root: Path) -> None:
    thing = Thing("a")
    db0.tags(thing).add("kept")
    identity = db0.uuid(thing)
    reopen(root)
    assert vars(next(iter(db0.find("kept")))) == {"name": "a"}
    assert db0.uuid(next(iter(db0.find("kept")))) == identity


def test_str_names_the_class_and_uuid_and_repr_is_pythons() -> None:
    thing = Thing()
    assert str(thing) == f"<{Thing.__module__}.Thing instance uuid={db0.uuid(thing)}>"
    assert repr(thing) == object.__repr__(thing)


def test_memo_objects_are_weakly_referenceable_and_neither_pickled_nor_copied() -> None:
    thing = Thing()
    assert weakref.ref(thing)() is thing
    with pytest.raises(TypeError, match="load"):
        copy.copy(thing)


def test_a_redefined_class_takes_over_the_stored_objects(root: Path) -> None:
    def define(greeting: str) -> type:
        class Greeter:
            def greet(self) -> str:
                return greeting

        return db0.memo(id="test:greeter")(Greeter)

    first = define("hello")
    made = first()
    db0.tags(made).add("kept")
    identity = db0.uuid(made)
    del made
    second = define("hi")
    reopen(root)
    assert db0.fetch(identity).greet() == "hi"
    assert len(db0.find(second)) == 1

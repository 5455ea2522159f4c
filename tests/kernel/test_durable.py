from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from perdure.errors import ImmutableError
from perdure.kernel import durable as chosen
from perdure.kernel._pure import durable as pure
from perdure.kernel._pure import embedded as embedded_pure

assert embedded_pure.freeze  # completes write-once objects of the pure twin

TWINS = [pytest.param(chosen, id="chosen"), pytest.param(pure, id="pure")]
Log = list[tuple[str, str]]


@pytest.fixture(params=TWINS)
def durable(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """Each twin, with nobody watching; who watches in this process does so again afterwards."""
    twin: ModuleType = request.param
    watcher, sifter = twin.set_watcher(None), twin.set_sifter(None)
    yield twin
    twin.set_watcher(watcher)
    twin.set_sifter(sifter)


class Watcher:
    """Writes down what it is asked; refuses what it is told to, or gives something else."""

    def __init__(self, durable: ModuleType) -> None:
        self.log: Log = []
        self.denied: set[tuple[str, str]] = set()
        self.instead: dict[str, object] = {}
        self.granted = durable.GRANTED
        durable.set_watcher(self)

    def __call__(self, obj: Any, name: str, operation: str) -> object:
        self.log.append((name, operation))
        if (name, operation) in self.denied:
            raise PermissionError(f"no {operation} of {name}")
        return self.instead.get(name, self.granted)

    def taken(self) -> Log:
        found, self.log = self.log, []
        return found


FIELDS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]


def thing_class(durable: ModuleType, **members: Any) -> Any:
    return type("Thing", (durable.Durable,), members)


def built(cls: Any, owner: Any = None) -> Any:
    made = cls()
    for index, name in enumerate(FIELDS):
        setattr(made, name, index)
    return made


@pytest.fixture
def watched(durable: ModuleType) -> tuple[Any, Watcher]:
    cls = thing_class(durable)
    made = built(cls)
    watcher = Watcher(durable)
    durable.watch(cls)
    return made, watcher


def test_nothing_is_asked_for_classes_that_are_not_watched(durable: ModuleType) -> None:
    watcher = Watcher(durable)
    made = built(thing_class(durable))
    made.first = made.seventh
    del made.second
    assert durable.visible_fields(made)["first"] == 6
    assert watcher.log == []


@pytest.mark.parametrize("name", FIELDS)
def test_each_use_of_a_field_is_asked_for_once(watched: tuple[Any, Watcher], name: str) -> None:
    made, watcher = watched
    value = getattr(made, name)
    assert watcher.taken() == [(name, "read")]
    setattr(made, name, value + 10)
    assert watcher.taken() == [(name, "update")]
    delattr(made, name)
    assert watcher.taken() == [(name, "delete")]
    with pytest.raises(AttributeError):
        getattr(made, name)
    with pytest.raises(AttributeError):
        delattr(made, name)
    assert watcher.taken() == []
    setattr(made, name, 7)
    assert watcher.taken() == [(name, "create")]
    assert getattr(made, name) == 7


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_refused_changes_nothing(watched: tuple[Any, Watcher], durable: ModuleType, name: str) -> None:
    made, watcher = watched
    watcher.denied = {(name, "read"), (name, "update"), (name, "delete"), ("new", "create")}
    before = durable.fields(made)
    for attempt in (
        lambda: getattr(made, name),
        lambda: setattr(made, name, 5),
        lambda: setattr(made, name, [1]),
        lambda: delattr(made, name),
        lambda: setattr(made, "new", 5),
        lambda: durable.visible_fields(made),
    ):
        with pytest.raises(PermissionError):
            attempt()
        assert durable.fields(made) == before
    assert name not in durable.visible_fields(made, [name])


@pytest.mark.parametrize("name", FIELDS)
def test_something_else_may_be_read_in_place_of_the_value(
    watched: tuple[Any, Watcher], durable: ModuleType, name: str
) -> None:
    made, watcher = watched
    watcher.instead = {name: None}
    assert getattr(made, name) is None
    assert durable.visible_fields(made) == {**durable.fields(made), name: None}
    assert durable.fields(made)[name] is not None


def test_more_fields_than_a_mask_has_bits(durable: ModuleType) -> None:
    cls = thing_class(durable)
    made = cls()
    for number in range(70):
        setattr(made, f"field{number}", number)
    watcher = Watcher(durable)
    durable.watch(cls)
    assert made.field68 == 68
    made.field69 = 1
    made.field70 = 1
    del made.field67
    with pytest.raises(AttributeError):
        _ = made.field67
    made.field67 = 2
    assert watcher.taken() == [
        ("field68", "read"), ("field69", "update"), ("field70", "create"), ("field67", "delete"), ("field67", "create")
    ]  # fmt: skip


def test_names_that_need_no_state_and_volatile_ones_are_not_asked_for(watched: tuple[Any, Watcher]) -> None:
    made, watcher = watched
    made._v_seen = 1
    assert made._v_seen == 1
    del made._v_seen
    assert made.__class__ is type(made)
    assert made._perdure_weak_ is None
    assert watcher.log == []


def test_methods_and_properties_are_not_asked_for(durable: ModuleType) -> None:
    cls = thing_class(durable, shown=property(lambda self: 5), method=lambda self: 6, constant=7)
    made = cls()
    watcher = Watcher(durable)
    durable.watch(cls)
    assert (made.shown, made.method(), made.constant) == (5, 6, 7)
    assert watcher.log == []


def test_a_class_default_of_a_known_field_is_asked_for(durable: ModuleType) -> None:
    cls = thing_class(durable, size=1, method=lambda self: 6)
    other, made = cls(), cls()
    watcher = Watcher(durable)
    durable.watch(cls)
    other.size = 5
    other.method = 5
    watcher.taken()
    assert made.size == 1
    assert made.method() == 6
    assert watcher.taken() == [("size", "read")]
    watcher.denied = {("size", "read")}
    with pytest.raises(PermissionError):
        _ = made.size


def test_classes_that_say_so_are_watched_from_their_first_object(durable: ModuleType) -> None:
    watcher = Watcher(durable)
    cls = thing_class(durable, _perdure_watched_=True)
    below = type("Below", (cls,), {})
    for one in (cls, below):
        made = built(one)
        assert watcher.taken() == [(name, "create") for name in FIELDS]
        assert durable.layout_for(one).watched
        assert made.first == 0
        assert watcher.taken() == [("first", "read")]


def test_who_watches_is_told_to_who_replaces_it(durable: ModuleType) -> None:
    watcher = Watcher(durable)
    assert durable.set_watcher(None) is watcher
    assert durable.set_watcher(watcher) is None
    assert durable.set_sifter(print) is None
    assert durable.set_sifter(None) is print


def test_watching_ends(watched: tuple[Any, Watcher], durable: ModuleType) -> None:
    made, watcher = watched
    durable.watch(type(made), False)
    made.first = made.second = made.eighth
    assert watcher.log == []


def test_without_a_watcher_all_is_refused(watched: tuple[Any, Watcher], durable: ModuleType) -> None:
    made, _ = watched
    durable.set_watcher(None)
    for attempt in (lambda: made.first, lambda: setattr(made, "first", 5), lambda: delattr(made, "first")):
        with pytest.raises(PermissionError):
            attempt()


def test_the_store_itself_is_not_asked(watched: tuple[Any, Watcher], durable: ModuleType) -> None:
    made, watcher = watched
    durable.set_field(made, "first", 17)
    assert durable.fields(made)["first"] == 17
    assert durable.field_values(made)[0] == 17
    durable.remove_field(made, "first")
    durable.remove_field(made, "eighth")
    assert list(durable.fields(made)) == FIELDS[1:-1]
    assert watcher.log == []


def test_a_complete_write_once_object_is_not_changed_whoever_asks(durable: ModuleType) -> None:
    cls: Any = durable.DurableType(
        "Fixed", (durable.Durable,),
        {"_perdure_immutable_": True, "_perdure_factory_": None, "_perdure_watched_": True,
         "__init__": lambda self: setattr(self, "size", 5)},
    )  # fmt: skip
    durable.set_ambient(None)
    watcher = Watcher(durable)
    made = cls()
    assert watcher.taken() == [("size", "create")]
    for attempt in (lambda: setattr(made, "size", 6), lambda: delattr(made, "size"), lambda: setattr(made, "more", 1)):
        with pytest.raises(ImmutableError):
            attempt()
    assert watcher.taken() == []


def test_a_ghost_is_loaded_before_its_fields_are_asked_for(durable: ModuleType) -> None:
    class Owner(durable.Owner):  # type: ignore[name-defined, misc]
        def load(self, obj: Any) -> None:
            durable.restore_fields(obj, ("size",), [5])
            durable.mark_clean(obj, 10)

    watcher = Watcher(durable)
    cls = thing_class(durable, _perdure_watched_=True)
    owner = Owner()
    uses: list[tuple[Callable[[Any], Any], str]] = [
        (lambda made: made.size, "read"),
        (lambda made: setattr(made, "size", 6), "update"),
        (lambda made: delattr(made, "size"), "delete"),
    ]
    for oid, (use, operation) in enumerate(uses, 1):
        made = owner.ghost(oid, cls)
        use(made)
        assert watcher.taken() == [("size", operation)]


def test_a_field_that_another_thread_creates_meanwhile_is_one_to_be_updated(durable: ModuleType) -> None:
    cls = thing_class(durable)

    def convert(self: Any, name: str, value: Any) -> Any:
        durable.set_field(self, name, 1)  # as another thread would
        return 2

    cls._perdure_convert_ = convert
    made = cls()
    watcher = Watcher(durable)
    durable.watch(cls)
    watcher.denied = {("size", "update")}
    with pytest.raises(PermissionError):
        made.size = []
    assert watcher.taken() == [("size", "create"), ("size", "update")]
    assert durable.fields(made) == {"size": 1}


@pytest.mark.parametrize("name", FIELDS)
def test_objects_of_restricted_classes_are_looked_at_when_they_are_given_out(durable: ModuleType, name: str) -> None:
    holder, target, plain = built(thing_class(durable)), thing_class(durable)(), thing_class(durable)()
    setattr(holder, name, target)
    setattr(holder, "other" + name, plain)
    durable.restrict(type(target))
    assert getattr(holder, name) is target  # nobody looks
    seen: list[Any] = []
    durable.set_sifter(seen.append)
    assert getattr(holder, name) is target
    assert getattr(holder, "other" + name) is plain
    assert seen == [target]
    assert durable.visible_fields(holder)[name] is target
    assert seen == [target, target]

    def refuse(obj: Any) -> None:
        raise PermissionError("not for you")

    durable.set_sifter(refuse)
    for attempt in (lambda: getattr(holder, name), lambda: durable.visible_fields(holder)):
        with pytest.raises(PermissionError):
            attempt()
    assert durable.fields(holder)[name] is target
    durable.restrict(type(target), False)
    assert getattr(holder, name) is target

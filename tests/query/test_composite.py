"""Composite tags: elements in order as one tag, in every place a tag goes, and queries by leading elements."""

from collections.abc import Callable
from typing import Any

import pytest

from perdure.model.enums import value_of
from perdure.query import (
    CompositeTag,
    Tag,
    as_tag,
    find,
    group_by,
    no,
    split_by,
    tag_prefix,
    tags,
    tags_of,
)
from perdure.session import Connection, Weak

from .conftest import Other, Special, Thing, names

GREEN = value_of("Color", "GREEN")
RED = value_of("Color", "RED")
LONG = "l" * 500

KINDS: dict[str, Callable[[], Any]] = {
    "str": lambda: "text",
    "empty str": lambda: "",
    "long str": lambda: LONG,
    "any characters": lambda: "a\0\1b\ud800é",
    "enum value": lambda: GREEN,
    "placeholder": lambda: value_of("Color", "GREEN", False),
    "object": lambda: find("element")[0,][0],
    "tag of an object": lambda: as_tag(find("element")[0,][0]),
    "weak reference": lambda: Weak(find("element")[0,][0]),
    "class": lambda: Thing,
    "class that has no objects": lambda: Other,
    "tag of a class": lambda: as_tag(Thing),
}


class Text(str):
    __slots__ = ()


@pytest.fixture
def element(connection: Connection) -> Thing:
    thing = Thing("element")
    tags(thing).add("element")
    return thing


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_kind_of_element_in_every_place(element: Thing, connection: Connection, kind: str, place: int) -> None:
    items: list[Any] = ["x", "y"]
    items.insert(place, KINDS[kind]())
    label = as_tag(*items)
    thing, other = Thing("tagged"), Thing("other")
    tags(thing).add(label)
    tags(other).add("x", "y", as_tag(Thing), element, GREEN, as_tag("x", "y"))
    for _ in range(2):
        assert list(find(as_tag(*items))) == [thing]
        assert list(find(as_tag(tuple(items)))) == [thing]
        assert list(find(tag_prefix(*items[: place + 1]), tag_prefix(*items))) == [thing]
        assert tags_of(thing) == [label]
        connection.commit()
    tags(thing).remove(as_tag(*items))
    assert not find(label) and tags_of(thing) == []


def test_elements_are_given_back_in_the_forms_that_as_tag_takes(element: Thing, connection: Connection) -> None:
    label = as_tag("a", GREEN, element, Thing)
    tags(element).add(label)
    connection.commit()
    (found,) = [tag for tag in tags_of(element) if isinstance(tag, CompositeTag)]
    assert found.items == label.items == ("a", GREEN, as_tag(element), as_tag(Thing))  # type: ignore[attr-defined]
    assert as_tag(*found.items) == found == label
    assert [type(item) for item in found.items] == [str, type(GREEN), Tag, Tag]
    assert repr(as_tag("a", GREEN)) == "CompositeTag('a', <EnumValue Color.GREEN>)"


def test_order_number_and_kind_of_the_elements_tell_tags_apart(element: Thing, connection: Connection) -> None:
    labels = [
        as_tag("a", "b"), as_tag("b", "a"), as_tag("a", "b", "c"), as_tag("a", "b", ""), as_tag("ab", ""),
        as_tag("", "ab"), as_tag("a", "a"), as_tag("a", GREEN), as_tag("a", "GREEN"), as_tag("a", "Color", "GREEN"),
        as_tag("a", RED), as_tag("a", element), as_tag("a", Thing), as_tag("a", Special), as_tag("a\0", "b"),
        as_tag("a", "\0b"), as_tag(*["a"] * 50), as_tag(LONG, "1"), as_tag(LONG, "2"), as_tag(LONG, "1", "2"),
    ]  # fmt: skip
    things = [Thing(number) for number in range(len(labels))]
    for thing, label in zip(things, labels, strict=True):
        tags(thing).add(label)
    assert len(set(labels)) == len(labels)
    for _ in range(2):
        assert [list(find(label)) for label in labels] == [[thing] for thing in things]
        connection.commit()
    assert list(connection.database.verify()) == []


def test_a_composite_tag_does_not_match_its_elements_nor_they_it(granted: Thing, user: Thing) -> None:
    plain = Thing("plain")
    tags(plain).add("GRANT", as_tag(user))
    assert list(find("GRANT")) == [plain]
    assert list(find(as_tag(user))) == [plain]
    assert list(find(as_tag("GRANT", user))) == [granted]
    tags(granted).remove("GRANT", user)
    tags(plain).remove(as_tag("GRANT", user))
    assert list(find(as_tag("GRANT", user))) == [granted]
    assert list(find("GRANT", as_tag(user))) == [plain]


def test_unknown_ones_match_nothing(connection: Connection, user: Thing) -> None:
    thing = Thing()
    tags(thing).add(as_tag("a", "b"))
    assert not find(as_tag("a", user)) and not find(as_tag("a", Other)) and not find(tag_prefix("b"))
    assert list(find(Thing, no(as_tag("a", "z")), as_tag("a", "b"))) == [thing]


def test_they_compare_and_hash_but_have_no_order(user: Thing) -> None:
    assert as_tag("a", user) == as_tag(Text("a"), as_tag(user)) == as_tag(("a", user))
    assert hash(as_tag("a", user)) == hash(as_tag(("a", user)))
    assert as_tag("a", user) != as_tag(user, "a")
    assert as_tag("a", user) != ("a", user) and as_tag("a", "b") != "a"
    assert {as_tag("a", "b"), as_tag("a", "c")} - {as_tag("a", "c")} == {as_tag("a", "b")}
    assert isinstance(as_tag("a", "b"), Tag)
    with pytest.raises(TypeError):
        assert as_tag("a", "b") < as_tag("a", "c")  # type: ignore[operator]


BAD: list[Any] = [1, 1.5, True, None, b"x", int, object(), ["x"], {"x"}, ("x", "y"), no("x"), type(GREEN), {"x": 1}]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: type(bad).__name__)
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_element_is_refused(connection: Connection, bad: Any, place: int) -> None:
    items: list[Any] = ["a", "b"]
    items.insert(place, bad)
    with pytest.raises(TypeError, match="as an element of as_tag"):
        as_tag(*items)
    with pytest.raises(TypeError, match="as an element of tag_prefix"):
        tag_prefix(*items)


def test_nested_composites_and_queries_are_refused(connection: Connection) -> None:
    for bad in (as_tag("a", "b"), ("a", "b"), find("a"), tag_prefix("a")):
        with pytest.raises(TypeError, match="cannot be nested"):
            as_tag("x", bad)
    with pytest.raises(TypeError):
        as_tag(as_tag("a", "b"))


def test_two_elements_are_the_fewest(connection: Connection, user: Thing) -> None:
    bad: Any
    for bad in ((), ((),), (("a",),), ((user,),), ("a",)):
        with pytest.raises(TypeError, match="elements"):
            as_tag(*bad)
    with pytest.raises(TypeError, match="at least one"):
        tag_prefix()


def test_bad_arguments_of_add_and_remove_change_nothing(granted: Thing, user: Thing) -> None:
    label, bad = as_tag("GRANT", user), ("x", ("y", "z"))
    for wrong in (bad, tag_prefix("GRANT"), [tag_prefix("GRANT")]):
        with pytest.raises(RuntimeError, match="unable to interpret"):
            tags(granted).add(as_tag("a", "b"), wrong)
        with pytest.raises(RuntimeError, match="unable to interpret"):
            tags(granted).remove(label, wrong)
        with pytest.raises(RuntimeError, match="unable to interpret"):
            tags(find(label)).remove(label, wrong)
    assert tags_of(granted) == [label]


def test_a_raw_tuple_stands_for_separate_tags(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add(("a", "b"), [as_tag("a", "c"), as_tag("a", "d")])
    assert tags_of(thing) == ["a", "b", as_tag("a", "c"), as_tag("a", "d")]
    assert list(find(("a", "b"))) == [thing] and not find(as_tag("a", "b"))


def test_it_goes_wherever_a_criterion_goes(granted: Thing, user: Thing, connection: Connection) -> None:
    other, both = Special("other"), Special("both")
    label, denied = as_tag("GRANT", user), as_tag("DENY", user)
    tags(other).add(denied, "x")
    tags(both).add(label, denied)
    assert names(find(label)) == {"granted", "both"}
    assert names(find(Special, label)) == {"both"}
    assert names(find([label, "x"])) == {"granted", "other", "both"}
    assert names(find((label, denied))) == {"both"}
    assert names(find([(label, denied), "x"])) == {"both", "other"}
    assert names(find(label, no(denied))) == {"granted"}
    assert names(find(Thing, no([label, "account"]))) == {"other"}
    assert names(find(find(label), granted)) == {"granted"}
    assert names(find([tag_prefix("GRANT"), "x"], no(tag_prefix("DENY", user)))) == {"granted"}
    assert names(find((tag_prefix("GRANT"), tag_prefix("DENY")))) == {"both"}
    with pytest.raises(RuntimeError, match="positive"):
        find(no(label))
    with pytest.raises(RuntimeError, match="positive"):
        find(no(tag_prefix("GRANT")))


def test_operators_and_the_last_operation(connection: Connection) -> None:
    thing = Thing()
    manager = tags(thing)
    manager += as_tag("a", "b")
    manager += [as_tag("a", "c"), "x"]
    manager -= as_tag("a", "b")
    assert tags_of(thing) == [as_tag("a", "c"), "x"]
    tags(thing).add(as_tag("a", "c"))
    tags(thing).remove(as_tag("a", "c"))
    assert not find(as_tag("a", "c"))


def test_split_by_and_group_by_take_them(connection: Connection) -> None:
    first, second, third = [Thing(number) for number in range(3)]
    one, two = as_tag("s", "one"), as_tag("s", "two")
    tags(first, second).add(one)
    tags(second, third).add(two, "x")
    assert [(thing.name, tag) for thing, tag in split_by([one, two], find(Thing))] == [(0, one), (1, one), (2, two)]
    assert len(split_by([one, "x", two], find(Thing), exclusive=False)) == 6
    connection.commit()
    assert group_by([one, two], find(Thing)) == {one: 2, two: 1}
    for bad in (one, [tag_prefix("s")]):
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            split_by(bad, find(Thing))  # type: ignore[arg-type]
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            group_by(bad, find(Thing))


def test_queries_are_targets(connection: Connection, user: Thing) -> None:
    things = [Thing(number) for number in range(6)]
    tags(*things).add("all")
    tags(*things[::2]).add("even")
    label = as_tag("GRANT", user, "even")
    tags(find("even")).add(label)
    assert names(find(label)) == {0, 2, 4}
    tags(find(label)[:1]).remove(label)
    assert names(find(label)) == {2, 4}
    tags(find(tag_prefix("GRANT", user))).remove(label, "even")
    assert not find(label) and not find(tag_prefix("GRANT"))
    assert names(find("even")) == {0}

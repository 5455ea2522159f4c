import pytest

from perdure.errors import ReferenceError as DeadReferenceError
from perdure.kernel import durable
from perdure.model import uuid
from perdure.model.enums import value_of
from perdure.query import as_tag, find, no, register_label, tags, tags_of
from perdure.session import Connection, Database

from .conftest import Other, Quiet, Special, Thing, names


def test_added_tags_find_the_object_before_and_after_the_commit(connection: Connection) -> None:
    thing = Thing("a")
    tags(thing).add("red", "round")
    assert list(find("red")) == [thing]
    connection.commit()
    assert list(find("red", "round")) == [thing]
    assert tags_of(thing) == ["red", "round"]


def test_all_changes_of_one_call_go_to_all_targets(connection: Connection) -> None:
    things = [Thing(number) for number in range(3)]
    tags(*things).add("red")
    tags(things[0], things[1]).remove("red")
    assert list(find("red")) == [things[2]]


@pytest.mark.parametrize(
    "given",
    [["x", "y"], ("x", "y"), {"x", "y"}, {"x": 1, "y": 2}, (text for text in "xy")],
    ids=["list", "tuple", "set", "dict", "generator"],
)
def test_collections_of_tags_count_as_their_members(connection: Connection, given: object) -> None:
    thing = Thing()
    tags(thing).add(given)
    assert sorted(map(str, tags_of(thing))) == ["x", "y"]


def test_operators_add_and_remove(connection: Connection) -> None:
    thing = Thing()
    manager = tags(thing)
    manager += "one"
    manager += ["two", "three"]
    manager -= "one"
    assert tags_of(thing) == ["two", "three"]


def test_a_query_as_tags_adds_the_tags_of_its_objects(connection: Connection) -> None:
    first, second, thing = Thing(1), Thing(2), Thing(3)
    tags(first, second).add("author")
    tags(thing).add(find("author"))
    assert list(find(as_tag(second))) == [thing]


def test_a_query_as_target_tags_what_it_finds(connection: Connection) -> None:
    things = [Thing(number) for number in range(4)]
    tags(*things[:3]).add("tmp")
    tags(find("tmp"), things[3]).add("kept")
    tags(find("tmp")).remove("tmp")
    assert not find("tmp")
    assert names(find("kept")) == {0, 1, 2, 3}
    tags(find("nothing")).add("kept")


def test_add_and_remove_return_nothing(connection: Connection) -> None:
    assert tags(Thing()).add("x") is None
    assert tags(Thing()).remove("x") is None


def test_no_targets_and_no_tags_change_nothing(connection: Connection) -> None:
    tags().add("x")
    thing = Thing()
    tags(thing).add()
    tags(thing).add([])
    assert tags_of(thing) == []


@pytest.mark.parametrize("bad", [1, 1.5, True, None, b"x", Thing, int, no("x"), [["x"]], [b"x"], object()])
def test_what_is_no_tag_is_refused_and_nothing_is_changed(connection: Connection, bad: object) -> None:
    thing = Thing()
    tags(thing).add("before")
    with pytest.raises(RuntimeError, match="unable to interpret"):
        tags(thing).add("good", bad)
    with pytest.raises(RuntimeError, match="unable to interpret"):
        tags(thing).remove("before", bad)
    assert tags_of(thing) == ["before"]


@pytest.mark.parametrize("bad", [1, "text", None, Thing, [Thing]])
def test_targets_must_be_objects_or_queries(connection: Connection, bad: object) -> None:
    with pytest.raises(RuntimeError, match="memo objects or object queries"):
        tags(bad)


def test_unknown_keywords_are_refused(connection: Connection) -> None:
    with pytest.raises(TypeError):
        tags(Thing(), aggressive=True)  # type: ignore[call-arg]


def test_adding_twice_and_removing_what_is_not_there_change_nothing(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add("x", "x")
    tags(thing).add("x")
    tags(thing).remove("y")
    connection.commit()
    assert connection.lifetime.holders(durable.oid_of(thing)) == 1


@pytest.mark.parametrize("steps", ["+-", "-+", "+-+", "-+-", "+--", "-++"])
def test_the_last_operation_on_a_tag_wins(connection: Connection, steps: str) -> None:
    thing = Thing()
    tags(thing).add("x", "other")
    connection.commit()
    for step in steps:
        (tags(thing).add if step == "+" else tags(thing).remove)("x")
    assert (thing in find("x")) is (steps[-1] == "+")
    connection.commit()
    assert (thing in find("x")) is (steps[-1] == "+")


@pytest.mark.parametrize("text", ["", " ", "é∂\U0001f600", "a\0b", "x" * 5000, "\ud800"])
def test_any_text_is_a_tag(connection: Connection, text: str) -> None:
    thing, other = Thing(), Thing()
    tags(thing).add(text)
    tags(other).add(text + "!")
    connection.commit()
    assert list(find(text)) == [thing]
    assert tags_of(thing) == [text]


def test_an_object_as_tag_is_the_same_as_its_as_tag(connection: Connection) -> None:
    author, note = Thing("author"), Thing("note")
    tags(note).add(author)
    assert list(find(as_tag(author))) == [note]
    assert list(find(author)) == [author]
    assert tags_of(note) == [as_tag(author)]
    tags(note).remove(as_tag(author))
    assert not find(as_tag(author))


def test_an_object_tag_does_not_keep_its_object_and_outlives_it(connection: Connection) -> None:
    author, note = Thing("author"), Thing("note")
    label = as_tag(author)
    tags(note).add(label)
    connection.commit()
    oid = durable.oid_of(author)
    del author
    connection.commit()
    assert not connection.contains(oid)
    assert list(find(label)) == [note]
    tags(note).remove(label)
    assert not find(label)


def test_an_object_of_another_database_can_be_a_tag(connection: Connection) -> None:
    elsewhere = Database.open(None)
    foreign = elsewhere.connect()
    durable.set_ambient(foreign)
    author = Thing("author")
    label = as_tag(author)
    durable.set_ambient(connection)
    note = Thing("note")
    tags(note).add(author)
    assert list(find(label)) == [note]
    durable.set_ambient(foreign)
    assert not find(label)
    foreign.close()
    elsewhere.close()


def test_a_class_as_tag_is_not_its_type(connection: Connection) -> None:
    about, thing, special = Other("about"), Thing("thing"), Special("special")
    tags(about).add(as_tag(Thing))
    assert list(find(as_tag(Thing))) == [about]
    assert not find(as_tag(Special))
    assert set(find(Thing)) == {thing, special}
    assert tags_of(about) == [as_tag(Thing)]
    tags(about).remove(as_tag(Thing))
    assert not find(as_tag(Thing))


def test_tags_compare_and_hash_but_have_no_order(connection: Connection) -> None:
    one, two = Thing(1), Thing(2)
    assert as_tag(one) == as_tag(one)
    assert as_tag(one) != as_tag(two)
    assert as_tag(one) != one
    assert as_tag(one) != "x"
    assert {as_tag(one), as_tag(two)} - {as_tag(two)} == {as_tag(one)}
    with pytest.raises(TypeError):
        assert as_tag(one) < as_tag(two)  # type: ignore[operator]


@pytest.mark.parametrize("bad", ["text", 1, None, int, object, ("a",), b"x"])
def test_as_tag_of_one_argument_takes_objects_and_classes_only(connection: Connection, bad: object) -> None:
    with pytest.raises(TypeError):
        as_tag(bad)


def test_as_tag_takes_an_argument(connection: Connection) -> None:
    with pytest.raises(TypeError):
        as_tag()


class Color:
    def __init__(self, name: str) -> None:
        self.name = name


def test_registered_enum_values_are_tags_of_their_own_kind(connection: Connection) -> None:
    register_label(Color, lambda color: ("Color", color.name))
    thing, text = Thing(), Thing()
    tags(thing).add(Color("RED"))
    tags(text).add("RED")
    assert list(find(Color("RED"))) == [thing]
    assert list(find("RED")) == [text]
    assert tags_of(thing) == [value_of("Color", "RED")]


def test_rolled_back_changes_leave_no_trace(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add("kept")
    savepoint = connection.savepoint()
    tags(thing).add("gone")
    tags(thing).remove("kept")
    assert not find("kept")
    savepoint.rollback()
    assert list(find("kept")) == [thing]
    assert not find("gone")


def test_an_aborted_transaction_leaves_no_tags(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add("kept")
    connection.commit()
    tags(thing).add("gone")
    connection.abort()
    assert tags_of(thing) == ["kept"]
    assert not find("gone")


def test_tags_of_a_dead_object_are_refused(connection: Connection) -> None:
    savepoint = connection.savepoint()
    thing = Thing()
    tags(thing).add("x")
    savepoint.rollback()
    with pytest.raises(DeadReferenceError):
        tags(thing).add("y")


def test_read_only_connections_refuse_tags(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add("x")
    connection.commit()
    past = connection.database.connect(at=connection.state)
    found = past.get(durable.oid_of(thing))
    with pytest.raises(RuntimeError):
        tags(found).add("y")
    past.close()


def test_an_object_lives_by_its_tags(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add("x", "y")
    oid = durable.oid_of(find("x")[0,][0])
    del thing
    connection.commit()
    assert len(find("x")) == 1
    tags(find("x")).remove("x")
    connection.commit()
    assert len(find("y")) == 1
    tags(find("y")).remove("y")
    connection.commit()
    assert not connection.contains(oid)
    assert not find(Thing)


def test_instances_of_quiet_classes_are_found_by_type_from_their_first_tag_on(connection: Connection) -> None:
    thing = Quiet()
    connection.flush()
    assert not find(Quiet)
    tags(thing).add("x")
    assert list(find(Quiet)) == [thing]


def test_passive_tags_alone_leave_quiet_objects_hidden_and_unheld(connection: Connection) -> None:
    thing = Quiet()
    tags(thing, passive=True).add("x")
    connection.flush()
    assert not find(Quiet)
    assert connection.lifetime.holders(durable.oid_of(thing)) == 0


def test_an_object_that_lost_its_last_tag_is_not_found_by_type(connection: Connection) -> None:
    thing = Thing()
    tags(thing).add("x")
    connection.commit()
    tags(thing).remove("x")
    assert thing not in find(Thing)
    tags(thing).add("y")
    assert thing in find(Thing)


def test_tags_of_an_object_under_construction_take_effect_with_it(connection: Connection) -> None:
    class Eager(Thing):
        def __init__(self, fail: bool) -> None:
            tags(self).add("eager")
            assert not find("eager")
            if fail:
                raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        Eager(True)
    assert not find("eager")
    made = Eager(False)
    assert list(find("eager")) == [made]
    connection.commit()
    assert list(find(Eager)) == [made]
    del caught


def test_the_tag_of_an_object_under_construction_is_refused(connection: Connection) -> None:
    class Hasty(Thing):
        def __init__(self) -> None:
            as_tag(self)

    with pytest.raises(RuntimeError, match="UUID"):
        Hasty()


def test_tags_show_what_they_are(connection: Connection) -> None:
    thing = Thing("a")
    tag = as_tag(thing)
    assert repr(tag) == f"<Tag of the object {uuid(thing)}>"
    assert repr(as_tag(Thing)) == f"<Tag of the class {Thing.__module__}:Thing>"
    assert repr(as_tag("read", thing)) == f"CompositeTag('read', {tag!r})"
    tags(thing).add(tag)
    assert repr(tags_of(thing)) == f"[{tag!r}]" and repr(tag) in str(find(tag).explain())

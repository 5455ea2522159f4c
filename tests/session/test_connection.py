from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from perdure.errors import ConflictError, ObjectError, ReadOnlyError, ReferenceError
from perdure.kernel import durable
from perdure.session import Connection, Database, Weak, delete_root, get_root, set_root

from .things import Part, Thing


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    opened = database.connect()
    durable.set_ambient(opened)
    yield opened
    opened.close()


def stored(connection: Connection, **fields: object) -> Thing:
    thing = Thing(**fields)
    set_root(connection, "thing", thing)
    connection.commit()
    return thing


def test_committed_fields_are_read_by_another_connection(database: Database, connection: Connection) -> None:
    stored(connection, number=7, text="seven", real=7.0, nothing=None, yes=True, raw=b"7", pair=(1, "x"))
    other = get_root(database.connect(), "thing")
    assert durable.fields(other) == {
        "number": 7, "text": "seven", "real": 7.0, "nothing": None, "yes": True, "raw": b"7", "pair": (1, "x"),
    }  # fmt: skip
    assert other.yes is True


def test_an_object_is_one_python_object_in_a_connection(connection: Connection) -> None:
    child = Thing(name="child")
    parent = stored(connection, first=child, second=child)
    assert connection.get(durable.oid_of(child)) is child
    other = get_root(connection.database.connect(), "thing")
    assert other is not parent
    assert other.first is other.second


def test_reading_a_missing_field_of_a_ghost_raises_attribute_error(database: Database, connection: Connection) -> None:
    stored(connection, number=1)
    ghost = get_root(database.connect(), "thing")
    with pytest.raises(AttributeError):
        ghost.missing


def test_class_attributes_stand_in_for_missing_fields_and_are_not_stored(connection: Connection) -> None:
    part = Part(number=4)
    set_root(connection, "part", part)
    connection.commit()
    assert part.kind == "default"
    assert durable.fields(part) == {"number": 4}


def test_a_property_setter_runs_and_stores_no_field_of_its_own(database: Database, connection: Connection) -> None:
    part = Part(number=4)
    set_root(connection, "part", part)
    connection.commit()
    part.double = 20
    connection.commit()
    other = get_root(database.connect(), "part")
    assert other.double == 20
    assert durable.fields(other) == {"number": 10}


def test_fields_can_be_added_changed_in_type_and_deleted(database: Database, connection: Connection) -> None:
    thing = stored(connection, a=1, b=2)
    thing.a = "text"
    del thing.b
    thing.c = (None,)
    connection.commit()
    assert durable.fields(get_root(database.connect(), "thing")) == {"a": "text", "c": (None,)}


def test_more_fields_than_the_mask_has_bits_are_stored(database: Database, connection: Connection) -> None:
    wide = {f"field{index}": index for index in range(100)}
    thing = stored(connection, **wide)
    del thing.field3
    thing.field99 = "last"
    connection.commit()
    expected = {**wide, "field99": "last"}
    del expected["field3"]
    assert durable.fields(get_root(database.connect(), "thing")) == expected


def test_volatile_members_are_not_stored_and_do_not_register_the_object(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing._v_cache = object()
    assert durable.state_of(thing) == durable.CLEAN
    assert durable.fields(thing) == {"number": 1}


def test_a_failed_init_leaves_nothing_to_store(connection: Connection) -> None:
    class Failing(Thing):
        def __init__(self) -> None:
            self.number = 1
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Failing()
    assert not connection.has_changes()


def test_a_new_object_nobody_holds_is_never_stored(connection: Connection) -> None:
    Thing(number=1)
    assert connection.commit() is None


def test_a_new_object_held_by_a_variable_is_stored(connection: Connection) -> None:
    thing = Thing(number=1)
    connection.commit()
    assert connection.database.connect().get(durable.oid_of(thing)).number == 1


def test_reachable_objects_are_stored_in_any_depth_and_cycle(database: Database, connection: Connection) -> None:
    first, second = Thing(name="first"), Thing(name="second")
    first.next, second.next = second, first
    stored(connection, head=first)
    head = get_root(database.connect(), "thing").head
    assert head.next.next is head
    assert head.next.name == "second"


def test_an_unsupported_value_fails_the_commit_and_loses_nothing(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing.bad = object()
    with pytest.raises(TypeError, match=r"builtins\.object cannot be stored"):
        connection.commit()
    thing.bad = "good"
    connection.commit()
    assert get_root(connection.database.connect(), "thing").bad == "good"


def test_a_connection_sees_its_state_until_it_refreshes(database: Database, connection: Connection) -> None:
    thing = stored(connection, number=1)
    reader = database.connect()
    assert get_root(reader, "thing").number == 1
    thing.number = 2
    connection.commit()
    assert get_root(reader, "thing").number == 1
    assert reader.refresh()
    assert get_root(reader, "thing").number == 2
    assert not reader.refresh()


def test_the_second_writer_of_an_object_conflicts_and_may_retry(database: Database, connection: Connection) -> None:
    thing = stored(connection, number=1)
    other = database.connect()
    same = get_root(other, "thing")
    same.number = 10
    thing.number = 2
    connection.commit()
    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    assert same.number == 2
    same.number = 10
    other.commit()
    connection.refresh()
    assert thing.number == 10


def test_writers_of_different_objects_do_not_conflict(database: Database, connection: Connection) -> None:
    thing = stored(connection, left=Thing(number=1), right=Thing(number=2))
    other = database.connect()
    get_root(other, "thing").right.number = 20
    thing.left.number = 10
    connection.commit()
    other.commit()
    connection.refresh()
    assert (thing.left.number, thing.right.number) == (10, 20)


def test_a_declared_read_that_changed_fails_the_commit(database: Database, connection: Connection) -> None:
    thing = stored(connection, left=Thing(number=1), right=Thing(number=2))
    other = database.connect()
    seen = get_root(other, "thing")
    other.declare_read(seen.left)
    seen.right.number = seen.left.number + 1
    thing.left.number = 100
    connection.commit()
    with pytest.raises(ConflictError):
        other.commit()


def test_referring_to_what_another_commit_dropped_conflicts(database: Database, connection: Connection) -> None:
    thing = stored(connection, child=Thing(number=1))
    other = database.connect()
    seen = get_root(other, "thing")
    holder = Thing()
    set_root(other, "holder", holder)
    holder.child = seen.child
    thing.child = None
    connection.commit()
    with pytest.raises(ConflictError):
        other.commit()


def test_abort_restores_fields_and_kills_new_objects(connection: Connection) -> None:
    thing = stored(connection, number=1)
    child = Thing(number=5)
    thing.number, thing.child = 2, child
    connection.abort()
    assert thing.number == 1
    assert not hasattr(thing, "child")
    with pytest.raises(ReferenceError):
        child.number


def test_a_savepoint_rolls_back_to_its_moment(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing.number = 2
    savepoint = connection.savepoint()
    thing.number = 3
    thing.extra = Thing(name="lost")
    connection.flush()
    savepoint.rollback()
    assert thing.number == 2
    assert not hasattr(thing, "extra")
    connection.commit()
    assert get_root(connection.database.connect(), "thing").number == 2


def test_a_released_savepoint_keeps_its_changes_and_an_outer_rollback_drops_them(connection: Connection) -> None:
    thing = stored(connection, number=1)
    outer = connection.savepoint()
    inner = connection.savepoint()
    thing.number = 5
    inner.release()
    assert thing.number == 5
    outer.rollback()
    assert thing.number == 1


def test_commit_inside_a_savepoint_is_refused(connection: Connection) -> None:
    savepoint = connection.savepoint()
    with pytest.raises(ObjectError, match="atomic"):
        connection.commit()
    savepoint.release()


def test_a_past_state_is_read_as_it_was_and_refuses_writes(database: Database, connection: Connection) -> None:
    thing = stored(connection, number=1, child=Thing(name="gone"))
    before = connection.state
    thing.number, thing.child = 2, None
    connection.commit()
    past = get_root(database.connect(at=before), "thing")
    assert (past.number, past.child.name) == (1, "gone")
    with pytest.raises(ReadOnlyError, match="Cannot modify read-only prefix"):
        past.number = 3
    assert past.number == 1


def test_dropping_the_last_reference_drops_the_object_and_what_only_it_held(connection: Connection) -> None:
    thing = stored(connection, child=Thing(child=Thing(number=1)))
    outer = durable.oid_of(thing.child)
    inner = durable.oid_of(thing.child.child)
    thing.child = None
    connection.commit()
    assert not connection.contains(outer)
    assert not connection.contains(inner)


def test_a_python_reference_keeps_a_dropped_object_until_it_goes(connection: Connection) -> None:
    thing = stored(connection, child=Thing(number=1))
    child = thing.child
    oid = durable.oid_of(child)
    thing.child = None
    connection.commit()
    assert child.number == 1
    del child
    connection.commit()
    assert not connection.contains(oid)


def test_counts_follow_references_and_two_fields_count_twice(connection: Connection) -> None:
    child = Thing(number=1)
    thing = stored(connection, first=child, second=(child,))
    assert connection.lifetime.holders(durable.oid_of(child)) == 2
    thing.first = None
    connection.commit()
    assert connection.lifetime.holders(durable.oid_of(child)) == 1


def test_a_weak_reference_reads_as_its_target_and_does_not_hold_it(database: Database, connection: Connection) -> None:
    child = Thing(number=1)
    thing = stored(connection, strong=child)
    durable.set_field(thing, "weak", child)
    durable.mark_dirty(thing)
    thing._perdure_weak_ = frozenset(["weak"])
    connection.commit()
    assert connection.lifetime.holders(durable.oid_of(child)) == 1
    other = get_root(database.connect(), "thing")
    assert other.weak is other.strong
    thing.strong = None
    del child, other
    thing.note = "changed, so that the record is written again"
    connection.commit()
    late = get_root(database.connect(), "thing")
    with pytest.raises(ReferenceError):
        late.weak.number


def test_weak_values_keep_their_kind_inside_tuples(database: Database, connection: Connection) -> None:
    child = Thing(number=1)
    stored(connection, child=child, pair=(Weak(child),))
    assert connection.lifetime.holders(durable.oid_of(child)) == 1
    assert get_root(database.connect(), "thing").pair[0].target.number == 1


def test_a_root_holds_its_object_until_the_name_is_deleted(connection: Connection) -> None:
    oid = durable.oid_of(stored(connection, number=1))
    assert connection.contains(oid)
    delete_root(connection, "thing")
    connection.commit()
    assert not connection.contains(oid)
    assert get_root(connection, "thing") is None


def test_a_closed_connection_refuses_everything_with_a_clear_error(connection: Connection) -> None:
    thing = stored(connection, number=1)
    connection.close()
    with pytest.raises(ObjectError, match="no longer accessible"):
        thing.number
    with pytest.raises(ObjectError, match="closed"):
        connection.commit()


def test_an_object_of_one_connection_is_refused_by_another(database: Database, connection: Connection) -> None:
    thing = stored(connection, number=1)
    with pytest.raises(ObjectError, match="another connection"):
        set_root(database.connect(), "other", thing)


def test_threads_share_a_connection(connection: Connection) -> None:
    thing = stored(connection, items=tuple(Thing(number=0) for _ in range(50)))
    errors: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for round_ in range(20):
                for item in thing.items[start::4]:
                    item.number = round_
                connection.commit()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {item.number for item in get_root(connection.database.connect(), "thing").items} == {19}


def test_ids_ascend_in_the_order_of_creation_over_classes_and_forms(connection: Connection) -> None:
    held = [
        [Thing(number=number, **{f"more{number % 3}": number}) if number % 4 else Part() for number in range(20)]
        for _ in range(2)
    ]
    for objects in held:
        connection.flush()
        ids = [durable.oid_of(one) for one in objects]
        assert all(ids) and ids == sorted(ids)

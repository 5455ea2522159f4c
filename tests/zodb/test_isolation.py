"""Several connections: each sees the state at the begin of its transaction; the first to commit a change wins."""

from __future__ import annotations

import pytest
import transaction

from perdure.zodb import DB, Connection
from perdure.zodb.BTrees.OOBTree import OOBTree, OOTreeSet
from perdure.zodb.POSException import ConflictError, ReadConflictError

from .conftest import Opener
from .things import Thing


def seed(db: DB, **objects: object) -> None:
    with db.transaction() as connection:
        for name, value in objects.items():
            setattr(connection.root, name, value)


def manager(connection: Connection) -> transaction.TransactionManager:
    return connection.transaction_manager


def test_connection_sees_the_state_at_the_begin_of_its_transaction(db: DB, own: Opener) -> None:
    seed(db, thing=Thing(number=1))
    reader, writer = own(), own()
    assert reader.root.thing.number == 1
    writer.root.thing.number = 2
    writer.root.other = Thing()
    manager(writer).commit()
    reader.cacheMinimize()
    assert (reader.root.thing.number, hasattr(reader.root, "other")) == (1, False)
    manager(reader).begin()
    assert (reader.root.thing.number, hasattr(reader.root, "other")) == (2, True)


def test_sync_and_the_end_of_a_transaction_move_to_the_newest_state(db: DB, own: Opener) -> None:
    seed(db, thing=Thing(number=1))
    first, second, writer = own(), own(), own()
    writer.root.thing.number = 2
    manager(writer).commit()
    assert (first.root.thing.number, second.root.thing.number) == (1, 1)
    first.sync()
    manager(second).abort()
    assert (first.root.thing.number, second.root.thing.number) == (2, 2)


def test_uncommitted_changes_are_not_seen_by_others(db: DB, own: Opener) -> None:
    seed(db, thing=Thing(number=1))
    writer, reader = own(), own()
    writer.root.thing.number = 2
    manager(writer).savepoint()
    manager(reader).begin()
    assert reader.root.thing.number == 1
    manager(writer).abort()
    manager(reader).begin()
    assert (writer.root.thing.number, reader.root.thing.number) == (1, 1)


def test_second_commit_of_the_same_object_conflicts_and_changes_nothing(db: DB, own: Opener) -> None:
    seed(db, one=Thing(number=1), two=Thing(number=1))
    first, second = own(), own()
    first.root.one.number = 2
    second.root.two.number = 3
    second.root.one.number = 3
    manager(first).commit()
    with pytest.raises(ConflictError):
        manager(second).commit()
    manager(second).abort()
    assert (second.root.one.number, second.root.two.number) == (2, 1)
    second.root.one.number = 4
    manager(second).commit()
    manager(first).begin()
    assert first.root.one.number == 4


def test_changes_of_different_objects_do_not_conflict(db: DB, own: Opener) -> None:
    seed(db, one=Thing(number=1), two=Thing(number=1))
    first, second = own(), own()
    first.root.one.number, second.root.two.number = 2, 3
    manager(first).commit()
    manager(second).commit()
    manager(first).begin()
    assert (first.root.one.number, first.root.two.number) == (2, 3)


def test_write_skew_is_prevented_by_declaring_reads(db: DB, own: Opener) -> None:
    seed(db, one=Thing(duty=True), two=Thing(duty=True))
    first, second = own(), own()
    first.readCurrent(first.root.two)
    second.readCurrent(second.root.one)
    first.root.one.duty = False
    second.root.two.duty = False
    manager(first).commit()
    with pytest.raises(ReadConflictError):
        manager(second).commit()
    manager(second).abort()
    assert (second.root.one.duty, second.root.two.duty) == (False, True)


def test_write_skew_is_possible_without(db: DB, own: Opener) -> None:
    seed(db, one=Thing(duty=True), two=Thing(duty=True))
    first, second = own(), own()
    assert first.root.two.duty and second.root.one.duty
    first.root.one.duty = False
    second.root.two.duty = False
    manager(first).commit()
    manager(second).commit()


def test_declared_reads_end_with_the_transaction(db: DB, own: Opener) -> None:
    seed(db, one=Thing(number=1), two=Thing(number=1))
    first, second = own(), own()
    first.readCurrent(first.root.one)
    manager(first).abort()
    second.root.one.number = 2
    manager(second).commit()
    first.root.two.number = 2
    manager(first).commit()


def test_writers_of_different_keys_of_a_tree_do_not_conflict(db: DB, own: Opener) -> None:
    seed(db, tree=OOBTree({"kept": 0, "gone": 0}), names=OOTreeSet(["a"]))
    first, second = own(), own()
    for number in range(100):
        first.root.tree[f"first {number}"] = number
        second.root.tree[f"second {number}"] = number
    del first.root.tree["gone"]
    second.root.tree["kept"] = 1
    first.root.names.add("b")
    second.root.names.add("c")
    manager(first).commit()
    manager(second).commit()
    manager(first).begin()
    tree = first.root.tree
    assert len(tree) == 201 == len(list(tree)) and tree["kept"] == 1 and "gone" not in tree
    assert list(first.root.names) == ["a", "b", "c"]


@pytest.mark.parametrize("change", ["insert", "update", "delete", "delete and update"])
def test_writers_of_the_same_key_of_a_tree_conflict(db: DB, own: Opener, change: str) -> None:
    seed(db, tree=OOBTree({} if change == "insert" else {"key": 0}))
    first, second = own(), own()
    if change.startswith("delete"):
        del first.root.tree["key"]
    else:
        first.root.tree["key"] = 1
    if change == "delete":
        del second.root.tree["key"]
    else:
        second.root.tree["key"] = 2
    manager(first).commit()
    with pytest.raises(ConflictError):
        manager(second).commit()
    manager(second).abort()
    assert second.root.tree.get("key") == first.root.tree.get("key")
    assert len(second.root.tree) == len(list(second.root.tree))


def test_tree_of_an_older_snapshot_stays_as_it_was(db: DB, own: Opener) -> None:
    seed(db, tree=OOBTree(zip("abc", range(3), strict=True)))
    reader, writer = own(), own()
    assert reader.root.tree["a"] == 0
    writer.root.tree["b"] = 10
    writer.root.tree["d"] = 4
    del writer.root.tree["c"]
    manager(writer).commit()
    reader.cacheMinimize()
    assert (list(reader.root.tree.items()), len(reader.root.tree)) == ([("a", 0), ("b", 1), ("c", 2)], 3)
    reader.sync()
    assert (list(reader.root.tree.items()), len(reader.root.tree)) == ([("a", 0), ("b", 10), ("d", 4)], 3)


def test_new_objects_survive_a_conflict_and_can_be_stored_by_the_next_attempt(db: DB, own: Opener) -> None:
    seed(db, box=Thing(items=[]))
    first, second = own(), own()
    fresh = Thing(name="fresh", tree=OOBTree({1: Thing(name="inside")}))
    first.root.box.items = [1]
    manager(first).commit()
    second.root.box.items = [fresh]
    with pytest.raises(ConflictError):
        manager(second).commit()
    manager(second).abort()
    assert (fresh._p_oid, fresh._p_jar, fresh.name, fresh.tree[1].name) == (None, None, "fresh", "inside")
    second.root.box.items = [*second.root.box.items, fresh]
    manager(second).commit()
    manager(first).begin()
    assert [getattr(item, "name", item) for item in first.root.box.items] == [1, "fresh"]
    assert first.root.box.items[1].tree[1].name == "inside"


def test_connections_of_one_thread_share_its_transaction(db: DB) -> None:
    first, second = db.open(), db.open()
    first.root.one = Thing(number=1)
    transaction.commit()
    second.root.one.number = 2
    first.root.two = Thing(other=1)
    transaction.commit()
    assert first.root.one.number == 2 and second.root.two.other == 1


def test_reopened_connection_keeps_its_cache_and_sees_the_newest_state(db: DB, own: Opener) -> None:
    seed(db, one=Thing(number=1), two=Thing(number=1))
    connection, other = db.open(), own()
    one, two = connection.root.one, connection.root.two
    assert (one.number, two.number) == (1, 1)
    connection.close()
    other.root.two.number = 2
    manager(other).commit()
    found = db.open()
    assert found is connection
    assert (one._p_changed, two._p_changed) == (False, None)
    assert (found.root.one, found.root.two, one.number, two.number) == (one, two, 1, 2)

"""Opening databases, the pool of connections, caches, closing, reopening."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import transaction

import perdure.zodb as ZODB
from perdure.errors import NotADatabaseError
from perdure.session import Database
from perdure.zodb import DB
from perdure.zodb.BTrees.OOBTree import OOBTree
from perdure.zodb.POSException import ConnectionStateError, POSKeyError, ReadOnlyError
from perdure.zodb.utils import maxtid, oid_repr, p64, tid_at, tid_time, u64, z64

from .conftest import Opener
from .things import Thing


def test_database_keeps_its_content_when_it_is_closed(file: str) -> None:
    for number in range(3):
        with DB(file) as db, db.transaction() as connection:
            assert getattr(connection.root, "number", 0) == number
            connection.root.number = number + 1


def test_database_in_memory_is_empty_each_time() -> None:
    for _ in range(2):
        with DB(None) as db, db.transaction() as connection:
            assert list(connection.root()) == []
            connection.root.number = 1


def test_path_objects_are_paths_and_other_storages_are_refused(file: str) -> None:
    with DB(Path(file)) as db:
        assert db.getName() == file
    with pytest.raises(TypeError, match="path or None"):
        DB(object())  # type: ignore[arg-type]


def test_file_that_is_no_database_is_refused(file: str) -> None:
    Path(file).write_bytes(b"something else" * 1000)
    with pytest.raises(NotADatabaseError):
        DB(file)


def test_connection_function_opens_and_closes_the_database(file: str) -> None:
    connection = ZODB.connection(file)
    connection.root.number = 1
    transaction.commit()
    database = connection.db()
    connection.close()
    with pytest.raises(ConnectionStateError):
        database.open()
    with DB(file) as db, db.transaction() as again:
        assert again.root.number == 1


def test_read_only_database_refuses_changes(file: str) -> None:
    with DB(file) as db, db.transaction() as connection:
        connection.root.thing = Thing(number=1)
    with DB(file, read_only=True) as db:
        connection = db.open()
        assert db.isReadOnly() and connection.isReadOnly() and connection.root.thing.number == 1
        with pytest.raises(ReadOnlyError):
            connection.root.thing.number = 2
        transaction.abort()


def test_database_without_a_root_has_none_when_it_is_read_only(file: str) -> None:
    Database.open(file).close()
    with DB(file, read_only=True) as db, db.transaction() as connection, pytest.raises(POSKeyError):
        connection.root()
    with DB(file) as db, db.transaction() as connection:
        assert list(connection.root()) == []


def test_opening_makes_one_root_once(file: str) -> None:
    with DB(file) as one, DB(file) as two:
        assert one._root_oid == two._root_oid
        state = one._database.storage.last_state
    with DB(file) as again:
        assert again._database.storage.last_state == state


def test_closed_connections_are_handed_out_again_the_newest_first(db: DB) -> None:
    first, second = db.open(), db.open()
    first.close()
    second.close()
    assert db.open() is second and db.open() is first


def test_pool_keeps_no_more_than_its_size(db: DB) -> None:
    db.setPoolSize(2)
    opened = [db.open() for _ in range(4)]
    for connection in opened:
        connection.close()
    again = [db.open() for _ in range(3)]
    assert again[:2] == [opened[3], opened[2]] and again[2] not in opened
    assert db.getPoolSize() == 2


def test_exceeding_the_pool_is_logged(db: DB, caplog: pytest.LogCaptureFixture) -> None:
    db.setPoolSize(1)
    with caplog.at_level(logging.WARNING, "perdure.zodb"):
        connections = [db.open() for _ in range(3)]
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.CRITICAL]
    assert len(set(connections)) == 3


def test_unused_connections_are_dropped_after_a_while(file: str) -> None:
    with DB(file, pool_timeout=-1) as db:
        first = db.open()
        first.close()
        assert db.open() is not first


def test_close_callbacks_run_once_and_failures_are_logged(db: DB, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    connection = db.open()
    connection.onCloseCallback(lambda: calls.append(1))
    connection.onCloseCallback(lambda: 1 // 0)
    connection.onCloseCallback(lambda: calls.append(2))
    connection.close()
    connection.close()
    db.open().close()
    assert calls == [1, 2] and "close callback" in caplog.text


def test_debug_info_ends_with_the_close(db: DB) -> None:
    connection = db.open()
    connection.setDebugInfo("a", 1)
    connection.setDebugInfo("b")
    assert connection.getDebugInfo() == ("a", 1, "b")
    connection.close()
    assert db.open().getDebugInfo() == ()


def test_closed_connection_leaves_its_manager(db: DB) -> None:
    manager = transaction.TransactionManager()
    connection = db.open(manager)
    assert manager.registeredSynchs() and connection.opened
    connection.close()
    assert not manager.registeredSynchs() and connection.opened is None and connection.transaction_manager is None


def test_closing_the_database_closes_connections_and_drops_their_changes(file: str) -> None:
    db = DB(file)
    connection = db.open()
    connection.root.number = 1
    db.close()
    db.close()
    with pytest.raises(ConnectionStateError):
        connection.root()
    transaction.commit()
    with DB(file) as again, again.transaction() as connection:
        assert list(connection.root()) == []


def test_databases_know_each_other_by_name() -> None:
    databases: dict[str, DB] = {}
    one = DB(None, database_name="one", databases=databases)
    two = DB(None, database_name="two", databases=databases)
    assert databases == {"one": one, "two": two} and one.databases is two.databases
    with pytest.raises(ValueError, match="one"):
        DB(None, database_name="one", databases=databases)
    one.close()
    assert databases == {"two": two}
    two.close()


def test_minimizing_the_cache_makes_ghosts_of_what_is_unchanged(db: DB) -> None:
    connection = db.open()
    connection.root.one, connection.root.two = Thing(number=1), Thing(number=1)
    transaction.commit()
    one, two = connection.root.one, connection.root.two
    two.number = 2
    db.cacheMinimize()
    assert (one._p_changed, two._p_changed) == (None, True)
    assert db.cacheSize() == 1
    transaction.abort()


def test_cache_keeps_as_many_objects_as_asked_for(file: str) -> None:
    with DB(file) as db, db.transaction() as connection:
        connection.root.things = [Thing(number=number) for number in range(2000)]
    with DB(file, cache_size=100) as db:
        connection = db.open()
        assert sum(thing.number for thing in connection.root.things) == 2000 * 1999 // 2
        assert db.cacheSize() > 2000
        for _ in range(3):  # what was used since the last time is spared once
            transaction.abort()
        assert db.cacheSize() < 300 and db.getCacheSize() == 100
        db.setCacheSize(0)
        assert sum(thing.number for thing in connection.root.things) == 2000 * 1999 // 2
        transaction.abort()
        assert db.cacheSize() > 2000


def test_cache_keeps_as_many_bytes_as_asked_for(file: str) -> None:
    with DB(file, cache_size_bytes=50_000) as db:
        connection = db.open()
        connection.root.things = [Thing(text="x" * 100, number=number) for number in range(2000)]
        transaction.commit()
        transaction.begin()
        assert connection._session.cached_bytes <= 50_000
        assert sum(thing.number for thing in connection.root.things) == 2000 * 1999 // 2
        assert connection._session.cached_bytes <= 100_000
        db.setCacheSizeBytes(20_000)
        transaction.abort()
        assert connection._session.cached_bytes <= 20_000 and db.getCacheSizeBytes() == 20_000


def test_prefetch_loads_objects_in_one_pass(db: DB, own: Opener) -> None:
    connection = own()
    things = [Thing(number=number) for number in range(5)]
    connection.root.things = things
    connection.transaction_manager.commit()
    connection.cacheMinimize()
    connection.prefetch(things[0], [things[1], things[2]._p_oid], connection.root())
    assert [thing._p_changed for thing in things] == [False, False, False, None, None]


def test_ids_convert_both_ways() -> None:
    for number in (0, 1, 258, (1 << 64) - 1):
        assert u64(p64(number)) == number and len(p64(number)) == 8
    assert (z64, oid_repr(p64(1)), oid_repr(p64(0x1234)), oid_repr(None)) == (p64(0), "0x01", "0x1234", "None")
    times = [1_500_000_000_000_000 + step for step in (0, 1, 2, 999_999, 60_000_000, 10**12)]
    assert [round(tid_time(tid_at(time)) * 1_000_000) for time in times] == times
    assert sorted(map(tid_at, times)) == list(map(tid_at, times)) and max(map(tid_at, times)) < maxtid


_WRITER = """
import sys, transaction
from perdure.zodb import DB
from perdure.zodb.POSException import ConflictError
from tests.zodb.things import Thing
db = DB(sys.argv[1])
connection = db.open()
done = 0
while done < int(sys.argv[3]):
    transaction.begin()
    try:
        connection.root.counter.number += 1
        connection.root.tree[sys.argv[2], done] = Thing(number=done)
        transaction.commit()
        done += 1
    except ConflictError:
        transaction.abort()
connection.close()
db.close()
"""


def test_several_processes_write_one_file(file: str) -> None:
    count, processes = 25, 3
    with DB(file) as db:
        connection = db.open()
        connection.root.counter, connection.root.tree = Thing(number=0), OOBTree()
        transaction.commit()
        running = [
            subprocess.Popen(
                [sys.executable, "-c", _WRITER, file, name, str(count)], cwd=Path(__file__).parents[2]
            )
            for name in "abc"[:processes]
        ]
        seen = [0]
        while any(process.poll() is None for process in running):
            transaction.begin()
            seen.append(connection.root.counter.number)
            assert len(connection.root.tree) == connection.root.counter.number
        assert [process.wait() for process in running] == [0] * processes
        assert seen == sorted(seen)
        transaction.begin()
        found: Any = connection.root.tree
        assert connection.root.counter.number == len(found) == count * processes
        assert list(found) == [(name, done) for name in "abc" for done in range(count)]
        assert all(thing.number == key[1] for key, thing in found.items())
        connection.close()

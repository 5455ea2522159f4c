"""Connections as data managers: savepoints, abort, retries, explicit mode, other resources, metadata."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import transaction
from transaction.interfaces import InvalidSavepointRollbackError, NoTransaction, TransientError
from transaction.tests.savepointsample import SampleSavepointDataManager as Sample

from perdure.kernel import codec
from perdure.zodb import DB, Connection
from perdure.zodb.BTrees.OOBTree import OOBTree
from perdure.zodb.POSException import ConflictError, ConnectionStateError, StorageError
from perdure.zodb.utils import z64

from .conftest import Opener
from .things import Thing


class Resource:
    """Another data manager; `fails` names the step at which it raises."""

    def __init__(self, fails: str = "", key: str = "~other") -> None:
        self.fails, self.key = fails, key
        self.steps: list[str] = []

    def sortKey(self) -> str:
        return self.key

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name == self.fails:
            raise OSError(name)

    def tpc_begin(self, txn: Any) -> None:
        self._step("begin")

    def commit(self, txn: Any) -> None:
        self._step("commit")

    def tpc_vote(self, txn: Any) -> None:
        self._step("vote")

    def tpc_finish(self, txn: Any) -> None:
        self._step("finish")

    def tpc_abort(self, txn: Any) -> None:
        self._step("tpc_abort")

    def abort(self, txn: Any) -> None:
        self._step("abort")


# -- savepoints ------------------------------------------------------------------------------------------------


def test_savepoint_can_be_rolled_back_again_and_again(connection: Connection) -> None:
    connection.root.thing = thing = Thing(number=0)
    connection.root.tree = tree = OOBTree({"a": 1})
    transaction.commit()
    thing.number = 1
    savepoint = transaction.savepoint()
    for number in (2, 3):
        thing.number = number
        tree["b"] = number
        connection.root.fresh = Thing()
        savepoint.rollback()
        assert savepoint.valid
        assert (thing.number, list(tree), hasattr(connection.root, "fresh")) == (1, ["a"], False)
    transaction.commit()
    connection.cacheMinimize()
    assert (thing.number, list(tree)) == (1, ["a"])


def test_rollback_invalidates_later_savepoints_and_commit_all(connection: Connection) -> None:
    connection.root.thing = thing = Thing(number=0)
    first = transaction.savepoint()
    thing.number = 1
    second = transaction.savepoint()
    thing.number = 2
    third = transaction.savepoint()
    second.rollback()
    assert (first.valid, second.valid, third.valid, thing.number) == (True, True, False, 1)
    with pytest.raises(InvalidSavepointRollbackError):
        third.rollback()
    thing.number = 5
    transaction.commit()
    assert (first.valid, second.valid, thing.number) == (False, False, 5)


def test_objects_made_after_a_savepoint_are_unsaved_again_after_its_rollback(connection: Connection) -> None:
    savepoint = transaction.savepoint()
    connection.root.thing = thing = Thing(name="new")
    transaction.savepoint()
    assert thing._p_oid and thing._p_jar is connection and thing._p_changed is False
    thing.name = "changed"
    savepoint.rollback()
    assert (thing._p_oid, thing._p_jar, thing._p_status) == (None, None, "unsaved")
    assert thing.name == "changed" and not hasattr(connection.root, "thing")
    connection.root.thing = thing
    transaction.commit()
    connection.cacheMinimize()
    assert connection.root.thing.name == "changed"


def test_savepoint_before_the_first_change_rolls_back_all(connection: Connection) -> None:
    savepoint = transaction.savepoint()
    connection.root.thing = Thing()
    savepoint.rollback()
    assert not hasattr(connection.root, "thing")
    connection.root.other = 1
    transaction.commit()
    assert hasattr(connection.root, "other")


def test_many_savepoints_that_nobody_keeps_cost_no_levels(connection: Connection) -> None:
    connection.root.tree = tree = OOBTree()
    kept = transaction.savepoint()
    for number in range(50):
        tree[number] = Thing(number=number)
        transaction.savepoint(optimistic=True)
    assert len(connection._session.overlays) <= 4
    assert len(tree) == 50
    kept.rollback()
    assert len(connection.root.tree) == 0
    connection.root.tree[1] = 1
    transaction.commit()
    assert list(connection.root.tree) == [1]


def test_savepoints_with_other_data_managers(connection: Connection) -> None:
    sample = Sample()
    connection.root.number = 1
    sample["name"] = "before"
    savepoint = transaction.savepoint()
    connection.root.number, sample["name"] = 2, "after"
    savepoint.rollback()
    assert (connection.root.number, sample["name"]) == (1, "before")
    transaction.commit()
    assert (connection.root.number, sample["name"]) == (1, "before")


def test_objects_loaded_after_a_savepoint_come_with_the_changes_made_before(connection: Connection) -> None:
    connection.root.thing = thing = Thing(number=0)
    transaction.commit()
    thing.number = 1
    transaction.savepoint()
    connection.cacheMinimize()
    assert thing._p_changed is None and thing.number == 1
    transaction.abort()
    assert thing.number == 0


# -- abort and failure -----------------------------------------------------------------------------------------


def test_abort_drops_all_changes(connection: Connection) -> None:
    connection.root.thing = thing = Thing(number=0)
    transaction.commit()
    fresh = Thing()
    thing.number, thing.fresh, connection.root.more = 1, fresh, 1
    connection.add(fresh)
    transaction.abort()
    assert (thing.number, fresh._p_oid) == (0, None)
    assert not hasattr(thing, "fresh") and not hasattr(connection.root, "more")


def test_failed_commit_blocks_the_transaction_until_it_is_aborted(db: DB, own: Opener) -> None:
    first, second = own(), own()
    first.root.number, second.root.number = 1, 2
    first.transaction_manager.commit()
    with pytest.raises(ConflictError):
        second.transaction_manager.commit()
    with pytest.raises(transaction.interfaces.TransactionFailedError):
        second.root.number = 3
    second.transaction_manager.abort()
    assert second.root.number == 1


def test_doomed_transaction_cannot_be_committed(connection: Connection) -> None:
    connection.root.number = 1
    transaction.doom()
    with pytest.raises(transaction.interfaces.DoomedTransaction):
        transaction.commit()
    transaction.abort()
    assert not hasattr(connection.root, "number")


def test_commit_without_changes_makes_no_state(connection: Connection) -> None:
    state = connection._session.state
    assert list(connection.root()) == []
    transaction.commit()
    assert connection._session.database.storage.last_state == state


def test_closing_with_changes_is_an_error(db: DB) -> None:
    connection = db.open()
    connection.root.number = 1
    with pytest.raises(ConnectionStateError):
        connection.close()
    transaction.abort()
    connection.close()
    with pytest.raises(ConnectionStateError):
        connection.root


# -- managers --------------------------------------------------------------------------------------------------


def test_attempts_retry_conflicts(db: DB, own: Opener) -> None:
    mine, other = own(), own()
    mine.root.counter = Thing(value=0)
    mine.transaction_manager.commit()
    tries = 0
    for attempt in mine.transaction_manager.attempts(3):
        with attempt:
            tries += 1
            mine.root.counter.value += 1
            if tries < 3:
                other.transaction_manager.begin()
                other.root.counter.value += 10
                other.transaction_manager.commit()
    assert (tries, mine.root.counter.value) == (3, 21)


def test_run_retries_and_gives_up(db: DB, own: Opener) -> None:
    mine, other = own(), own()
    mine.root.counter = Thing(value=0)
    mine.transaction_manager.commit()
    tries = []

    def work() -> str:
        tries.append(1)
        mine.root.counter.value += 1
        if len(tries) != 2:
            other.transaction_manager.begin()
            other.root.counter.value += 10
            other.transaction_manager.commit()
        return "done"

    assert mine.transaction_manager.run(work) == "done"
    assert len(tries) == 2
    tries.clear()
    tries.append(1)
    tries.append(1)
    with pytest.raises(ConflictError):
        mine.transaction_manager.run(work, tries=2)


def test_conflicts_are_transient_errors(connection: Connection) -> None:
    assert issubclass(ConflictError, TransientError)
    assert transaction.get().isRetryableError(ConflictError("x"))
    assert not transaction.get().isRetryableError(KeyError("x"))


def test_explicit_manager_needs_a_begin(db: DB, own: Opener) -> None:
    connection = own(explicit=True)
    manager = connection.transaction_manager
    with pytest.raises(NoTransaction):
        connection.root.number = 1
    with manager:
        connection.root.number = 1
    with db.transaction() as other:
        other.root.number = 2
    assert connection.root.number == 1
    manager.begin()
    assert connection.root.number == 2
    manager.abort()


def test_transaction_block_commits_or_aborts(db: DB) -> None:
    with db.transaction("first note") as connection:
        connection.root.number = 1
    with pytest.raises(ZeroDivisionError), db.transaction() as connection:
        connection.root.number = 1 // 0
    with pytest.raises(ZeroDivisionError), db.transaction() as connection:
        connection.root.number = 2
        1 // 0
    with db.transaction() as connection:
        assert connection.root.number == 1


def test_user_description_and_extension_go_into_the_log(db: DB, connection: Connection) -> None:
    txn = transaction.get()
    txn.setUser("ada")
    txn.note("first line")
    txn.note("second line")
    txn.setExtendedInfo("request", {"path": "/", "size": 3})
    connection.root.number = 1
    transaction.commit()
    storage = db._database.storage
    entry = list(storage.log(storage.last_state - 1))[-1]
    assert (entry.user, entry.description) == ("/ ada", "first line\nsecond line")
    assert codec.decode_value(entry.extension) == {"request": {"path": "/", "size": 3}}


# -- two phases ------------------------------------------------------------------------------------------------


def test_commit_with_another_resource(connection: Connection) -> None:
    other = Resource()
    transaction.get().join(other)
    connection.root.thing = Thing(number=1)
    transaction.commit()
    assert other.steps == ["begin", "commit", "vote", "finish"]
    connection.cacheMinimize()
    assert connection.root.thing.number == 1 and connection.root.thing._p_serial != z64
    assert connection._session.database.storage.prepared() == []


@pytest.mark.parametrize("step", ["begin", "commit", "vote"])
@pytest.mark.parametrize("key", ["a first", "~ last"])
def test_failing_resource_leaves_nothing_behind(connection: Connection, own: Opener, step: str, key: str) -> None:
    connection.root.thing = Thing(number=1)
    transaction.commit()
    state = connection._session.database.storage.last_state
    transaction.get().join(Resource(step, key))
    connection.root.thing.number = 2
    with pytest.raises(OSError, match=step):
        transaction.commit()
    transaction.abort()
    storage = connection._session.database.storage
    assert (connection.root.thing.number, storage.prepared(), storage.last_state) == (1, [], state)
    other = own()
    other.root.thing.number = 3
    other.transaction_manager.commit()


def test_other_commits_wait_for_no_vote(connection: Connection, own: Opener) -> None:
    connection.root.one, connection.root.two = Thing(number=1), Thing(number=1)
    transaction.commit()

    class Between(Resource):
        def tpc_vote(self, txn: Any) -> None:
            beside = own()
            beside.root.two.number = 5
            beside.transaction_manager.commit()
            beside.root.one.number = 6
            with pytest.raises(ConflictError):
                beside.transaction_manager.commit()
            beside.transaction_manager.abort()

    transaction.get().join(Between())
    connection.root.one.number = 2
    transaction.commit()
    assert (connection.root.one.number, connection.root.two.number) == (2, 5)


def test_one_transaction_over_two_databases(db: DB) -> None:
    with DB(None) as second:
        here, there = db.open(), second.open()
        here.root.number, there.root.number = 1, 2
        transaction.commit()
        here.root.number, there.root.number = 3, 4
        with second.transaction() as other:
            other.root.number = 5
        with pytest.raises(ConflictError):
            transaction.commit()
        transaction.abort()
        assert (here.root.number, there.root.number) == (1, 5)


def test_vote_of_the_only_resource_cannot_be_taken_back(connection: Connection) -> None:
    connection.root.number = 1
    txn = transaction.get()
    connection.tpc_begin(txn)
    connection.commit(txn)
    connection.tpc_vote(txn)
    with pytest.raises(StorageError):
        connection.tpc_abort(txn)
    connection.tpc_finish(txn)
    transaction.abort()
    assert connection.root.number == 1


_DIES = """
import os, signal, sys, transaction
from perdure.zodb import DB
from tests.zodb.test_transactions import Resource
class Dies(Resource):
    def tpc_{step}(self, txn):
        os.kill(os.getpid(), signal.SIGKILL)
connections = [DB(sys.argv[1] + name).open() for name in "ab"]
keys = sorted(connection.sortKey() for connection in connections)
transaction.get().join(Dies(key={{"first": "0", "between": keys[1], "last": "~"}}[{place!r}]))
for connection in connections:
    connection.root.number = 2
transaction.commit()
"""


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize(
    ("step", "place", "expected"),
    [("vote", "last", 1), ("finish", "first", 1), ("finish", "between", 2), ("finish", "last", 2)],
)
def test_process_killed_between_the_phases_leaves_both_databases_alike(
    file: str, step: str, place: str, expected: int, order: str
) -> None:
    for name in "ab":
        with DB(file + name) as db, db.transaction() as connection:
            connection.root.number = 1
    code = _DIES.format(step=step, place=place)
    killed = subprocess.run([sys.executable, "-c", code, file], cwd=Path(__file__).parents[2], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    opened = [DB(file + name) for name in order]
    for db in opened:
        with db.transaction() as connection:
            assert connection.root.number == expected
            connection.root.number = 7
        assert db._database.storage.prepared() == []
    for db in opened:
        db.close()

"""Threads with a connection each: nothing is lost, every view is consistent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import transaction

from perdure.zodb import DB
from perdure.zodb.BTrees.OOBTree import OOBTree
from tests.threads import together

from .things import Thing

THREADS = 4


def in_threads(work: Callable[[int], None]) -> None:
    """Run `work` in several threads; an error in one of them is raised here."""
    together(*[partial(work, number) for number in range(THREADS)])


def test_counters_count_every_commit(db: DB) -> None:
    with db.transaction() as connection:
        connection.root.counter = Thing(value=0)

    def work(number: int) -> None:
        manager = transaction.TransactionManager()
        connection = db.open(manager)

        def step() -> None:
            connection.root.counter.value += 1

        for _ in range(20):
            manager.run(step, tries=1000)
        connection.close()

    in_threads(work)
    with db.transaction() as connection:
        assert connection.root.counter.value == THREADS * 20


def test_transfers_keep_the_sum_and_every_view_shows_it(db: DB) -> None:
    with db.transaction() as connection:
        connection.root.accounts = [Thing(amount=100) for _ in range(6)]

    def work(number: int) -> None:
        manager = transaction.TransactionManager()
        connection = db.open(manager)
        for step in range(25):
            for attempt in manager.attempts(1000):
                with attempt:
                    accounts = connection.root.accounts
                    assert sum(account.amount for account in accounts) == 600
                    accounts[(number + step) % 6].amount -= step
                    accounts[(number * step + 1) % 6].amount += step
        connection.close()

    in_threads(work)
    with db.transaction() as connection:
        assert sum(account.amount for account in connection.root.accounts) == 600


def test_threads_fill_one_tree_without_conflicts(db: DB) -> None:
    with db.transaction() as connection:
        connection.root.tree = OOBTree()

    def work(number: int) -> None:
        manager = transaction.TransactionManager()
        connection = db.open(manager)
        tree = connection.root.tree
        for step in range(20):
            tree[step, number] = Thing(number=number)
            manager.commit()
        connection.close()

    in_threads(work)
    with db.transaction() as connection:
        tree = connection.root.tree
        assert list(tree) == [(step, number) for step in range(20) for number in range(THREADS)]
        assert len(tree) == THREADS * 20 and all(thing.number == key[1] for key, thing in tree.items())


def test_each_thread_has_its_own_default_manager(db: DB) -> None:
    def work(number: int) -> None:
        connection = db.open()
        for attempt in transaction.manager.attempts(1000):
            with attempt:
                assert connection.transaction_manager is transaction.manager.manager
                connection.root()[number] = number
        connection.close()

    in_threads(work)
    with db.transaction() as connection:
        assert sorted(connection.root()) == list(range(THREADS))


def test_connections_are_opened_and_closed_by_many_threads(db: DB) -> None:
    def work(number: int) -> None:
        for step in range(30):
            for attempt in (manager := transaction.TransactionManager()).attempts(1000):
                with attempt:
                    connection = db.open(manager)
                    connection.root()[number] = step
            connection.close()

    with db.transaction() as connection:
        for number in range(THREADS):
            connection.root()[number] = -1
    in_threads(work)
    with db.transaction() as connection:
        assert dict(connection.root()) == dict.fromkeys(range(THREADS), 29)

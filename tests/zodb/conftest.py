"""Databases for the tests of the ZODB face: each test runs on a file and in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import transaction

from perdure.zodb import DB, Connection

Opener = Callable[..., Connection]


@pytest.fixture(autouse=True)
def clean_manager() -> Iterator[None]:
    """The thread's transaction manager is as new before and after each test."""
    transaction.manager.clearSynchs()
    transaction.abort()
    yield
    transaction.manager.clearSynchs()
    transaction.abort()


@pytest.fixture(params=["file", "memory"])
def db(request: pytest.FixtureRequest, file: str) -> Iterator[DB]:
    with DB(file if request.param == "file" else None) as opened:
        yield opened


@pytest.fixture
def connection(db: DB) -> Connection:
    """A connection that takes part in the thread's transactions."""
    return db.open()


@pytest.fixture
def own(db: DB) -> Opener:
    """Opens a connection with a transaction manager of its own."""
    return lambda **options: db.open(transaction.TransactionManager(**options))

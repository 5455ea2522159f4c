from __future__ import annotations

from collections.abc import Iterator

import pytest

from perdure.kernel import durable
from perdure.session import Connection, Database


@pytest.fixture(autouse=True)
def no_ambient_owner() -> Iterator[None]:
    before = durable.get_ambient()
    durable.set_ambient(None)
    yield
    durable.set_ambient(before)


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database.open(None)
    yield made
    made.close()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    made = database.connect()
    yield made
    made.close()

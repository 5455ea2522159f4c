"""What session tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perdure.kernel import durable
from perdure.session import Database


@pytest.fixture(autouse=True)
def no_ambient_owner(same_ambient_owner: None) -> None:
    """Each test starts without an owner for new objects."""
    durable.set_ambient(None)


@pytest.fixture(params=["memory", "lmdb"])
def database(request: pytest.FixtureRequest, file: str) -> Iterator[Database]:
    opened = Database.open(file if request.param == "lmdb" else None)
    yield opened
    opened.close()

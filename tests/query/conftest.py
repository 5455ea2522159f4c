from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.kernel import durable
from perdure.query import as_tag, tags
from perdure.session import Connection, Database


class Thing(durable.Durable, metaclass=durable.DurableType):
    _perdure_factory_ = None
    _perdure_typed_ = True

    def __init__(self, name: object = None) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Thing({self.name!r})"


class Special(Thing):
    pass


class Other(durable.Durable, metaclass=durable.DurableType):
    _perdure_factory_ = None
    _perdure_typed_ = True

    def __init__(self, name: object = None) -> None:
        self.name = name


class Quiet(durable.Durable, metaclass=durable.DurableType):
    _perdure_factory_ = None
    _perdure_typed_ = False


@pytest.fixture
def connection() -> Iterator[Connection]:
    database = Database.open(None)
    made = database.connect()
    durable.set_ambient(made)
    yield made
    durable.set_ambient(None)
    made.close()
    database.close()


@pytest.fixture
def user(connection: Connection) -> Thing:
    thing = Thing("user")
    tags(thing).add("account")
    return thing


@pytest.fixture
def granted(user: Thing) -> Thing:
    thing = Thing("granted")
    tags(thing).add(as_tag("GRANT", user))
    return thing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "query.perdure"


def names(query: Any) -> set[Any]:
    return {thing.name for thing in query}

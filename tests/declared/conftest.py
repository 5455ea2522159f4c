from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.session import Database


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A workspace with the prefix `main` open; every prefix is sound at the end."""
    db0.init(tmp_path / "data", prefix="main", autocommit=False)
    yield tmp_path / "data"
    db0.close()
    for path in (tmp_path / "data").rglob("*.db0"):
        database = Database.open(path)
        assert not list(database.verify())
        database.close()


def reopen(root: Path, **options: Any) -> None:
    """Close everything and open `main` again."""
    db0.close()
    db0.init(root, prefix="main", autocommit=False, **options)


def define(name: str, tags: tuple[str, ...] = (), indexes: tuple[str, ...] = (), base: type | None = None) -> Any:
    """A new definition of the memo class `name`, whose instances take their fields as keywords."""

    def __init__(self: Any, **fields: object) -> None:
        for field, value in fields.items():
            setattr(self, field, value)

    plain = type(name, (base,) if base else (), {"__init__": __init__, "__module__": __name__})
    return db0.memo(id=f"declared:{name}")(db0.tag_fields(*tags)(db0.indexed_fields(*indexes)(plain)))


def keep(*objects: Any) -> Any:
    """Make objects live without Python references; the first one."""
    db0.tags(*objects).add("kept")
    return objects[0]


def found(*criteria: Any) -> set[Any]:
    return {obj.name for obj in db0.find(*criteria)}


def by_key(cls: type, field: str, **options: Any) -> list[Any]:
    """The names of the objects in the index of a field, in its order."""
    return [obj.name for obj in db0.index_of(cls, field).sort(db0.find(cls), **options)]

"""A workspace under a data filter, and the same questions asked of the head and of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import SEEN, World


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Starts a workspace with the prefix "main", with options of `init`."""

    def start(**options: Any) -> None:
        db0.init(tmp_path, autocommit=False, **options)
        db0.open("main")

    yield start
    db0.close()


@pytest.fixture
def release(started: Callable[..., None]) -> None:
    """A workspace whose prefixes are all filtered."""
    started(data_filter={"context_var": SEEN})


@pytest.fixture
def world(release: None) -> World:
    return World()


class Head:
    """The functions on the newest state."""

    find = staticmethod(db0.find)
    fetch = staticmethod(db0.fetch)
    exists = staticmethod(db0.exists)
    deserialize = staticmethod(db0.deserialize)


@pytest.fixture(params=["head", "snapshot"])
def at(request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    """Gives what has `find`, `fetch`, `exists` and `deserialize`: the head, or a snapshot of the present state."""
    taken: list[Any] = []

    def place() -> Any:
        if request.param == "head":
            return Head
        taken.append(db0.snapshot())
        return taken[-1]

    yield place
    for one in taken:
        one.close()

"""What the type checker is shown also runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import perdure as db0

from . import public_use


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[None]:
    db0.init(tmp_path, prefix="typing", autocommit=False)
    yield
    db0.close()


def test_public_use_runs() -> None:
    board = public_use.classes()
    db0.commit()
    person = public_use.identity(board)
    assert person is board.people["ada"]
    assert public_use.queries(board, person) == [person]
    assert public_use.collections(person) == 3
    assert public_use.past(person) == 0
    assert public_use.singletons() is board
    assert public_use.blocks(person) == "Ada"
    (ranked,) = public_use.declared()
    assert ranked.double() == 4
    assert public_use.reflection().get_instance_count() == 1
    assert public_use.interfaces(db0.list([1]), db0.dict(), db0.set([1, 2])) == 3


def test_package_is_marked_as_typed() -> None:
    assert (Path(db0.__file__).parent / "py.typed").is_file()

"""The ZODB face on a prefix with a data filter: ids, trees and persistent objects give out what can be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction

import perdure as db0
from perdure import zodb
from perdure.zodb.BTrees.OOBTree import OOBTree
from perdure.zodb.persistent.list import PersistentList
from perdure.zodb.POSException import POSKeyError
from perdure.zodb.utils import p64

from .things import SEEN, Doc, seeing

made: dict[str, Any] = {}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    """A connection to a database with a tree and a list of a visible and a denied object."""
    db0.init(tmp_path, prefix="main", autocommit=False, data_filter={"context_var": SEEN})
    made.update(all=db0.predicate("x"), open=db0.predicate("open"))  # they outlive the prefix they were made in
    seen, denied = Doc("seen"), Doc("denied")
    db0.tags(seen, denied).add("x")
    db0.tags(seen).add("open")
    db0.commit()
    identity = db0.get_address(seen), db0.get_address(denied)
    del seen, denied
    db0.close("main")
    with zodb.DB(tmp_path / "main.db0") as database:
        with database.transaction() as writing, seeing(predicate=made["all"]):
            seen, denied = (writing.get(p64(oid)) for oid in identity)
            writing.root.tree = OOBTree({"seen": seen, "denied": denied})
            writing.root.list = db0.list([seen, denied])
            writing.root.denied = denied
            writing.root.persistent = PersistentList([seen, denied])
        opened = database.open()
        yield opened
        transaction.abort()
        opened.close()
    db0.close()


DENIED: dict[str, Callable[[Any], Any]] = {
    "root": lambda one: one.root.denied,
    "tree value": lambda one: one.root.tree["denied"],
    "tree get": lambda one: one.root.tree.get("denied"),
    "tree values": lambda one: list(one.root.tree.values()),
    "tree items": lambda one: list(one.root.tree.items()),
    "tree pop": lambda one: one.root.tree.pop("denied"),
    "persistent list": lambda one: one.root.persistent[1],
    "persistent list pop": lambda one: one.root.persistent.pop(),
    "iteration of a persistent list": lambda one: list(one.root.persistent),
    "list": lambda one: one.root.list[1],
}


@pytest.mark.parametrize("path", DENIED)
def test_what_is_denied_is_not_given_out(connection: Any, path: str) -> None:
    with seeing(predicate=made["open"]):
        with pytest.raises(PermissionError):
            DENIED[path](connection)
        assert connection.root.tree["seen"].name == connection.root.list[0].name == "seen"
        assert list(connection.root.tree) == ["denied", "seen"] and len(connection.root.tree) == 2
    with seeing(predicate=made["all"]):
        DENIED[path](connection)


def test_the_id_of_what_is_denied_is_as_one_of_nothing(connection: Any) -> None:
    with seeing(predicate=made["all"]):
        number = p64(db0.get_address(connection.root.denied))
    errors = []
    with seeing(predicate=made["open"]):
        for one in (number, p64(1 << 40)):
            with pytest.raises(POSKeyError) as caught:
                connection.get(one)
            errors.append(type(caught.value))
    assert errors[0] is errors[1]

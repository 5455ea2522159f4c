"""Both faces on one database file in one process."""

from pathlib import Path
from typing import Any

import pytest
import transaction

import perdure as db0
from perdure import zodb
from perdure.errors import ConflictError
from perdure.query import find_in

from .things import Node, Root


@pytest.fixture
def path(root: Path) -> Path:
    return root / "main.db0"


def test_memo_objects_are_stored_by_the_other_face_without_a_workspace(root: Path, path: Path) -> None:
    db0.close()
    with zodb.DB(path) as database, database.transaction() as connection:
        connection.root.node = Node("a", items=[1, {"k": 2}])
    db0.init(root, prefix="main", autocommit=False)
    assert [(node.name, list(node.items)) for node in db0.find(Node)] == [("a", [1, {"k": 2}])]


def test_without_any_database_memo_objects_are_refused_again(root: Path, path: Path) -> None:
    db0.close()
    zodb.DB(path).close()
    with pytest.raises(RuntimeError, match="not initialized"):
        Node()


def test_objects_found_by_the_memo_face_are_the_ones_of_the_other(root: Path, path: Path) -> None:
    db0.open("main")
    node = Node("memo", parts=[1])
    db0.tags(node).add("tagged")
    identity = db0.uuid(node)
    db0.commit()
    with zodb.DB(path) as database:
        with database.transaction() as connection:
            found: Any = next(iter(find_in(connection._session, "tagged")))
            found.name = "zodb"
            found.parts.append(2)
            connection.root.found = found
        assert db0.refresh()
        assert (node.name, list(node.parts), db0.getrefcount(node)) == ("zodb", [1, 2], 2)
        node.name = "memo again"
        db0.commit()
        with database.transaction() as connection:
            assert connection.root.found.name == "memo again"
    assert db0.fetch(identity) is node


def test_an_object_of_the_live_connection_is_refused_by_the_other(root: Path, path: Path) -> None:
    db0.open("main")
    kept = Root(Node("memo"))
    db0.commit()
    with zodb.DB(path) as database:
        connection = database.open(transaction.TransactionManager())
        connection.root.node = kept.value
        with pytest.raises(RuntimeError, match="another connection"):
            connection.transaction_manager.commit()
        connection.transaction_manager.abort()


def test_the_memo_face_opens_what_the_other_face_has_open(root: Path, path: Path) -> None:
    with zodb.DB(path) as database:
        db0.open("main")
        Root(1)
        db0.commit()
        with database.transaction() as connection:
            connection.root.x = 1
        Root().value = 2
        db0.commit()
        assert db0.get_state_num(finalized=True) >= 4


def test_a_conflict_with_the_other_face_undoes_the_pending_changes(root: Path, path: Path) -> None:
    db0.open("main")
    kept = Root("old")
    db0.tags(kept).add("kept")
    db0.commit()
    with zodb.DB(path) as database:
        kept.value = "mine"
        with database.transaction() as connection:
            other: Any = next(iter(find_in(connection._session, "kept")))
            other.value = "theirs"
        with pytest.raises(ConflictError):
            db0.commit()
        assert kept.value == "theirs"
        kept.value = "mine again"
        db0.commit()
    assert kept.value == "mine again"

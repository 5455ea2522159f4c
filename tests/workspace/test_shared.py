"""Several processes that write one prefix: what they may do at once, and what conflicts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.errors import ConflictError
from perdure.workspace.functions import workspace

from .conftest import Process
from .things import Node, Root


def test_all_writers_must_open_the_prefix_shared(root: Path, other: Any, start: Callable[..., Process]) -> None:
    alone = start(
        """
        try:
            db0.init(sys.argv[1], prefix='main')
        except RuntimeError as error:
            say(error)
        """,
        root,
    )
    assert "failed to acquire lock" in alone.hear()
    reader = start("db0.init(sys.argv[1], prefix='main', read_write=False); say(Root().value)", root)
    assert reader.hear() == "0"


def test_an_exclusive_writer_keeps_shared_ones_out(root: Path, start: Callable[..., Process]) -> None:
    db0.open("main")
    second = start(
        """
        try:
            db0.init(sys.argv[1], prefix='main', shared=True)
        except RuntimeError as error:
            say(error)
        """,
        root,
    )
    assert "failed to acquire lock" in second.hear()


def test_a_shared_prefix_is_not_committed_in_the_background(root: Path, tmp_path: Path) -> None:
    db0.close()
    db0.init(tmp_path, autocommit_interval=1)
    with pytest.raises(RuntimeError, match="shared"):
        db0.open("main", shared=True, autocommit=True)
    db0.open("main", shared=True)
    Root(1)
    assert not db0.wait("main", 2, 50)
    db0.close()


def test_changes_of_different_objects_entries_tags_and_new_ones_go_together(shared: Any, other: Any) -> None:
    shared.nodes[0].name = "mine"
    shared.big[1] = "mine"
    db0.tags(shared.nodes[0], shared.nodes[2]).add("both")
    shared.index.add(1, shared.nodes[0])
    db0.tags(Node("new of mine")).add("new")
    done = other(
        "kept.nodes[1].name = 'theirs'; kept.big[2] = 'theirs'; db0.tags(kept.nodes[1]).add('both')",
        "kept.index.add(2, kept.nodes[1]); db0.tags(Node('new of theirs')).add('new'); db0.commit()",
    )
    assert done == "done"
    assert shared.nodes[1].name == 1, "nothing moves before a commit or refresh"
    db0.commit()
    assert [node.name for node in shared.nodes] == ["mine", "theirs", 2, 3]
    assert (shared.big[1], shared.big[2], len(shared.big)) == ("mine", "theirs", 2000)
    assert {node.name for node in db0.find("both")} == {"mine", "theirs", 2}
    assert {node.name for node in db0.find("new")} == {"new of mine", "new of theirs"}
    assert [(key, node.name) for key, node in shared.index] == [(1, "mine"), (2, "theirs")]
    assert not list(workspace().current_prefix().database.verify())


@pytest.mark.parametrize(
    ("mine", "theirs", "named"),
    [
        (lambda kept: setattr(kept.nodes[0], "name", "x"), "kept.nodes[0].name = 'theirs'", r"Node #\d+> of .*main"),
        (lambda kept: kept.items.append(1), "kept.items.append(2)", r"List #\d+>"),
        (lambda kept: kept.table.update(a=1), "kept.table['b'] = 2", r"Dict #\d+>"),
        (lambda kept: kept.big.update({7: "x"}), "kept.big[7] = 'theirs'", r"an entry of <.*Dict #\d+>"),
        (lambda kept: db0.tags(kept.nodes[0]).add("x"), "db0.tags(kept.nodes[0]).add('y')", r"the tags of <.*Node #"),
    ],
)
def test_a_conflict_names_the_object_and_undoes_what_was_pending(
    shared: Any, other: Any, mine: Callable[[Any], None], theirs: str, named: str
) -> None:
    mine(shared)
    shared.value = "undone with it"
    new = Node("new")
    assert other(theirs + "; db0.commit()") == "done"
    with pytest.raises(ConflictError, match=named):
        db0.commit()
    assert shared.value == 0
    with pytest.raises(db0.ReferenceError):
        new.name
    mine(shared)
    shared.value = "later"
    db0.commit()
    assert other("db0.refresh()", "assert kept.value == 'later', kept.value") == "done"
    assert not list(workspace().current_prefix().database.verify())


def test_a_reference_to_what_another_writer_deletes_conflicts_both_ways(shared: Any, other: Any) -> None:
    node = shared.nodes[3]
    shared.link = node
    assert other("kept.nodes.pop(); db0.commit()") == "done"
    with pytest.raises(ConflictError, match=r"Node #\d+> of .* was deleted"):
        db0.commit()
    with pytest.raises(db0.ReferenceError):
        node.name
    shared.nodes[0].gone = Node("gone")
    db0.commit()
    assert other("db0.refresh(); kept.nodes[1].link = kept.nodes[0].gone; db0.commit()") == "done"

    @db0.retry
    def unlink() -> None:
        del shared.nodes[0].gone

    unlink()
    assert shared.nodes[1].link.name == "gone"
    assert not list(workspace().current_prefix().database.verify())


def test_a_commit_without_changes_and_refresh_go_to_the_newest_state(shared: Any, other: Any) -> None:
    other("kept.value = 1; db0.commit()")
    assert shared.value == 0 and db0.refresh() and shared.value == 1
    other("kept.value = 2; db0.commit()")
    db0.commit()
    assert shared.value == 2
    other("kept.value = 3; db0.commit()")
    shared.nodes[0].name = "pending"
    assert not db0.refresh() and shared.value == 2
    db0.commit()
    assert shared.value == 3


def test_a_writer_that_was_left_behind_by_packing_still_moves_on(shared: Any, other: Any) -> None:
    assert (shared.nodes[0].name, shared.value, list(shared.items)) == (0, 0, [])
    connection = workspace().current()
    other("kept.nodes[0].name = 'theirs'; kept.value = 1; kept.items.append(1); db0.commit()")
    storage = connection.database.storage
    before = connection.view
    connection.view = storage.view(storage.last_state)  # as if the pin had been lost
    before.release()
    storage.pack(storage.last_state)
    connection.view.state = before.state
    assert db0.refresh()
    assert (shared.nodes[0].name, shared.value, list(shared.items)) == ("theirs", 1, [1])


def test_classes_fields_and_singletons_of_other_writers_are_known(shared: Any, other: Any) -> None:
    other("kept.nodes[0].late = Node('x', fresh_field=1); db0.commit()")
    shared.nodes[1].early = Node("y", fresh_field=2, second_field=3)
    db0.commit()
    assert shared.nodes[0].late.fresh_field == 1
    assert other("db0.refresh(); assert kept.nodes[1].early.second_field == 3 and len(db0.find(Node)) == 6") == "done"

"""Several processes that write one prefix: what they may do at once, what conflicts, and `retry`."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.errors import ConflictError
from perdure.workspace.functions import workspace

from .conftest import Process
from .things import Node, Root

OTHER = """
    db0.init(sys.argv[1], shared=True)
    db0.open('main')
    kept = Root()
    say('open')
    while True:
        try:
            line = hear()
        except EOFError:
            break
        try:
            exec(line)
            say('done')
        except Exception as error:
            say(type(error).__name__, str(error).replace('\\n', ' '))
    db0.close()
"""


@pytest.fixture
def shared(root: Path) -> Any:
    """The root object of a prefix opened shared."""
    db0.open("main", shared=True)
    kept: Any = Root(0)
    kept.table = {}
    kept.big = {number: number for number in range(2000)}
    kept.items = []
    kept.nodes = [Node(number) for number in range(4)]
    kept.index = db0.index()
    db0.commit()
    return kept


@pytest.fixture
def other(root: Path, shared: Any, start: Callable[..., Process]) -> Callable[..., str]:
    """Runs statements in a second process that has the prefix open shared; gives `done` or the error."""
    process = start(OTHER, root)
    assert process.hear() == "open"

    def run(*lines: str) -> str:
        answer = "done"
        for line in lines:
            answer = process.ask(line)
        return answer

    return run


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


# -- retry -------------------------------------------------------------------------------------------------


def test_retry_runs_again_on_what_another_writer_stored(shared: Any, other: Any) -> None:
    seen: list[int] = []

    @db0.retry
    def add(amount: int) -> int:
        """Add to the value."""
        seen.append(shared.value)
        if len(seen) == 1:
            assert other("kept.value = 10; db0.commit()") == "done"
        shared.value += amount
        return int(shared.value)

    assert add(5) == 15 and seen == [0, 10]
    assert add.__name__ == "add" and add.__doc__ == "Add to the value."
    assert other("db0.refresh(); assert kept.value == 15") == "done"


def test_retry_gives_up_after_its_attempts_with_the_conflict(shared: Any, other: Any) -> None:
    runs: list[int] = []

    @db0.retry(attempts=3)
    def add() -> None:
        runs.append(1)
        assert other("kept.value += 10; db0.commit()") == "done"
        shared.value += 1

    with pytest.raises(ConflictError, match="Root"):
        add()
    assert len(runs) == 3 and shared.value == 30
    with pytest.raises(ValueError, match="attempt"):
        db0.retry(attempts=0)(add)


def test_an_exception_in_retry_undoes_its_changes_and_is_not_tried_again(shared: Any) -> None:
    runs: list[int] = []

    @db0.retry
    def fail() -> None:
        runs.append(1)
        shared.value = 5
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert runs == [1] and shared.value == 0
    state = db0.get_state_num()
    db0.commit()
    assert db0.get_state_num() == state


def test_what_was_pending_before_retry_is_committed_first(shared: Any) -> None:
    shared.value = "before"
    state = db0.get_state_num()
    with pytest.raises(KeyError):
        db0.retry(lambda: {}["x"])()
    assert db0.get_state_num(finalized=True) == state and shared.value == "before"


def test_retry_inside_of_a_block_or_of_retry_is_a_part_of_it(shared: Any) -> None:
    @db0.retry
    def inner() -> None:
        shared.value += 1

    @db0.retry
    def outer() -> None:
        inner()
        inner()

    state = db0.get_state_num(finalized=True)
    outer()
    assert shared.value == 2 and db0.get_state_num(finalized=True) == state + 1
    with db0.atomic() as block:
        inner()
        block.cancel()
    assert shared.value == 2


def test_retry_works_over_prefixes_and_on_prefixes_that_are_not_shared(root: Path) -> None:
    db0.open("alone")
    alone = Root(0)
    db0.open("main", shared=True)
    kept = Root(0)

    @db0.retry
    def move() -> None:
        alone.value -= 1
        kept.value += 1

    for _ in range(3):
        move()
    assert (alone.value, kept.value) == (-3, 3)


ADDER = """
    db0.init(sys.argv[1], shared=True)
    db0.open('other', shared=True)
    far = Root()
    db0.open('main')
    kept = Root()
    mine = sys.argv[2]

    @db0.retry(attempts=1000)
    def add():
        kept.value += 1
        kept.items.append(mine)
        node = Node(mine, number=kept.value)
        kept.big[(mine, kept.value)] = node
        db0.tags(node).add('added', mine)
        far.value -= 1

    say('ready')
    hear()
    for _ in range(40):
        add()
    say(kept.value)
"""


def test_processes_that_add_at_once_lose_no_addition(root: Path, shared: Any, start: Callable[..., Process]) -> None:
    db0.open("other", shared=True)
    Root(0)
    db0.commit()
    processes = [start(ADDER, root, f"p{number}") for number in range(3)]
    for process in processes:
        assert process.hear() == "ready"
    for process in processes:
        process.tell("go")
    for process in processes:
        process.hear()
        assert process.end() == 0
    db0.refresh()
    assert (shared.value, db0.fetch(Root, prefix="other").value) == (120, -120)
    assert sorted(shared.items) == ["p0"] * 40 + ["p1"] * 40 + ["p2"] * 40
    found = list(db0.find("added", prefix="main"))
    assert sorted(node.number for node in found) == list(range(1, 121))
    assert all(shared.big[node.name, node.number] is node for node in found) and len(shared.big) == 2120
    assert [len(db0.find(f"p{number}", prefix="main")) for number in range(3)] == [40] * 3
    for prefix in workspace().list_open():
        assert not prefix.database.storage.prepared() and not list(prefix.database.verify())


def test_a_writer_killed_in_the_middle_does_not_stop_the_others(
    root: Path, shared: Any, start: Callable[..., Process]
) -> None:
    db0.open("other", shared=True)
    far: Any = Root(0)
    db0.commit()
    victim = start(
        """
        import os
        from perdure.storage import VersionedStorage
        db0.init(sys.argv[1], shared=True)
        for name in ('other', 'main'):
            db0.open(name)
            Root().value = 'theirs'
        real = VersionedStorage.commit
        def commit(self, *arguments):
            real(self, *arguments)
            os._exit(9)
        VersionedStorage.commit = commit
        db0.commit()
        """,
        root,
    )
    assert victim.end() == 9

    @db0.retry
    def change() -> tuple[Any, Any]:
        before = far.value, shared.value
        far.value, shared.value = "mine", "mine"
        return before

    assert change() == ("theirs", "theirs")


def test_threads_of_one_process_each_get_their_additions(shared: Any, other: Any) -> None:
    errors: list[BaseException] = []

    @db0.retry(attempts=1000)
    def add() -> None:
        shared.value += 1
        shared.items.append(1)

    def work() -> None:
        try:
            for _ in range(25):
                add()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    add_there = "\n".join(["for _ in range(25):", "    db0.refresh()", "    kept.big[_] = 'there'", "    db0.commit()"])
    assert other(f"exec({add_there!r})") == "done"
    for thread in threads:
        thread.join()
    assert errors == []
    db0.refresh()
    assert shared.value == 100 and len(shared.items) == 100 and shared.big[24] == "there"

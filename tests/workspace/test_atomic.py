"""Claims of the spec, section 8.1: atomic blocks."""

import threading
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Node, Root

pytestmark = pytest.mark.usefixtures("main")


def everything() -> Any:
    """A graph with every kind of content, kept by the root."""
    kept = Root(
        Node("a", items=[1, 2], table={"k": 1}, marks={1}, raw=bytearray(b"ab"), pair=(1, [2]), index=db0.index())
    )
    kept.value.index.add(1, kept.value)
    db0.tags(kept.value).add("old")
    return kept.value


def change(node: Any) -> Node:
    """Change everything in it; an object that only the change refers to."""
    node.name = "b"
    node.extra = 1
    del node.pair
    node.items.append(3)
    node.items[0] = [9]
    node.table["new"] = {"deep": 1}
    del node.table["k"]
    node.marks.add(2)
    node.marks.discard(1)
    node.raw.append(99)
    new = Node("new", parent=node)
    node.items.append(new)
    node.index.add(2, new)
    node.index.remove(1, node)
    db0.tags(node).remove("old")
    db0.tags(node, new).add("new")
    return new


def look(node: Any) -> Any:
    """What is seen of it."""
    with pytest.raises(AttributeError):
        node.extra
    return (
        node.name,
        list(node.items),
        dict(node.table),
        set(node.marks),
        bytes(node.raw),
        (node.pair[0], list(node.pair[1])),
        [found.name for found in node.index.select()],
        [found.name for found in db0.find("old")],
        len(db0.find("new")),
        len(db0.find(Node)),
        db0.getrefcount(node),
    )


def test_a_block_that_ends_well_is_kept_and_commits_nothing(main: Path) -> None:
    node = everything()
    db0.commit()
    state = db0.get_state_num()
    with db0.atomic():
        new = change(node)
        assert len(db0.find("new")) == 2 and node.items[-1] is new and node.extra == 1
        assert db0.get_state_num() == state
    assert db0.get_state_num() == state
    assert new.parent is node and db0.getrefcount(new) == 3
    reopen(main)
    node = Root().value
    assert (node.name, node.extra, len(node.items), node.table["new"]["deep"]) == ("b", 1, 4, 1)
    assert [found.name for found in node.index.select()] == ["new"]


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("how", ["exception", "cancel"])
def test_a_reverted_block_leaves_everything_as_it_was(main: Path, how: str, flushed: bool) -> None:
    node = everything()
    before = look(node)
    made: list[Node] = []
    if how == "exception":
        with pytest.raises(KeyError, match="mine"), db0.atomic():
            made.append(change(node))
            if flushed:
                len(db0.find("new"))
            raise KeyError("mine")
    else:
        with db0.atomic() as block:
            made.append(change(node))
            if flushed:
                len(db0.find("new"))
            block.cancel()
            block.cancel()
    assert look(node) == before
    with pytest.raises(db0.ReferenceError):
        made[0].name
    assert "Node" in object.__repr__(made[0])
    reopen(main)
    assert look(Root().value) == before


def test_a_reverted_deletion_brings_the_object_back(main: Path) -> None:
    node = Node("kept")
    db0.commit()
    identity = db0.uuid(node)
    with db0.atomic() as block:
        db0.delete(node)
        assert not db0.exists(identity) and not db0.find(Node)
        block.cancel()
    assert node.name == "kept" and db0.fetch(identity) is node and list(db0.find(Node)) == [node]


def test_a_reverted_first_use_of_a_class_and_a_singleton_is_undone(main: Path) -> None:
    @db0.memo(id="test:first-use", singleton=True)
    class Brief:
        def __init__(self, value: int) -> None:
            self.value = value

    with db0.atomic() as block:
        Brief(1)
        block.cancel()
    assert not db0.exists(Brief)
    assert Brief(2).value == 2


def test_after_cancel_statements_run_outside_of_the_block(main: Path) -> None:
    node = everything()
    with pytest.raises(ValueError, match="late"), db0.atomic() as block:
        node.name = "reverted"
        block.cancel()
        assert node.name == "a"
        node.name = "kept"
        db0.commit()
        raise ValueError("late")
    assert node.name == "kept"


def test_close_ends_a_block_early_and_the_manager_can_be_entered_again(main: Path) -> None:
    node = everything()
    manager = db0.atomic()
    with pytest.raises(ValueError, match="late"), manager as block:
        node.name = "kept"
        block.close()
        raise ValueError("late")
    assert node.name == "kept"
    with pytest.raises(ValueError, match="again"), manager:
        node.name = "reverted"
        raise ValueError("again")
    assert node.name == "kept"
    begun = db0.begin_atomic()
    node.name = "reverted"
    begun.cancel()
    begun.close()
    assert node.name == "kept"


def test_an_inner_revert_leaves_the_outer_changes_and_an_outer_one_takes_the_inner(main: Path) -> None:
    node = everything()
    with db0.atomic() as outer:
        node.name = "outer"
        node.items.append("outer")
        with pytest.raises(KeyError), db0.atomic():
            node.name = "inner"
            node.items.append("inner")
            raise KeyError
        assert (node.name, node.items[-1]) == ("outer", "outer")
        with db0.atomic():
            node.items.append("merged")
        assert node.items[-1] == "merged"
        outer.cancel()
    assert (node.name, list(node.items)) == ("a", [1, 2])


def test_cancelling_the_outer_block_inside_of_the_inner_one_ends_both(main: Path) -> None:
    node = everything()
    with db0.atomic() as outer:
        node.name = "outer"
        with db0.atomic():
            node.name = "inner"
            outer.cancel()
            assert node.name == "a"
            node.name = "after"
        new = Node("alive")
    assert node.name == "after" and new.name == "alive"
    db0.commit()


def test_objects_of_a_kept_inner_block_stay_usable(main: Path) -> None:
    with db0.atomic():
        with db0.atomic():
            node = Node("inner")
            db0.tags(node).add("t")
        node.name = "changed"
    assert node.name == "changed" and list(db0.find("t")) == [node]


def test_all_prefixes_are_reverted_also_one_opened_inside(main: Path) -> None:
    db0.open("other")
    other = Root("other")
    db0.open("main")
    here = Root("main")
    with db0.atomic() as block:
        here.value, other.value = 1, 2
        db0.open("third")
        Root("third")
        block.cancel()
    assert (here.value, other.value) == ("main", "other")
    assert db0.get_current_prefix().name == "third" and not db0.exists(Root)
    Root("later")
    reopen(main, "third")
    assert Root().value == "later"


def test_commit_and_close_inside_are_refused(main: Path) -> None:
    with db0.atomic():
        kept = Root(1)
        for call in (db0.commit, lambda: db0.commit("main"), db0.close, lambda: db0.close("main")):
            with pytest.raises(RuntimeError, match="atomic"):
                call()
        kept.value = 2
    db0.commit()
    assert Root().value == 2


def test_a_snapshot_taken_inside_sees_only_committed_changes(main: Path) -> None:
    kept = Root("old")
    db0.commit()
    with db0.atomic():
        kept.value = "new"
        with db0.snapshot() as now:
            assert now.fetch(Root).value == "old"


def test_a_value_that_cannot_be_stored_reverts_nothing_but_its_assignment(main: Path) -> None:
    kept = Root(1)
    with db0.atomic():
        kept.value = 2
        with pytest.raises(AttributeError):
            kept.value = object()
    assert kept.value == 2


def test_changes_of_other_threads_wait_and_are_not_reverted(main: Path) -> None:
    nodes = [Node(number) for number in range(4)]
    kept = Root(nodes)
    db0.tags(*nodes).add("kept")
    db0.commit()
    started, order = threading.Barrier(5), []
    actions = [
        lambda: setattr(nodes[0], "name", "changed"),
        lambda: kept.value.append(Node("new")),
        lambda: db0.tags(nodes[1]).add("tagged"),
        lambda: order.append("commit") if db0.commit() is None else None,
    ]

    def run(action: Any) -> None:
        started.wait()
        action()
        order.append("done")

    with db0.atomic() as block:
        nodes[2].name = "reverted"
        threads = [threading.Thread(target=run, args=(action,)) for action in actions]
        for thread in threads:
            thread.start()
        started.wait()
        for thread in threads:
            thread.join(0.05)
        assert order == []
        block.cancel()
    for thread in threads:
        thread.join()
    assert order.count("done") == 4
    assert nodes[0].name == "changed" and kept.value[-1].name == "new" and nodes[2].name == 2
    assert list(db0.find("tagged")) == [nodes[1]]
    reopen(main)
    assert Root().value[0].name == "changed"


def test_blocks_of_several_threads_take_turns(main: Path) -> None:
    kept = Root(0)

    def add() -> None:
        for number in range(50):
            with db0.atomic() as block:
                kept.value = kept.value + 1
                if number % 2:
                    block.cancel()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.value == 100


def test_a_block_ends_in_its_own_thread(main: Path) -> None:
    manager = db0.begin_atomic()
    errors: list[BaseException] = []

    def end() -> None:
        try:
            manager.close()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()
    assert len(errors) == 1
    manager.close()
    db0.commit()


def test_changes_by_others_of_what_the_block_has_changed_wait_too(main: Path) -> None:
    node = Node("old", items=[1], table={1: 1}, marks={1})
    Root(node)
    db0.commit()
    actions = [
        lambda: setattr(node, "name", "theirs"),
        lambda: node.items.append(2),
        lambda: node.items.__setitem__(0, "first"),
        lambda: node.table.update({2: 2}),
        lambda: node.table.__setitem__(1, "theirs"),
        lambda: node.marks.add(2),
    ]
    done: list[int] = []
    started = threading.Barrier(len(actions) + 1)

    def run(action: Any) -> None:
        started.wait()
        action()
        done.append(1)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    with db0.atomic() as block:
        node.name = "mine"
        node.items.append("mine")
        node.table[1] = "mine"
        node.marks.add("mine")
        new = Node("new")
        for thread in threads:
            thread.start()
        started.wait()
        for thread in threads:
            thread.join(0.02)
        assert done == [] and (node.name, len(node.items), new.name) == ("mine", 2, "new")
        block.cancel()
    for thread in threads:
        thread.join()
    assert (node.name, sorted(map(str, node.items)), dict(node.table)) == (
        "theirs",
        ["2", "first"],
        {1: "theirs", 2: 2},
    )
    assert set(node.marks) == {1, 2}

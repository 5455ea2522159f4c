"""Claims of the spec, sections 8.5 and 12: readers that follow a writer, and what survives a killed process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import Process, eventually
from .things import Node, Root

WRITER = """
    db0.init(sys.argv[1], prefix='main', autocommit=False)
    while True:
        try:
            line = hear()
        except EOFError:
            break
        exec(line)
        say('done')
    db0.close()
"""


@pytest.fixture
def writer(root: Path, start: Callable[..., Process]) -> Callable[[str], None]:
    """Runs statements in a process that has the prefix open for writing."""
    process = start(WRITER, root)

    def run(*lines: str) -> None:
        for line in lines:
            assert process.ask(line) == "done"

    run("Root([]); db0.commit()")
    return run


def test_a_commit_becomes_visible_to_a_reader_without_any_call(root: Path, writer: Any) -> None:
    db0.open("main", "r")
    kept = Root()
    assert list(kept.value) == []
    writer("Root().value.append(Node('first')); Root().extra = 5; db0.commit()")
    eventually(lambda: len(kept.value) == 1)
    assert kept.value[0].name == "first" and kept.extra == 5
    assert db0.get_state_num() == 3


def test_refresh_brings_the_newest_state_at_once_and_tells_whether_there_was_one(root: Path, writer: Any) -> None:
    db0.open("main", "r")
    kept = Root()
    for number in range(20):
        writer(f"Root().value.append({number}); db0.commit()")
        db0.refresh()
        assert list(kept.value) == list(range(number + 1))
    assert not db0.refresh()


def test_uncommitted_changes_of_the_writer_are_never_visible(root: Path, writer: Any) -> None:
    db0.open("main", "r")
    writer("Root().value.append(1); len(db0.find(Node))")
    assert not db0.refresh() and list(Root().value) == []
    writer("db0.commit()")
    db0.refresh()
    assert list(Root().value) == [1]


def test_every_kind_of_change_reaches_a_reader(root: Path, writer: Any) -> None:
    writer(
        "r = Root(); n = Node('a', small=None, items=[1], table={'k': 1}, marks={1}, raw=bytearray(b'a'))",
        "n.index = db0.index()",
        "r.value.append(n); n.index.add(1, n); db0.tags(n).add('old'); db0.commit()",
    )
    db0.open("main", "r")
    node = Root().value[0]
    assert (node.small, list(node.items), len(db0.find("old")), len(node.index.select())) == (None, [1], 1, 1)
    writer(
        "n.small = 1 << 50; n.later = 'x'; n.items.insert(0, 0); n.table['k'] = 2; n.marks.add(2); n.raw.append(98)",
        "m = Node('b'); r.value.append(m); n.index.add(0, m); db0.tags(n).remove('old'); db0.tags(n, m).add('new')",
        "del n.name; db0.commit()",
    )
    db0.refresh()
    assert (node.small, node.later, list(node.items), dict(node.table)) == (1 << 50, "x", [0, 1], {"k": 2})
    assert set(node.marks) == {1, 2} and bytes(node.raw) == b"ab" and not hasattr(node, "name")
    assert len(node.index.select()) == 2 and not db0.find("old") and len(db0.find("new")) == 2
    assert Root().value[1].name == "b"


def test_classes_that_the_writer_uses_first_are_known_to_the_reader(root: Path, writer: Any) -> None:
    db0.open("main", "r")
    assert not db0.find(Node)
    writer("n = Node('first of its class'); db0.tags(n).add('t'); db0.commit()")
    db0.refresh()
    assert [node.name for node in db0.find(Node, "t")] == ["first of its class"]


def test_a_deleted_object_raises_and_is_not_served_for_another(root: Path, writer: Any) -> None:
    writer("n = Node('gone'); db0.tags(n).add('t'); db0.commit()")
    db0.open("main", "r")
    node = next(iter(db0.find("t")))
    identity = db0.uuid(node)
    writer(
        "db0.tags(n).remove('t'); db0.delete(n); db0.commit()", "n = Node('other'); db0.tags(n).add('t'); db0.commit()"
    )
    db0.refresh()
    with pytest.raises(db0.ReferenceError):
        node.name
    assert not db0.exists(identity)
    other = next(iter(db0.find("t")))
    assert other is not node and other.name == "other"


def test_writes_of_a_reader_are_refused(root: Path, writer: Any) -> None:
    writer("Root().value.append(Node('a')); Root().table = {}; db0.commit()")
    db0.open("main", "r")
    node = Root().value[0]
    text = "Cannot modify read-only prefix: main"
    with pytest.raises(AttributeError, match=text):
        node.name = "b"
    with pytest.raises(AttributeError, match=text):
        del node.name
    for change in (
        lambda: Root().value.append(1),
        lambda: Root().table.update(a=1),
        lambda: db0.tags(node).add("x"),
        lambda: db0.delete(node),
        lambda: db0.touch(node),
        lambda: Node("new"),
    ):
        with pytest.raises(RuntimeError):
            change()
    assert node.name == "a"
    db0.commit()
    assert db0.get_state_num() == 3


def test_a_reader_keeps_a_snapshot_while_it_follows(root: Path, writer: Any) -> None:
    db0.open("main", "r")
    with db0.snapshot() as then:
        writer("Root().value.append(1); db0.commit()")
        db0.refresh()
        assert list(then.fetch(Root).value) == [] and list(Root().value) == [1]


def test_an_iterator_of_a_reader_ends_on_what_it_began_with(root: Path, writer: Any) -> None:
    writer("ns = [Node(i) for i in range(100)]; db0.tags(*ns).add('t'); db0.commit()")
    db0.open("main", "r")
    iterator = iter(db0.find("t"))
    seen = [next(iterator).name]
    writer("ms = [Node(i) for i in range(100, 200)]; db0.tags(*ms).add('t'); db0.commit()")
    db0.refresh()
    seen += [node.name for node in iterator]
    assert sorted(seen) == list(range(100)) and len(db0.find("t")) == 200


def test_a_waiting_reader_is_woken_by_the_writers_commit(root: Path, writer: Any) -> None:
    db0.open("main", "r")
    assert not db0.wait("main", 3, 1)
    writer("Root().value.append(1); db0.commit()")
    assert db0.wait("main", 3, 60_000) and db0.get_state_num() == 3 and list(Root().value) == [1]


def test_a_reader_process_sees_a_writer_that_commits_by_itself(tmp_path: Path, start: Callable[..., Process]) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=5)
    kept = Root(0)
    db0.commit()
    script = """
        import time
        db0.init(sys.argv[1]); db0.open('main', 'r')
        seen, kept = [], Root()
        while not seen or seen[-1] < 50:
            if not seen or kept.value != seen[-1]: seen.append(kept.value)
        say(seen == sorted(set(seen)), seen[-1])
    """
    reader = start(script, tmp_path)
    for number in range(51):
        kept.value = number
        db0.wait("main", db0.get_state_num(), 5)
    assert reader.hear() == "True 50"
    db0.close()


# -- crashes -----------------------------------------------------------------------------------------------


def test_after_a_kill_committed_data_is_there_and_pending_data_is_not(
    root: Path, start: Callable[..., Process]
) -> None:
    process = start(WRITER, root)
    process.ask("r = Root([1]); n = Node('kept'); db0.tags(n).add('t'); db0.commit()")
    process.ask("r.value.append(2); n.name = 'lost'; db0.tags(Node('lost')).add('t'); len(db0.find('t'))")
    process.kill()
    db0.open("main")
    assert list(Root().value) == [1] and [node.name for node in db0.find("t")] == ["kept"]
    Root().value.append(3)
    db0.commit()
    assert list(Root().value) == [1, 3]


def test_a_process_killed_in_an_atomic_block_loses_the_block_and_what_was_pending(
    root: Path, start: Callable[..., Process]
) -> None:
    process = start(WRITER, root)
    process.ask("r = Root([1]); db0.commit(); r.value.append(2)")
    process.ask("block = db0.begin_atomic(); r.value.append(3)")
    process.kill()
    db0.open("main")
    assert list(Root().value) == [1]


def test_a_prefix_whose_creator_died_before_its_first_commit_is_empty(
    root: Path, start: Callable[..., Process]
) -> None:
    process = start(WRITER, root)
    process.ask("Root([1])")
    process.kill()
    db0.open("main")
    assert not db0.exists(Root) and not db0.find(Node)
    Root(1)
    db0.commit()
    assert db0.get_state_num(finalized=True) == 2


def test_kills_at_any_moment_lose_no_commit_that_returned(root: Path, start: Callable[..., Process]) -> None:
    script = """
        db0.init(sys.argv[1], prefix='main', autocommit=False)
        kept = Root([])
        number = len(kept.value)
        while True:
            kept.value.append(Node(number, before=kept.value[-1] if number else None))
            kept.count = number + 1
            db0.tags(kept.value[-1]).add('all', f'mod{number % 3}')
            db0.commit()
            number += 1
            say(number)
    """
    reached = 0
    for round_number in range(6):
        process = start(script, root)
        for _ in range(round_number * 7 + 1):
            reached = int(process.hear())
        process.kill()
        db0.init(root, prefix="main", autocommit=False) if round_number < 0 else db0.open("main")
        kept = Root()
        count = len(kept.value)
        assert reached <= count <= reached + 60
        assert kept.count == count  # type: ignore[attr-defined]
        assert [node.name for node in kept.value] == list(range(count))
        assert all(node.before is kept.value[place] for place, node in enumerate(list(kept.value)[1:]))
        assert len(db0.find("all")) == count
        assert {node.name for node in db0.find("mod1")} == set(range(1, count, 3))
        db0.close("main")

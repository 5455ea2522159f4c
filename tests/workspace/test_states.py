"""Claims of the spec, sections 1.5, 1.9, 1.10 and 8.5: state numbers, autocommit, wait, caches."""

import threading
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace

from .conftest import eventually, reopen
from .things import Node, Root


def test_a_fresh_prefix_has_finalized_one_and_pends_two(root: Path) -> None:
    db0.open("main")
    assert (db0.get_state_num(finalized=True), db0.get_state_num()) == (1, 2)


def test_the_pending_number_is_the_finalized_one_after_a_commit_with_changes(root: Path) -> None:
    db0.open("main")
    root_object = Root(0)
    for value in range(5):
        root_object.value = value
        pending = db0.get_state_num()
        db0.commit()
        assert db0.get_state_num(finalized=True) == pending
        assert db0.get_state_num() == pending + 1


def test_reads_alone_never_make_a_state(root: Path) -> None:
    db0.open("main")
    Root([1, {"a": 2}])
    db0.tags(Root()).add("x")
    db0.commit()
    for _ in range(3):
        state = db0.get_state_num()
        assert len(db0.find("x")) == 1 and Root().value[1]["a"] == 2 and vars(Root())
        db0.commit()
        assert db0.get_state_num() == state
        reopen(root)


def test_numbers_are_per_prefix_and_unknown_ones_are_refused(root: Path) -> None:
    db0.open("one")
    Root()
    db0.commit()
    db0.open("two")
    assert (db0.get_state_num("one"), db0.get_state_num()) == (3, 2)
    with pytest.raises(RuntimeError):
        db0.get_state_num("three")


def test_readers_get_the_last_finalized_number(root: Path) -> None:
    db0.open("main")
    Root()
    db0.close("main")
    db0.open("main", "r")
    assert db0.get_state_num() == db0.get_state_num(finalized=True) == 2
    db0.commit("main")
    assert db0.get_state_num() == 2


# -- autocommit --------------------------------------------------------------------------------------------


def test_changes_are_committed_in_the_background_and_only_changes(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=5)
    kept = Root(1)
    assert db0.wait("main", 2, 60_000)
    state = eventually(settled)
    assert not db0.wait("main", state + 1, 200)
    kept.value = 2
    assert db0.wait("main", state + 1, 60_000)
    db0.close()


def settled() -> int:
    """The committed state when nothing is pending, else 0."""
    connection = workspace().current()
    with connection.lock:
        return 0 if connection.has_changes() else connection.state


def test_autocommit_can_be_chosen_for_a_prefix(tmp_path: Path) -> None:
    db0.init(tmp_path, autocommit=False, autocommit_interval=5)
    db0.open("auto", autocommit=True)
    Root(1)
    db0.open("manual")
    Root(1)
    assert db0.wait("auto", 2, 60_000)
    assert db0.get_state_num("manual", finalized=True) == 1
    db0.close()


def test_autocommit_is_suspended_in_an_atomic_block(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=1)
    kept = Root(0)
    eventually(settled)
    with db0.atomic():
        before = db0.get_state_num()
        kept.value = 1
        assert not db0.wait("main", before, 100)
        assert db0.get_state_num() == before
    assert db0.wait("main", before, 60_000)
    db0.close()


def test_autocommit_at_a_millisecond_loses_no_change_of_any_thread(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=1)
    rounds, threads = 400, 4
    kept = Root({"nodes": [Node(0, items=[], table={}, marks=set()) for _ in range(threads)], "shared": []})
    errors: list[BaseException] = []

    def work(node: Any, mine: int) -> None:
        try:
            for number in range(rounds):
                node.name = number
                node.items.append(number)
                node.table[number] = str(number)
                node.marks.add(number)
                kept.value["shared"].append((mine, number))
                child = Node(number, parent=node)
                node.last = child
                db0.tags(child).add(f"thread{mine}", f"number{number}")
                assert node.items[-1] == number and len(node.table) == number + 1
                assert len(node.marks) == number + 1 and node.last is child
        except BaseException as error:
            errors.append(error)

    running = [threading.Thread(target=work, args=(node, mine)) for mine, node in enumerate(kept.value["nodes"])]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert errors == []
    del kept, running
    reopen(tmp_path)
    kept = Root()
    for mine, node in enumerate(kept.value["nodes"]):
        assert node.name == rounds - 1 and list(node.items) == list(range(rounds))
        assert node.table == {number: str(number) for number in range(rounds)} and node.marks == set(range(rounds))
        assert node.last.name == rounds - 1 and node.last.parent is node
        assert [found.name for found in db0.find(f"thread{mine}", f"number{rounds - 1}")] == [rounds - 1]
        assert len(db0.find(f"thread{mine}")) == rounds
    assert sorted(kept.value["shared"]) == [(mine, number) for mine in range(threads) for number in range(rounds)]
    db0.close()


def test_an_autocommit_that_fails_is_logged_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from perdure.errors import DiskFullError
    from perdure.storage import VersionedStorage

    db0.init(tmp_path, prefix="main", autocommit_interval=1)

    def fail(self: VersionedStorage, *arguments: object) -> None:
        raise DiskFullError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(VersionedStorage, "commit", fail)
        Root(1)
        eventually(lambda: [record for record in caplog.records if "no space" in record.getMessage()])
        with pytest.raises(RuntimeError, match="no space"):
            db0.commit()
    assert db0.wait("main", 2, 60_000)
    reopen(tmp_path)
    assert Root().value == 1
    db0.close()


# -- wait --------------------------------------------------------------------------------------------------


def test_wait_returns_whether_the_state_was_reached(root: Path) -> None:
    db0.open("main")
    assert db0.wait("main", 1) and not db0.wait("main", 2, 10)
    Root()
    thread = threading.Timer(0.05, db0.commit)
    thread.start()
    assert db0.wait("main", 2, 60_000)
    thread.join()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(("other", 1), RuntimeError), (("main", -1), ValueError), (("main", "1"), TypeError), ((1, 1), TypeError)],
)
def test_wait_checks_its_arguments(root: Path, arguments: Any, error: type[Exception]) -> None:
    db0.open("main")
    with pytest.raises(error):
        db0.wait(*arguments)


# -- caches ------------------------------------------------------------------------------------------------


def test_a_cache_far_smaller_than_the_data_works_also_inside_a_transaction(tmp_path: Path) -> None:
    size = 100 << 10
    db0.init(tmp_path, prefix="main", autocommit=False, cache_size=size)
    kept = Root([])
    for number in range(3000):
        kept.value.append(Node("x" * 100, number=number))
        if number % 500 == 0:
            assert len(db0.find(Node)) == number + 1
    assert [node.number for node in kept.value] == list(range(3000))
    db0.set_cache_size(size)
    assert db0.get_cache_stats()["size"] <= size
    db0.commit()
    assert sum(node.number for node in kept.value) == sum(range(3000))
    assert db0.get_cache_stats()["size"] <= 3 * size
    db0.close()


def test_a_smaller_cache_takes_effect_at_once_and_clearing_loses_nothing(root: Path) -> None:
    db0.open("main")
    kept = Root([Node("x" * 100) for _ in range(1000)])
    kept.extra = [1, 2, 3]  # type: ignore[attr-defined]
    db0.commit()
    assert len([node.name for node in kept.value]) == 1000
    before = db0.get_cache_stats()["size"]
    db0.set_cache_size(before // 4)
    assert db0.get_config()["cache_size"] == before // 4
    assert db0.get_cache_stats()["size"] <= before // 4 and db0.get_cache_stats()["capacity"] == before // 4
    kept.value[0].name = "changed"
    db0.clear_cache()
    assert kept.value[0].name == "changed" and list(kept.extra) == [1, 2, 3]  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        db0.set_cache_size("1")  # type: ignore[arg-type]


# -- copies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["rw", "r", None])
def test_a_prefix_is_copied_however_it_is_open_and_the_copy_can_be_changed(
    root: Path, tmp_path: Path, mode: str | None
) -> None:
    db0.open("main")
    kept = Root([1])
    db0.commit()
    first = db0.get_state_num(finalized=True)
    kept.value.append(2)
    db0.commit()
    if mode != "rw":
        db0.close("main")
    if mode == "r":
        db0.open("main", "r")
    db0.copy_prefix(tmp_path / "copy.db0", prefix="main")
    with pytest.raises(RuntimeError, match="exists"):
        db0.copy_prefix(tmp_path / "copy.db0", prefix="main")
    db0.close()
    db0.init(tmp_path, prefix="copy", autocommit=False)
    with db0.snapshot(first) as past:
        assert list(past.fetch(Root).value) == [1]
    assert list(Root().value) == [1, 2]
    Root().value.append(3)
    db0.copy_prefix(tmp_path / "again.db0")
    db0.close()
    db0.init(tmp_path, prefix="again", read_write=False)
    assert list(Root().value) == [1, 2]


def test_a_copy_needs_a_prefix_that_exists(root: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no default prefix"):
        db0.copy_prefix(tmp_path / "copy")
    with pytest.raises(RuntimeError, match="not found"):
        db0.copy_prefix(tmp_path / "copy", prefix="missing")
    assert not (tmp_path / "copy").exists() and "D" not in db0.build_flags()

"""Claims of the spec, sections 1.1 to 1.4 and 14: init, open, close, commit and their errors."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.model import scope

from .conftest import Process, reopen
from .things import Node, Root


def test_init_makes_the_directory_and_opens_the_prefix_named(tmp_path: Path) -> None:
    db0.init(tmp_path / "a" / "b", prefix="main")
    assert (tmp_path / "a" / "b" / "main.db0").exists()
    assert db0.get_current_prefix().name == "main"
    db0.close()
    db0.init(str(tmp_path / "a" / "b"), prefix="main", read_write=False)
    assert list(db0.get_mutable_prefixes()) == []
    db0.close()


def test_a_second_init_needs_a_close(root: Path) -> None:
    with pytest.raises(RuntimeError, match="already initialized"):
        db0.init(root)


def test_both_spellings_of_no_auto_migrate_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        db0.init(tmp_path, no_auto_migrate=True, no_auto_migration=True)
    with pytest.raises(RuntimeError, match="not initialized"):
        db0.get_config()


def test_a_failed_open_during_init_leaves_nothing_initialized(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not found"):
        db0.init(tmp_path, prefix="missing", read_write=False)
    with pytest.raises(RuntimeError, match="not initialized"):
        db0.get_config()


def test_the_configuration_has_the_documented_defaults(tmp_path: Path) -> None:
    db0.init(tmp_path)
    assert db0.get_config() == {
        "autocommit": True,
        "autocommit_interval": 367,
        "cache_size": 2 << 30,
        "lang_cache_size": 1024,
        "no_auto_migrate": False,
        "restricted": False,
    }
    db0.close()


CALLS: list[Callable[[], Any]] = [
    lambda: db0.open("main"),
    db0.commit,
    db0.get_state_num,
    db0.get_current_prefix,
    lambda: list(db0.get_prefixes()),
    db0.refresh,
    db0.atomic,
    db0.snapshot,
    lambda: db0.fetch("A" * 24),
    lambda: db0.exists("A" * 24),
    lambda: db0.find("tag"),
    Node,
    Root,
    lambda: db0.drop("main"),
    lambda: db0.wait("main", 1),
    db0.clear_cache,
    db0.get_config,
]


@pytest.mark.parametrize("call", CALLS)
def test_every_call_before_init_and_after_close_raises(tmp_path: Path, call: Callable[[], Any]) -> None:
    scope.set_current(None)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="not initialized"):
            call()
        db0.init(tmp_path, prefix="main", autocommit=False)
        db0.close()


def test_close_without_init_and_of_a_prefix_that_is_not_open_are_harmless(root: Path) -> None:
    db0.close("nothing")
    db0.close()
    db0.close()
    db0.init(root)


def test_handles_of_a_closed_prefix_are_inaccessible_and_still_have_a_repr(root: Path) -> None:
    db0.open("main")
    node = Node("a", part=Node("part"))
    db0.tags(node).add("kept")
    query = db0.find("kept")
    part = node.part
    db0.close("main")
    for access in (
        lambda: node.name,
        lambda: part.name,
        lambda: vars(node),
        lambda: list(query),
        lambda: db0.uuid(node),
    ):
        with pytest.raises(RuntimeError):
            access()
    with pytest.raises(AttributeError, match="no longer accessible"):
        node.name = "b"
    assert "Node" in repr(node)
    db0.open("main")
    assert [found.name for found in db0.find("kept")] == ["a"]


def test_objects_need_a_current_prefix(root: Path) -> None:
    with pytest.raises(RuntimeError, match="no default prefix exists"):
        Node()
    with pytest.raises(RuntimeError, match="no default prefix exists"):
        db0.get_current_prefix()
    with pytest.raises(RuntimeError, match="no default prefix exists"):
        db0.find("x")


@pytest.mark.parametrize(
    ("name", "mode", "error", "text"),
    [
        ("main", "x", RuntimeError, "Invalid access type"),
        ("missing", "r", RuntimeError, "Prefix: missing not found"),
        ("", "rw", RuntimeError, "Invalid prefix name"),
        ("a/../../b", "rw", RuntimeError, "Invalid prefix name"),
        (5, "rw", TypeError, "str"),
    ],
)
def test_bad_opens_are_refused(root: Path, name: Any, mode: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        db0.open(name, mode)
    assert list(db0.get_prefixes()) == []


def test_unknown_options_are_refused(root: Path) -> None:
    with pytest.raises(TypeError):
        db0.open("main", nonsense=1)  # type: ignore[call-arg]
    db0.close()
    with pytest.raises(TypeError):
        db0.init(root, nonsense=1)  # type: ignore[call-arg]


def test_the_documented_options_are_accepted(root: Path) -> None:
    db0.open(
        "main", "w", autocommit=False, slab_size=1 << 20, meta_io_step_size=1, page_io_step_size=1, lock_flags={"x": 1}
    )
    assert [prefix.name for prefix in db0.get_mutable_prefixes()] == ["main"]


def test_names_may_have_directories(root: Path) -> None:
    long = "/".join(["deep"] * 20)
    for name in ("a/b", "/lead", long):
        db0.open(name)
        Root(name)
    assert (root / "a" / "b.db0").exists()
    db0.close()
    db0.init(root)
    db0.open("/lead", "r")
    assert Root().value == "/lead"
    assert {prefix.name for prefix in db0.get_prefixes()} == {"a/b", "lead", long}


def test_opening_an_open_prefix_makes_it_current_and_keeps_its_mode(root: Path) -> None:
    for name in ("one", "two"):
        db0.open(name)
    db0.open("one")
    assert db0.get_current_prefix().name == "one"
    reopen(root, "two")
    db0.open("one", "r")
    db0.open("one", "rw")
    with pytest.raises(RuntimeError, match="read-only"):
        Node()


def test_closing_the_current_prefix_restores_the_one_opened_before(root: Path) -> None:
    for name in ("one", "two", "three", "one"):
        db0.open(name)
    db0.close("one")
    assert db0.get_current_prefix().name == "three"
    db0.close("two")
    assert db0.get_current_prefix().name == "three"
    db0.close("three")
    with pytest.raises(RuntimeError):
        db0.get_current_prefix()


def test_close_commits_and_init_may_follow_with_another_directory(root: Path, tmp_path: Path) -> None:
    db0.open("main")
    Root(1)
    db0.close()
    db0.init(tmp_path / "other", prefix="main")
    assert not db0.exists(Root)
    reopen(root)
    assert Root().value == 1


def test_commit_of_one_prefix_leaves_the_others_pending(root: Path) -> None:
    db0.open("one")
    Root(1)
    db0.open("two")
    Root(2)
    before = db0.get_state_num("two", finalized=True)
    db0.commit("one")
    assert db0.get_state_num("one", finalized=True) == 2
    assert db0.get_state_num("two", finalized=True) == before
    with pytest.raises(RuntimeError, match="Prefix with name three not found"):
        db0.commit("three")


def test_a_moved_file_is_the_prefix_of_its_new_path(root: Path) -> None:
    db0.open("main")
    Root("moved")
    db0.close()
    (root / "sub").mkdir()
    (root / "main.db0").rename(root / "sub" / "copy.db0")
    reopen(root, "sub/copy")
    assert Root().value == "moved"


def test_drop_deletes_a_closed_prefix_and_refuses_an_open_one(root: Path) -> None:
    db0.open("main")
    Root(1)
    with pytest.raises(RuntimeError, match="open"):
        db0.drop("main")
    db0.close("main")
    db0.drop("main")
    assert list(db0.get_prefixes()) == []
    db0.drop("main")
    with pytest.raises(RuntimeError, match="not found"):
        db0.drop("main", if_exists=False)
    db0.open("main")
    assert not db0.exists(Root)


def test_prefix_information_is_told_of_many_things(root: Path) -> None:
    db0.open("main")
    node = Node("a", items=[1], index=db0.index())
    db0.tags(node).add("x")
    enum_value = db0.enum("Where", ["HERE"]).HERE
    known = db0.get_memo_class(node)
    things = (node, node.items, node.index, db0.find("x"), enum_value, db0.weak_proxy(node), db0.uuid(node))
    for thing in (*things, known, known.get_class()):
        found = db0.get_prefix_of(thing)
        assert found == db0.get_current_prefix() and isinstance(found.uuid, int) and 0 < found.uuid < 1 << 64
    for bad in (3, None, Node, [1]):
        with pytest.raises(TypeError):
            db0.get_prefix_of(bad)


def test_a_workspace_works_from_any_thread_and_event_loop(root: Path) -> None:
    db0.open("main")

    async def work() -> object:
        await asyncio.to_thread(lambda: Root(5))
        async with db0.async_atomic():
            Root().value = 6
        return Root().value

    assert asyncio.run(work()) == 6


# -- other processes ---------------------------------------------------------------------------------------


def test_one_process_writes_and_a_second_writer_is_refused(root: Path, start: Callable[..., Process]) -> None:
    other = start("db0.init(sys.argv[1], prefix='main'); say('open'); hear(); db0.close(); say('closed'); hear()", root)
    assert other.hear() == "open"
    with pytest.raises(RuntimeError, match="failed to acquire lock"):
        db0.open("main")
    with pytest.raises(RuntimeError, match="failed to acquire lock"):
        db0.open("main", lock_flags={"blocking": True, "timeout": 0.05})
    db0.open("main", "r")
    db0.close("main")
    other.ask("close")
    db0.open("main")


def test_a_killed_writer_leaves_no_lock(root: Path, start: Callable[..., Process]) -> None:
    other = start("db0.init(sys.argv[1], prefix='main'); say('open'); hear()", root)
    other.hear()
    other.kill()
    db0.open("main")
    assert (root / "main.db0.lock").exists()


def test_a_blocking_open_waits_for_the_lock(root: Path, start: Callable[..., Process]) -> None:
    other = start("db0.init(sys.argv[1], prefix='main'); Root(7); say('open'); hear()", root)
    other.hear()
    other.tell("end")
    db0.open("main", lock_flags={"blocking": True, "timeout": 60})
    assert Root().value == 7


def test_force_unlock_takes_the_lock(root: Path, start: Callable[..., Process]) -> None:
    other = start("db0.init(sys.argv[1], prefix='main'); say('open'); hear()", root)
    other.hear()
    db0.open("main", lock_flags={"force_unlock": True})
    Root(1)
    db0.commit()
    other.kill()


def test_a_normal_exit_commits_even_without_autocommit(root: Path, start: Callable[..., Process]) -> None:
    assert start("db0.init(sys.argv[1], prefix='main', autocommit=False); Root(9)", root).end() == 0
    db0.open("main")
    assert Root().value == 9


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_os_exit_and_signals_do_not_commit(root: Path, start: Callable[..., Process]) -> None:
    script = "import os; db0.init(sys.argv[1], prefix='main', autocommit=False); Root(9); os._exit(0)"
    start(script, root).end()
    db0.open("main")
    assert not db0.exists(Root)


def test_a_forked_child_that_exits_commits_nothing(root: Path, start: Callable[..., Process]) -> None:
    script = """
        import os
        db0.init(sys.argv[1], prefix='main', autocommit=False)
        Root('parent')
        if os.fork() == 0:
            sys.exit(0)
        os.wait()
        say(db0.get_state_num(finalized=True), Root().value)
    """
    assert start(script, root).hear() == "1 parent"

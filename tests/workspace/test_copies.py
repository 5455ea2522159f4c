"""Claims of the spec, sections 1.1 and 1.10: the option `rpc`, and copies of prefixes, which keep their identity."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import Process, reopen
from .things import Node, Root


def test_rpc_is_handed_to_its_module_before_the_prefix_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("db0_rpc")
    calls: list[Any] = []

    def init(**given: object) -> None:
        calls.append((given, list(db0.get_mutable_prefixes())))

    monkeypatch.setattr(module, "init", init, raising=False)
    monkeypatch.setitem(sys.modules, "db0_rpc", module)
    db0.init(tmp_path, prefix="main", rpc={"port": 5})
    assert calls == [({"port": 5}, [])]
    db0.close()
    db0.init(tmp_path, rpc=None)
    assert len(calls) == 1


def test_rpc_that_is_no_mapping_or_has_no_module_is_refused_and_nothing_is_initialized(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="mapping"):
        db0.init(tmp_path, rpc=5)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="db0_rpc"):
        db0.init(tmp_path, rpc={})
    with pytest.raises(RuntimeError, match="not initialized"):
        db0.get_config()


def test_a_copy_is_the_same_prefix_so_only_one_of_them_is_open_at_a_time(root: Path) -> None:
    db0.open("far")
    far = Node("original")
    db0.tags(far).add("kept")
    db0.open("main")
    Root(far)
    db0.commit()
    identity = db0.uuid(far)
    db0.copy_prefix(root / "copy.db0", prefix="far")
    with pytest.raises(RuntimeError, match="copy of the open prefix far"):
        db0.open("copy")
    reopen(root, "copy")
    db0.fetch(identity).name = "changed in the copy"
    db0.open("main")
    assert Root().value.name == "changed in the copy", "references lead to the one that is open"
    reopen(root, "far", "main")
    assert Root().value.name == db0.fetch(identity).name == "original"


def test_a_copy_restores_a_lost_prefix_with_all_references_to_it(root: Path) -> None:
    db0.open("far")
    far = Node("original")
    db0.tags(far).add("kept")
    db0.open("main")
    Root(far)
    db0.commit()
    identity = db0.uuid(far)
    db0.copy_prefix(root.parent / "backup", prefix="far")
    db0.close("far")
    db0.drop("far")
    (root.parent / "backup").rename(root / "far.db0")
    reopen(root)
    assert Root().value.name == "original" and db0.uuid(Root().value) == identity


def test_a_copy_made_while_another_process_commits_holds_one_whole_state(
    root: Path, start: Callable[..., Process]
) -> None:
    writer = start(
        """
        import threading
        db0.init(sys.argv[1], prefix='main', autocommit=False)
        kept = Root(0); kept.items = []; db0.commit(); say('ready')
        stop = threading.Event()
        threading.Thread(target=lambda: (hear(), stop.set()), daemon=True).start()
        while not stop.is_set():
            kept.value += 1; kept.items.append(Node(kept.value)); db0.tags(kept.items[-1]).add('t'); db0.commit()
        """,
        root,
    )
    writer.hear()
    for number, mode in enumerate(["r", None, "r", None]):
        db0.close()
        db0.init(root, autocommit=False)
        least = 0
        if mode:
            db0.open("main", mode)
            least = Root().value
        db0.copy_prefix(root.parent / f"c{number}.db0", prefix="main")
        db0.close()
        db0.init(root.parent, prefix=f"c{number}", autocommit=False)
        kept: Any = Root()
        assert least <= kept.value == len(kept.items) == len(db0.find("t"))
        assert [node.name for node in kept.items] == list(range(1, kept.value + 1))
        kept.value = "changed"
        db0.commit()
    writer.tell("stop")
    assert writer.end() == 0

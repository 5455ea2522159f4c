"""What a process that died left of a commit over several prefixes, as those see it that go on."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace
from tests.crash.crash_tracing import build_library

from .conftest import Process
from .test_together import NAMES, STEPS, VICTIM
from .things import Root

SHARED = (
    VICTIM.replace("autocommit=False)", "shared=True, autocommit=False)")
    .replace("Root('old')", "Root()")
    .replace("    db0.commit()\n    for", "    for")
)


@pytest.fixture
def roots(root: Path) -> list[Any]:
    """The root objects of the prefixes, which several writers share."""
    db0.close()
    db0.init(root, shared=True, autocommit=False)
    made = []
    for name in NAMES:
        db0.open(name)
        made.append(Root("first"))
    db0.commit()
    return made


@pytest.mark.parametrize(("owner", "name", "count", "after", "expected"), STEPS)
def test_a_snapshot_of_another_writer_shows_all_of_the_commit_or_none(
    root: Path,
    roots: list[Any],
    start: Callable[..., Process],
    owner: str,
    name: str,
    count: int,
    after: str,
    expected: str,
) -> None:
    assert start(SHARED, root, owner, name, count, after).end() == 9
    with db0.snapshot() as now:
        seen = {now.fetch(Root, prefix=prefix).value for prefix in NAMES}
        made = [len(now.find("made", prefix=prefix)) for prefix in NAMES]
    assert seen == {"first" if expected == "old" else "new"}
    assert made == [int(expected == "new")] * 3
    for prefix in workspace().list_open():
        assert not prefix.database.storage.prepared() and not list(prefix.database.verify())


KILLED = """
    import os
    db0.init(sys.argv[1], shared=True, autocommit=False)
    kept = []
    for name in ('one', 'two', 'three'):
        db0.open(name)
        kept.append(Root())
    for one in kept:
        one.value = 'new'
    os.environ['PERDURE_DIE_FILE'] = sys.argv[2]
    db0.commit()
    say('not killed')
"""


@pytest.fixture
def killed(
    root: Path, tmp_path: Path, start: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Kills another writer right after its commit in a prefix was made durable, before that shows to readers."""
    library = build_library(tmp_path, "die")
    if library is None:
        pytest.skip("no compiler for the preload library")

    def run(prefix: str) -> None:
        monkeypatch.setenv("LD_PRELOAD", str(library))
        assert start(KILLED, root, f"{prefix}.db0").end() == -signal.SIGKILL
        monkeypatch.delenv("LD_PRELOAD")

    return run


@pytest.mark.parametrize(("prefix", "expected"), [("one", "new"), ("two", "first"), ("three", "first")])
def test_a_commit_counts_from_when_it_is_durable_though_readers_are_not_shown_it_yet(
    roots: list[Any], killed: Callable[[str], None], prefix: str, expected: str
) -> None:
    killed(prefix)
    for _ in range(2):
        with db0.snapshot() as now:
            assert [now.fetch(Root, prefix=name).value for name in NAMES] == [expected] * 3
        db0.refresh()

    @db0.retry
    def change() -> None:  # the first attempt meets what was prepared and shows only then
        for kept in roots:
            kept.value = "later"

    change()
    for one in workspace().list_open():
        assert not one.database.storage.prepared() and not list(one.database.verify())


def test_what_cannot_be_settled_does_not_keep_snapshots_waiting(
    root: Path, roots: list[Any], start: Callable[..., Process]
) -> None:
    assert start(SHARED, root, "storage", "commit", 1, "after").end() == 9
    db0.close()
    (root / "one.db0").rename(root.parent / "away.db0")
    db0.init(root, shared=True, autocommit=False)
    for name in ("two", "three"):
        db0.open(name)
    for _ in range(3):
        with db0.snapshot() as now:
            assert {now.fetch(Root, prefix=prefix).value for prefix in ("two", "three")} == {"first"}
    (root.parent / "away.db0").rename(root / "one.db0")
    db0.open("one")
    with db0.snapshot() as now:
        assert {now.fetch(Root, prefix=prefix).value for prefix in NAMES} == {"new"}

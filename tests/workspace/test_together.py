"""A commit over several prefixes is one: all of it is there or none, also after a crash, and failures lose nothing."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transaction

import perdure as db0
from perdure import zodb
from perdure.errors import ConflictError, DiskFullError
from perdure.query import find_in
from perdure.storage import VersionedStorage
from perdure.storage.prepared import Prepared
from perdure.workspace.functions import workspace

from .conftest import Process, reopen
from .things import Node, Root

NAMES = ("one", "two", "three")


def open_all(*names: str) -> list[Any]:
    """The roots of prefixes opened for writing."""
    found = []
    for name in names or NAMES:
        db0.open(name)
        found.append(Root())
    return found


def states(*names: str) -> list[int]:
    return [db0.get_state_num(name, finalized=True) for name in names or NAMES]


def values() -> list[Any]:
    """What the prefixes hold, opened anew one by one."""
    found = []
    for name in NAMES:
        db0.open(name)
        found.append(Root().value)
    return found


def test_each_prefix_gets_one_state_and_nothing_stays_waiting(root: Path) -> None:
    kept = open_all()
    db0.commit()
    for number in range(4):
        for one in kept:
            one.value = number
        pending = [db0.get_state_num(name) for name in NAMES]
        db0.commit()
        assert states() == pending
        assert not any(prefix.database.storage.prepared() for prefix in workspace().list_open())
    before = states()
    db0.commit()
    assert states() == before
    kept[1].value = "alone"
    db0.commit()
    assert states() == [before[0], before[1] + 1, before[2]]
    reopen(root, *NAMES)
    assert [db0.fetch(Root, prefix=name).value for name in NAMES] == [3, "alone", 3]
    assert all(not list(prefix.database.verify()) for prefix in workspace().list_open())


def test_references_between_the_prefixes_of_one_commit_hold(root: Path) -> None:
    first, second, _ = open_all()
    db0.open("two")
    far = Node("far", back=first)
    second.value = far
    first.value = far
    db0.commit()
    reopen(root, "two", "one")
    assert Root().value.name == "far" and Root().value.back is Root()


def test_a_conflict_in_one_prefix_undoes_the_changes_in_all_and_leaves_nothing_waiting(root: Path) -> None:
    first, second, third = open_all()
    db0.tags(second).add("kept")
    for one in (first, second, third):
        one.value = "old"
    db0.commit()
    before = states()
    with zodb.DB(root / "two.db0") as database:
        first.value, second.value, third.value = "a", "b", "c"
        with database.transaction() as connection:
            other: Any = next(iter(find_in(connection._session, "kept")))
            other.value = "theirs"
        with pytest.raises(ConflictError, match=r"Root #\d+> of .*two"):
            db0.commit()
        assert [first.value, second.value, third.value] == ["old", "theirs", "old"]
        assert (states()[0], states()[2]) == (before[0], before[2])
        assert not any(prefix.database.storage.prepared() for prefix in workspace().list_open())
        first.value, second.value = "again", "again"
        db0.commit()
    assert (first.value, second.value) == ("again", "again")


def test_an_autocommit_that_loses_to_the_other_face_keeps_the_changes_until_the_program_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from .conftest import eventually

    db0.init(tmp_path, prefix="one", autocommit_interval=1)
    kept = Root("old")
    db0.tags(kept).add("kept")
    db0.commit()
    section = db0.begin_locked()
    with zodb.DB(tmp_path / "one.db0") as database:
        kept.value = "mine"
        with database.transaction() as connection:
            other: Any = next(iter(find_in(connection._session, "kept")))
            other.value = "theirs"
        section.close()
        eventually(lambda: [one for one in caplog.records if "changes stay pending" in one.getMessage()])
        assert kept.value == "mine"
        with pytest.raises(ConflictError, match=r"Root #\d+"):
            db0.commit()
        assert kept.value == "theirs"
        kept.value = "mine again"
        db0.commit()
    db0.close()
    db0.init(tmp_path, prefix="one")
    assert Root().value == "mine again"


def test_closing_after_such_a_conflict_raises(root: Path) -> None:
    (kept,) = open_all("one")
    kept.value = "old"
    db0.tags(kept).add("kept")
    db0.commit()
    with zodb.DB(root / "one.db0") as database:
        kept.value = "mine"
        connection = database.open(transaction.TransactionManager())
        other: Any = next(iter(find_in(connection._session, "kept")))
        other.value = "theirs"
        connection.transaction_manager.commit()
        connection.close()
        with pytest.raises(ConflictError):
            db0.close()
    db0.init(root, prefix="one", autocommit=False)
    assert Root().value == "theirs"


@pytest.mark.parametrize("step", ["prepare", "commit"])
def test_a_failure_before_the_decision_commits_nothing_and_keeps_the_changes(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    kept = open_all()
    db0.commit()
    before = states()
    for one in kept:
        one.value = "new"

    def fail(self: VersionedStorage, *arguments: object, **options: object) -> None:
        raise DiskFullError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(VersionedStorage, step, fail)
        with pytest.raises(DiskFullError):
            db0.commit()
    assert states() == before and [one.value for one in kept] == ["new"] * 3
    assert not any(prefix.database.storage.prepared() for prefix in workspace().list_open())
    db0.commit()
    assert states() == [state + 1 for state in before]


def test_a_part_that_cannot_be_finished_is_finished_by_the_next_commit_with_later_changes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = open_all()
    db0.commit()
    before = states()
    for one in kept:
        one.value = [1]

    def fail(self: Prepared) -> None:
        raise DiskFullError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(Prepared, "finish", fail)
        with pytest.raises(DiskFullError):
            db0.commit()
        assert states() == [before[0] + 1, *before[1:]]
        assert [list(one.value) for one in kept] == [[1]] * 3
        kept[1].value.append(2)
        kept[2].later = Node("later")
        with pytest.raises(DiskFullError):
            db0.commit()
        assert [list(one.value) for one in kept] == [[1], [1, 2], [1]]
    db0.commit()
    assert [list(one.value) for one in kept] == [[1], [1, 2], [1]]
    assert states() == [before[0] + 1, before[1] + 2, before[2] + 2]
    reopen(root, *NAMES)
    assert Root().later.name == "later"  # type: ignore[attr-defined]
    assert all(not list(prefix.database.verify()) for prefix in workspace().list_open())


def test_a_part_that_cannot_be_finished_until_the_end_is_finished_at_the_next_opening(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = open_all()
    db0.commit()
    for one in kept:
        one.value = "new"

    def fail(self: Prepared) -> None:
        raise DiskFullError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(Prepared, "finish", fail)
        with pytest.raises(DiskFullError):
            db0.commit()
        with pytest.raises(DiskFullError):
            db0.close()
    db0.init(root, autocommit=False)
    assert values() == ["new"] * 3


def test_an_atomic_block_over_prefixes_is_committed_as_one_in_the_background(tmp_path: Path) -> None:
    db0.init(tmp_path, autocommit_interval=1)
    kept = open_all("one", "two")
    db0.commit()
    for number in range(200):
        with db0.atomic():
            for one in kept:
                one.value = number
        with db0.snapshot() as now:
            seen = [now.fetch(Root, prefix=name).value for name in ("one", "two")]
            assert seen[0] == seen[1], seen
    db0.close()


# -- crashes -----------------------------------------------------------------------------------------------

VICTIM = """
    import os
    from perdure.storage import VersionedStorage
    from perdure.storage.prepared import Prepared
    db0.init(sys.argv[1], autocommit=False)
    kept = []
    for name in ('one', 'two', 'three'):
        db0.open(name)
        kept.append(Root('old'))
    db0.commit()
    for one, name in zip(kept, ('one', 'two', 'three')):
        one.value = 'new'
        db0.open(name)
        db0.tags(Node('made')).add('made')
    owner, name, count, after = sys.argv[2:]
    cls = {'storage': VersionedStorage, 'prepared': Prepared}[owner]
    real, calls = getattr(cls, name), [0]
    def step(self, *arguments, **options):
        calls[0] += 1
        if calls[0] == int(count) and after == 'before':
            os._exit(9)
        found = real(self, *arguments, **options)
        if calls[0] == int(count):
            os._exit(9)
        return found
    setattr(cls, name, step)
    db0.commit()
    say('not killed')
"""

STEPS = [
    ("storage", "prepare", 1, "before", "old"),
    ("storage", "prepare", 1, "after", "old"),
    ("storage", "prepare", 2, "after", "old"),
    ("storage", "commit", 1, "before", "old"),
    ("storage", "commit", 1, "after", "new"),
    ("prepared", "finish", 1, "after", "new"),
    ("prepared", "finish", 2, "before", "new"),
    ("prepared", "finish", 2, "after", "new"),
]


@pytest.mark.parametrize(("owner", "name", "count", "after", "expected"), STEPS)
@pytest.mark.parametrize("order", [NAMES, NAMES[::-1]])
def test_a_crash_at_any_step_leaves_all_of_the_commit_or_none(
    root: Path,
    start: Callable[..., Process],
    owner: str,
    name: str,
    count: int,
    after: str,
    expected: str,
    order: tuple[str, ...],
) -> None:
    assert start(VICTIM, root, owner, name, count, after).end() == 9
    for mode in ("r", "rw"):
        for prefix in order:
            db0.open(prefix, mode)
        assert [db0.fetch(Root, prefix=prefix).value for prefix in order] == [expected] * 3
        assert [len(db0.find("made", prefix=prefix)) for prefix in order] == [int(expected == "new")] * 3
        reopen(root, "unrelated")
    for prefix in order:
        db0.open(prefix)
    for prefix in workspace().list_open():
        assert not prefix.database.storage.prepared() and not list(prefix.database.verify())
    for prefix in order:
        db0.fetch(Root, prefix=prefix).value = "later"
    db0.commit()


def test_a_part_whose_decision_is_not_there_waits_and_says_so(
    root: Path, start: Callable[..., Process], caplog: pytest.LogCaptureFixture
) -> None:
    assert start(VICTIM, root, "storage", "commit", 1, "after").end() == 9
    (root / "one.db0").rename(root.parent / "away.db0")
    db0.open("two")
    assert "waits for the prefix with the uuid" in caplog.text
    kept: Any = Root()
    assert kept.value == "old"
    kept.value = "lost"
    with pytest.raises(ConflictError, match="prepared"):
        db0.commit()
    db0.close()
    (root.parent / "away.db0").rename(root / "one.db0")
    db0.init(root, autocommit=False)
    db0.open("two")
    assert Root().value == "new"


def test_dropping_the_prefix_that_decides_completes_its_commit_first(
    root: Path, start: Callable[..., Process]
) -> None:
    assert start(VICTIM, root, "storage", "commit", 1, "after").end() == 9
    db0.drop("one")
    for name in ("two", "three"):
        db0.open(name)
        assert Root().value == "new" and not workspace().current_prefix().database.storage.prepared()


def test_the_decision_is_forgotten_once_all_parts_are_finished(root: Path) -> None:
    from perdure.session.catalog import DECISION
    from perdure.storage import spaces

    def decisions() -> int:
        view = workspace().prefixes["one"].database.storage.view()
        return len(list(view.scan(spaces.CATALOG, DECISION, b"u")))

    kept = open_all()
    for number in range(3):
        for one in kept:
            one.value = number
        db0.commit()
        assert decisions() == 1
    kept[0].value = "alone"
    db0.commit()
    assert decisions() == 0


def test_threads_that_commit_over_prefixes_at_once_lose_nothing(root: Path) -> None:
    kept = open_all()
    for one in kept:
        one.value = {}
    db0.commit()
    errors: list[BaseException] = []

    def work(mine: int) -> None:
        try:
            for number in range(30):
                with db0.atomic():
                    for one in kept:
                        one.value[mine] = number
                db0.commit(NAMES[mine % 3] if number % 3 == 0 else None)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    reopen(root, *NAMES)
    assert [dict(db0.fetch(Root, prefix=name).value) for name in NAMES] == [dict.fromkeys(range(4), 29)] * 3


def test_a_forked_child_does_not_settle_what_its_parent_is_doing(root: Path) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    kept = open_all("one", "two")
    for one in kept:
        one.value = 1
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    db0.commit()
    assert [one.value for one in kept] == [1, 1]

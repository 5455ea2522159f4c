"""A class that two writers meet at once has two ids there, which mean the same class to both, for good."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace

from .conftest import Process
from .things import Frozen, Late, Node, Quiet

Run = Callable[..., str]


@pytest.fixture
def met(shared: Any, other: Run) -> Callable[[type], Any]:
    """Stores an object of a class in each of the processes at once, in the first two nodes; gives the root."""

    def meet(cls: type) -> Any:
        shared.nodes[0].held = cls("mine")
        assert other(
            f"from tests.workspace.things import {cls.__name__}",
            f"kept.nodes[1].held = {cls.__name__}('theirs')",
            "db0.commit()",
            "before = kept.nodes[1].held",
        )
        db0.commit()
        assert other("db0.refresh()") == "done"
        entries = workspace().current().catalog.entries()
        assert len([entry for entry in entries if entry.cls is cls or entry.qualname == cls.__name__]) == 2
        return shared

    return meet


def names(cls: type) -> set[Any]:
    return {found.name for found in db0.find(cls)}


def is_sound() -> bool:
    db0.commit()
    return not list(workspace().current_prefix().database.verify())


def test_objects_that_the_other_made_can_be_changed(met: Callable[[type], Any], other: Run) -> None:
    kept = met(Late)
    kept.nodes[1].held.name = "changed here"
    kept.nodes[0].held.name = "this one, too"
    assert is_sound() and names(Late) == {"this one, too", "changed here"}
    assert other("db0.refresh(); kept.nodes[0].held.name = 'changed there'; kept.nodes[1].held.more = 1") == "done"
    assert other("assert len(db0.find(Late)) == 2; db0.commit()") == "done"
    db0.refresh()
    assert is_sound() and names(Late) == {"changed there", "changed here"}
    assert kept.nodes[1].held.more == 1


def test_objects_with_references_and_new_fields_can_be_changed_with_new_ones_beside(
    met: Callable[[type], Any], other: Run
) -> None:
    kept = met(Late)
    kept.nodes[1].held.child = Late("child")
    kept.nodes[0].held.child = Late("child of mine")
    db0.commit()
    kept.nodes[1].held.child = None
    kept.nodes[0].held.name = "again"
    assert is_sound() and names(Late) == {"again", "theirs", "child of mine"}
    kept.nodes[1].held = None
    assert is_sound() and names(Late) == {"again", "child of mine"}
    assert db0.getrefcount(Late) == 2


@pytest.mark.parametrize("cls", [Late, Frozen])
def test_further_objects_are_found_after_those_of_the_other_were_loaded(
    met: Callable[[type], Any], other: Run, cls: type
) -> None:
    kept = met(cls)
    kept.nodes[2].held = db0.materialized(cls("before"))
    assert kept.nodes[1].held.name == "theirs"
    kept.nodes[3].held = [cls("after"), cls("after that")]
    assert is_sound() and names(cls) == {"mine", "theirs", "before", "after", "after that"}
    assert other("db0.refresh(); kept.nodes[2].held = [kept.nodes[0].held, type(kept.nodes[0].held)('new of theirs')]")
    assert other("db0.commit()") == "done"
    db0.refresh()
    assert is_sound() and names(cls) == {"mine", "theirs", "new of theirs", "after", "after that"}


def test_quiet_objects_lose_their_type_tag_with_the_last_tag_that_either_process_gave(
    met: Callable[[type], Any], other: Run
) -> None:
    kept = met(Quiet)
    theirs = kept.nodes[1].held
    assert other("db0.tags(before).add('seen'); db0.commit()") == "done"
    db0.refresh()
    assert names(Quiet) == {"theirs"} and "seen" in db0.tags_of(theirs)
    db0.tags(theirs).add("again")
    assert is_sound() and names(Quiet) == {"theirs"}
    db0.tags(theirs).remove("seen", "again")
    assert is_sound() and names(Quiet) == set()


DECLARED = """
@db0.memo
@db0.tag_fields("kind")
@db0.indexed_fields("due")
class Task:
    def __init__(self, kind, due):
        self.kind, self.due = kind, due

db0.init(sys.argv[1], shared=True, autocommit=False)
db0.open('main', shared=True)
turn = int(sys.argv[2])

@db0.retry(attempts=1000)
def store(number):
    db0.tags(Task(f'kind {number % 2}', turn * 10 + number)).add('kept')

say('ready')
hear()
for number in range(10):
    store(number)
say('done')
hear()
db0.refresh()
due = db0.index_of(Task, 'due')
say(len(db0.find(Task)), len(db0.find(Task, 'kind 1')), len(db0.find(Task, due.select(5, 14))))
"""


def test_what_is_kept_up_for_declared_fields_has_the_objects_of_all_writers(
    root: Path, start: Callable[..., Process]
) -> None:
    db0.open("main", shared=True)
    db0.tags(Node("first")).add("kept")
    db0.commit()
    processes = [start(DECLARED, root, turn) for turn in range(3)]
    for answer in ("ready", "done"):
        assert [process.hear() for process in processes] == [answer] * 3
        for process in processes:
            process.tell("go")
    assert [process.hear() for process in processes] == ["30 15 10"] * 3
    db0.refresh()
    assert is_sound()

"""Interned values met by several processes and threads at once: each content ends as one object."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import perdure as db0
from perdure.model import scope
from tests.model.immutable_things import Holder, Label, keep, problems
from tests.threads import together

from .conftest import Process

CONTENTS = [(name, number) for name in "abc" for number in range(4)]

TURN = """
from tests.model.immutable_things import Holder, Label, keep
db0.init(sys.argv[1], prefix='main', autocommit=False)
for name in 'abc':
    for number in range(4):
        keep(Holder(Label(name, [number])))
db0.commit()
found = [db0.uuid(Label(name, [number])) for name in 'abc' for number in range(4)]
db0.close()
say(*found)
"""

AT_ONCE = """
from tests.model.immutable_things import Branch, Holder, Label, keep
db0.init(sys.argv[1], shared=True, autocommit=False)
db0.open('main', shared=True)

@db0.retry(attempts=1000)
def store(name, number, embed):
    label = Label(name, [number])
    keep(Branch([label]) if embed else Holder(label))

say('ready')
hear()
turn = int(sys.argv[2])
for number in range(4):
    for name in 'abc'[turn:] + 'abc'[:turn]:
        store(name, number, (turn + number) % 2)
db0.refresh()
say('done')
hear()
db0.refresh()
say(*[db0.uuid(Label(name, [number])) for name in 'abc' for number in range(4)])
"""


def uuids() -> list[str]:
    return [db0.uuid(Label(name, [number])) for name, number in CONTENTS]


def test_processes_that_take_turns_meet_the_same_objects(root: Path, start: Callable[..., Process]) -> None:
    db0.close()
    found = [start(TURN, root).hear().split() for _ in range(3)]
    db0.init(root, prefix="main", autocommit=False)
    assert found == [uuids()] * 3
    assert len(set(uuids())) == len(CONTENTS) == len(db0.find(Label))
    assert len(db0.find(Holder)) == 3 * len(CONTENTS)
    assert problems() == []


def test_processes_that_store_the_same_values_at_once_end_with_one_object_each(
    root: Path, start: Callable[..., Process]
) -> None:
    db0.open("main", shared=True)
    keep(Holder("first"))
    db0.commit()
    processes = [start(AT_ONCE, root, turn) for turn in range(3)]
    for answer in ("ready", "done"):
        assert [process.hear() for process in processes] == [answer] * 3
        for process in processes:
            process.tell("go")
    found = [process.hear().split() for process in processes]
    db0.refresh()
    assert found == [uuids()] * 3
    assert len(set(uuids())) == len(CONTENTS) == len(db0.find(Label))
    assert db0.get_type_stats(Label)["content_index"] == {"size": len(CONTENTS)}
    assert problems() == []


def test_threads_that_store_the_same_values_at_once_end_with_one_object_each(
    root: Path, frequent_switches: Any
) -> None:
    db0.open("main")
    seen: list[list[str]] = []

    def work() -> None:
        for name, number in CONTENTS * 5:
            keep(Holder(db0.materialized(Label(name, [number]))))
        seen.append(uuids())

    together(*[work] * 6)
    assert seen == [uuids()] * 6
    assert len(db0.find(Label)) == len(CONTENTS) == len(set(uuids()))
    assert problems() == []


def test_threads_that_drop_and_make_the_same_value_never_see_a_dead_one(root: Path, frequent_switches: Any) -> None:
    db0.open("main")
    kept = db0.dict()
    keep(Holder(kept))

    def work(mine: int) -> None:
        for turn in range(40):
            label = db0.materialized(Label("shared", [turn % 2]))
            assert label.name == "shared" and label.more == (turn % 2,)
            kept[mine] = label
            assert kept[mine] is label
            del label
            kept.pop(mine)
            if turn % 8 == mine:
                db0.commit()

    together(*[lambda mine=mine: work(mine) for mine in range(4)])
    db0.commit()
    assert len(db0.find(Label)) == 0 == db0.get_type_stats(Label)["content_index"]["size"]
    assert problems() == [] and scope.current() is not None

"""Threads that share one connection: what each assigns is committed, by whichever thread commits first."""

import random
import threading
from pathlib import Path

import pytest

import perdure as db0

from .conftest import reopen
from .things import Node

THREADS = 8
OBJECTS = 800
ROUNDS = 40
CACHE_BYTES = 100_000
"""Far less than the objects need: they become ghosts while threads use them."""

pytestmark = pytest.mark.usefixtures("frequent_switches")


def make_nodes() -> list[str]:
    nodes = [Node(0) for _ in range(OBJECTS)]
    for node in nodes:
        db0.tags(node).add("kept")
    db0.commit()
    return [db0.uuid(node) for node in nodes]


@pytest.mark.parametrize("autocommit", [False, True])
def test_every_value_that_eight_threads_assign_and_commit_is_there_after_a_restart(
    tmp_path: Path, autocommit: bool
) -> None:
    db0.init(tmp_path, prefix="main", autocommit=False)
    ids = make_nodes()
    db0.close()
    db0.init(tmp_path, prefix="main", autocommit=autocommit, autocommit_interval=1, cache_size=CACHE_BYTES)
    expected: dict[str, int] = {}
    errors: list[BaseException] = []

    def work(share: int) -> None:
        choices = random.Random(share)
        mine = dict.fromkeys(ids[share::THREADS], 0)
        try:
            for number in range(ROUNDS):
                for identifier in choices.sample(list(mine), 4):
                    node = db0.fetch(identifier)
                    assert node.name == mine[identifier]
                    node.name = mine[identifier] = number
                db0.commit()
        except BaseException as error:
            errors.append(error)
        expected.update(mine)

    threads = [threading.Thread(target=work, args=(share,)) for share in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    db0.close()
    reopen(tmp_path)
    assert {identifier: db0.fetch(identifier).name for identifier in ids} == expected

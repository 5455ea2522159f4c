"""Threads that share one connection: what each assigns is committed, by whichever thread commits first."""

import random
from functools import partial
from pathlib import Path

import pytest

import perdure as db0
from tests.threads import together

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

    def work(share: int) -> None:
        choices = random.Random(share)
        mine = dict.fromkeys(ids[share::THREADS], 0)
        for number in range(ROUNDS):
            for identifier in choices.sample(list(mine), 4):
                node = db0.fetch(identifier)
                assert node.name == mine[identifier]
                node.name = mine[identifier] = number
            db0.commit()
        expected.update(mine)

    together(*[partial(work, share) for share in range(THREADS)])
    db0.close()
    reopen(tmp_path)
    assert {identifier: db0.fetch(identifier).name for identifier in ids} == expected

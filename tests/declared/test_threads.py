"""Declared fields stay in step when several threads assign them while commits, blocks and queries run."""

import threading
from pathlib import Path
from typing import Any

import perdure as db0
from perdure.session import Database

from .conftest import define, keep

ROUNDS = 150


def test_threads_that_assign_commit_and_revert_leave_tags_and_index_in_step(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit_interval=1)
    cls = define("Threaded", tags=("status",), indexes=("rank",))
    objects = [keep(cls(name=number, status="s0", rank=0)) for number in range(8)]
    errors: list[BaseException] = []

    def work(seat: int) -> None:
        try:
            for number in range(ROUNDS):
                obj = objects[(seat * 2 + number) % len(objects)]
                obj.status, obj.rank = f"s{number % 3}", number % 7
                if number % 10 == 0:
                    with db0.atomic() as block:
                        obj.status, obj.rank = "never", -1
                        block.cancel()
                if number % 25 == 0:
                    db0.commit()
                len(db0.find(cls, f"s{number % 3}"))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seat,)) for seat in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    check(cls, objects)
    db0.close()
    database = Database.open(tmp_path / "main.db0")
    assert not list(database.verify())
    database.close()


def check(cls: Any, objects: list[Any]) -> None:
    assert not db0.find(cls, "never")
    for status in ("s0", "s1", "s2"):
        assert {obj.name for obj in db0.find(cls, status)} == {obj.name for obj in objects if obj.status == status}
    index = db0.index_of(cls, "rank")
    assert len(index) == len(objects)
    for rank in range(-1, 7):
        found = {obj.name for obj in db0.find(cls, index.select(rank, rank))}
        assert found == {obj.name for obj in objects if obj.rank == rank}

"""Opening a database, also by several processes at once."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

from perdure.session import Database

PROCESSES = 3
ROUNDS = 40


def open_together(directory: str, barrier: Barrier, found: "multiprocessing.Queue[tuple[int, object]]") -> None:
    for number in range(ROUNDS):
        barrier.wait()
        try:
            database = Database.open(f"{directory}/{number}.db0")
            found.put((number, database.uuid))
            database.close()
        except BaseException as error:
            found.put((number, repr(error)))


def test_processes_that_create_a_database_at_once_agree_on_its_identity(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=open_together, args=(str(tmp_path), barrier, found)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    answers: dict[int, set[object]] = {}
    for _ in range(ROUNDS * PROCESSES):
        number, answer = found.get(timeout=120)
        answers.setdefault(number, set()).add(answer)
    for process in processes:
        process.join()
    assert all(len(each) == 1 and isinstance(next(iter(each)), int) for each in answers.values()), answers

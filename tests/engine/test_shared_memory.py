from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from perdure.engine.shared_memory import SharedMemory

PINNING = (
    "import sys\n"
    "from perdure.engine.shared_memory import SharedMemory\n"
    "memory = SharedMemory(sys.argv[1])\n"
    "memory.pin(int(sys.argv[2]))\n"
    "print('pinned', flush=True)\n"
    "sys.stdin.read()\n"
)


@contextmanager
def process_that_pins(path: str, state: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", PINNING, path, str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"pinned\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def memory(tmp_path) -> Iterator[SharedMemory]:
    made = SharedMemory(str(tmp_path / "shared"))
    yield made
    made.close()


def test_the_smallest_pin_of_all_processes_counts(memory):
    memory.pin(7)
    with process_that_pins(memory.path, 5):
        assert memory.pinned() == 5
    assert memory.pinned() == 7


def test_the_pin_of_a_killed_process_goes_with_it(memory):
    with process_that_pins(memory.path, 5):
        pass
    assert memory.pinned() is None


def test_a_process_that_takes_the_slot_of_a_dead_one_keeps_its_pin(memory, monkeypatch):
    with process_that_pins(memory.path, 3):
        pass
    unlock, started = fcntl.lockf, []

    def lock_and_let_another_in(descriptor: int, command: int, *rest: int) -> None:
        unlock(descriptor, command, *rest)
        if command == fcntl.LOCK_UN and not started:
            started.append(process_that_pins(memory.path, 5))
            started[0].__enter__()

    monkeypatch.setattr(fcntl, "lockf", lock_and_let_another_in)
    try:
        assert memory.pinned() is None  # it looked when the slot was free
        assert memory.pinned() == 5
    finally:
        started[0].__exit__(None, None, None)

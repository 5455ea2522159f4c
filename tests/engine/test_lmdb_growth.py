from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from perdure.engine import lmdb_growth
from perdure.engine.lmdb import LmdbEngine
from perdure.engine.lmdb_growth import SPARE_BYTES, STEP_BYTES_MAX, STEP_BYTES_MIN, STEP_SHARE, Growth
from perdure.kernel.keys import encode_uint
from perdure.storage import Batch, open_storage
from perdure.storage.spaces import RECORDS
from tests.processes import run_child


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


def commit(engine: LmdbEngine, first: int, count: int = 1, size: int = 3000) -> None:
    transaction = engine.begin(write=True)
    transaction.put_many(0, [(b"%08d" % number, b"v" * size) for number in range(first, first + count)])
    transaction.commit()


def test_small_commits_find_their_place_in_the_file_already(path):
    engine = LmdbEngine(path, range(1))
    sizes = []
    for number in range(200):
        commit(engine, number)
        sizes.append(engine.size_bytes())
    engine.close()
    assert len(set(sizes)) < 20


def test_a_step_is_a_modest_part_of_the_file(path):
    engine = LmdbEngine(path, range(1))
    before = engine.size_bytes()
    for number in range(600):
        commit(engine, number)
        after = engine.size_bytes()
        assert after - before <= max(before // STEP_SHARE, STEP_BYTES_MIN) + STEP_BYTES_MIN
        before = after
    engine.close()


def test_one_commit_takes_what_it_needs_and_no_more(path):
    for count in (1, 2000):
        engine = LmdbEngine(path, range(1))
        commit(engine, count, count)
        info = engine._environment.raw.info()
        assert engine.size_bytes() == (info["last_pgno"] + 1) * engine._environment.raw.stat()["psize"]
        engine.close()


def test_a_large_commit_is_no_reason_to_grow(path):
    path.write_bytes(bytes(1 << 20))
    growth = Growth(str(path))
    growth.before_writes(1 << 16)
    growth.before_writes(1 << 20)
    assert path.stat().st_size == 1 << 20
    growth.close()


def test_no_step_while_there_is_room(path):
    path.write_bytes(bytes(1 << 20))
    growth = Growth(str(path))
    for end in range(1 << 19, (1 << 20) - SPARE_BYTES + 1, 4096):
        growth.before_writes(end)
    assert path.stat().st_size == 1 << 20
    growth.before_writes((1 << 20) - SPARE_BYTES + 4096)
    assert path.stat().st_size == (1 << 20) + (1 << 17)
    growth.close()


def test_a_step_is_bounded(path):
    size = 4 * STEP_SHARE * STEP_BYTES_MAX
    path.touch()
    os.truncate(path, size)
    growth = Growth(str(path))
    growth.before_writes(size - 4096)
    growth.before_writes(size)
    assert path.stat().st_size == size + STEP_BYTES_MAX
    growth.close()


def test_the_bytes_ahead_are_written_and_not_only_reserved(path):
    path.write_bytes(b"x" * (1 << 16))
    growth = Growth(str(path))
    growth.before_writes((1 << 16) - 4096)
    growth.before_writes(1 << 16)
    growth.close()
    status = path.stat()
    assert status.st_blocks * 512 >= status.st_size == 1 << 17
    assert path.read_bytes() == b"x" * (1 << 16) + bytes(1 << 16)


def test_without_room_the_file_stays_as_it_is_and_is_not_tried_again(path, monkeypatch):
    path.write_bytes(bytes(1 << 20))
    tried = []

    def pwrite(descriptor, data, offset):
        tried.append(offset)
        if len(tried) == 1:
            return os.write(descriptor, data[:4096])
        raise OSError(28, "No space left on device")

    growth = Growth(str(path))
    monkeypatch.setattr(lmdb_growth.os, "pwrite", pwrite)
    for end in range((1 << 20) - 20480, (1 << 20) + 1, 4096):
        growth.before_writes(end)
    growth.close()
    assert tried == [1 << 20]
    assert path.stat().st_size == 1 << 20


def test_readers_do_not_grow_the_file(path):
    engine = LmdbEngine(path, range(1))
    for number in range(100):
        commit(engine, number)
    engine.close()
    before = path.read_bytes()
    reader = LmdbEngine(path, range(1), create=False, read_only=True)
    assert reader.begin().get(0, b"%08d" % 5) == b"v" * 3000
    reader.close()
    assert path.read_bytes() == before


KILLED_WHILE_GROWING = """
    import os, signal, sys
    from perdure.engine import lmdb_growth
    from perdure.kernel.keys import encode_uint
    from perdure.storage import Batch, open_storage
    from perdure.storage.spaces import RECORDS

    pwrite, steps = os.pwrite, iter([True, False])

    def cut_short(descriptor, data, offset):
        if next(steps):
            return pwrite(descriptor, data, offset)
        os.lseek(descriptor, offset, os.SEEK_SET)
        os.write(descriptor, data[:{part}])
        os.kill(os.getpid(), signal.SIGKILL)

    lmdb_growth.os.pwrite = cut_short
    storage = open_storage(sys.argv[1])
    state = storage.last_state
    while True:
        state = storage.commit(Batch(state, {{RECORDS: {{encode_uint(state + 1): b"v" * 3000}}}})).state
        print(state, flush=True)
"""


@pytest.mark.parametrize("part", [0, 100, 4096, 50_001])
def test_a_process_killed_while_it_grows_the_file_loses_no_commit(path, part):
    code = textwrap.dedent(KILLED_WHILE_GROWING).format(part=part)
    for _ in range(2):
        child = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
        assert child.returncode == -signal.SIGKILL, child.stderr
        told = int(child.stdout.split()[-1])
        with open_storage(path, check=True) as storage:
            assert storage.last_state == told
            view = storage.view()
            assert all(view.get(RECORDS, encode_uint(number)) == b"v" * 3000 for number in range(1, told + 1))
            assert list(storage.verify()) == []
            batch = Batch(told, {RECORDS: {encode_uint(told + 1): b"v" * 3000}})
            assert storage.commit(batch).state == told + 1


def test_a_forked_child_does_not_keep_the_file_open(path):
    engine = LmdbEngine(path, range(1))
    for number in range(40):
        commit(engine, number)
    assert engine._environment._growth._descriptor is not None
    child = os.fork()
    if child == 0:
        os._exit(0 if engine._environment._growth._descriptor is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    engine.close()
    assert engine._environment._growth._descriptor is None


def test_two_processes_grow_the_same_file_in_turn(path):
    code = """
        import sys
        from perdure.kernel.keys import encode_uint
        from perdure.storage import Batch, open_storage
        from perdure.storage.spaces import RECORDS
        storage = open_storage(sys.argv[1])
        for number in range(100):
            state = storage.commit(Batch(storage.last_state, {RECORDS: {encode_uint(1000 + number): b"c" * 3000}}))
        storage.close()
    """
    storage = open_storage(path)
    state = storage.last_state
    for number in range(1, 40):
        state = storage.commit(Batch(state, {RECORDS: {encode_uint(number): b"p" * 3000}})).state
    run_child(code, path)
    state = storage.last_state
    for number in range(40, 80):
        state = storage.commit(Batch(state, {RECORDS: {encode_uint(number): b"p" * 3000}})).state
    assert list(storage.verify()) == []
    view = storage.view()
    assert all(view.get(RECORDS, encode_uint(number)) == b"p" * 3000 for number in range(1, 80))
    assert all(view.get(RECORDS, encode_uint(number)) == b"c" * 3000 for number in range(1000, 1100))
    storage.close()

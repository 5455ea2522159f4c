from __future__ import annotations

import os

import lmdb
import pytest

from perdure.errors import DiskFullError, StorageFailedError
from perdure.kernel.keys import encode_uint
from perdure.storage import Batch, open_storage
from perdure.storage.spaces import RECORDS
from tests.processes import run_child

ONE = encode_uint(1)
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "test.db")


FILL_THE_DISK = """
    import resource, sys
    from perdure.errors import DiskFullError
    from perdure.kernel.keys import encode_uint
    from perdure.storage import Batch, open_storage
    from perdure.storage.spaces import RECORDS

    storage = open_storage(sys.argv[1])
    storage.commit(Batch(0, {RECORDS: {encode_uint(1): b"first"}}))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    large = {encode_uint(number): b"v" * 1000 for number in range(2, 5000)}
    try:
        storage.commit(Batch(1, {RECORDS: large}))
    except DiskFullError as error:
        print("no space left" in str(error), storage.last_state)
    print(storage.commit(Batch(1, {RECORDS: {encode_uint(2): b"small"}})).state)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(storage.commit(Batch(2, {RECORDS: dict(list(large.items())[1:])})).state)
    print(list(storage.verify()), storage.view().get(RECORDS, encode_uint(1)))
    storage.close()
"""


def test_a_full_disk_fails_the_commit_and_loses_nothing(path):
    assert run_child(FILL_THE_DISK, path).splitlines() == ["True 1", "2", "3", "[] b'first'"]


ON_A_SMALL_DISK = """
    import ctypes, os, sys
    from perdure.errors import DiskFullError
    from perdure.kernel.keys import encode_uint
    from perdure.storage import Batch, open_storage
    from perdure.storage.spaces import RECORDS

    directory = sys.argv[1]
    CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(CLONE_NEWNS) or library.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
        print("no mount"); sys.exit()
    if library.mount(b"small", directory.encode(), b"tmpfs", 0, b"size=2m"):
        print("no mount"); sys.exit()
    path = os.path.join(directory, "test.db")
    storage = open_storage(path)
    state = stored = 0
    try:
        while True:
            state = storage.commit(Batch(state, {RECORDS: {encode_uint(state): b"v" * 50_000}})).state
    except DiskFullError:
        print("full")
    assert storage.last_state == state > 10
    storage.close()
    with open_storage(path, check=True) as storage:
        print(storage.last_state == state, list(storage.verify()))
        storage.pack(state)
    with open(os.path.join(directory, "filler"), "wb") as file:
        try:
            file.write(bytes(4 << 20))
            file.flush()
        except OSError:
            pass
    try:
        open_storage(os.path.join(directory, "other.db")).close()
    except DiskFullError:
        print("full")
"""


@root
def test_a_small_disk_that_fills_up(tmp_path):
    said = run_child(ON_A_SMALL_DISK, tmp_path).splitlines()
    if said == ["no mount"]:
        pytest.skip("this machine allows no mount")
    assert said == ["full", "True []", "full"]


def test_after_an_input_output_failure_writes_are_refused_until_reopened(path):
    class Failing:
        def commit(self):
            raise failure

        def abort(self):
            pass

        def id(self):
            return real.id()

        def cursor(self, table):
            return real.cursor(table)

    failure = lmdb.Error("mdb_txn_commit: Input/output error")
    failure.code = 5
    storage = open_storage(path)
    storage.commit(Batch(0, {RECORDS: {ONE: b"kept"}}))
    environment = storage.engine._environment
    real_begin = environment._begin
    real = None

    def begin(write):
        nonlocal real
        real = real_begin(write)
        return Failing() if write else real

    environment._begin = begin
    with pytest.raises(StorageFailedError, match="input/output failure"):
        storage.commit(Batch(1, {RECORDS: {ONE: b"lost"}}))
    environment._begin = real_begin
    real.abort()
    with pytest.raises(StorageFailedError, match="until it is reopened"):
        storage.commit(Batch(1, {RECORDS: {ONE: b"lost"}}))
    assert storage.view().get(RECORDS, ONE) == b"kept"
    storage.close()
    with open_storage(path) as storage:
        assert storage.commit(Batch(1, {RECORDS: {ONE: b"new"}})).state == 2


def test_writing_on_a_full_device_is_a_full_disk(path):
    storage = open_storage(path)
    full = os.open("/dev/full", os.O_RDWR)
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    numbers = [int(os.path.basename(link)) for link in links if os.path.exists(link) and os.path.samefile(link, path)]
    kept = [(number, os.dup(number)) for number in numbers]
    for number in numbers:
        os.dup2(full, number)
    with pytest.raises(DiskFullError):
        storage.commit(Batch(0, {RECORDS: {ONE: b"a"}}))
    for number, copy in kept:
        os.dup2(copy, number)
        os.close(copy)
    os.close(full)
    assert storage.commit(Batch(0, {RECORDS: {ONE: b"a"}})).state == 1
    storage.close()

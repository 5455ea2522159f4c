from __future__ import annotations

import os

import pytest

from perdure.errors import DatabaseLockedError, NotADatabaseError
from perdure.kernel.keys import encode_uint
from perdure.storage import Batch, open_storage
from tests.processes import Child

ONE = encode_uint(1)
nobody = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "test.db")


def test_an_exclusive_database_is_refused_to_other_writers(path):
    code = """
        import sys
        from perdure.storage import open_storage
        storage = open_storage(sys.argv[1], exclusive=True)
        print("open", flush=True)
        sys.stdin.readline()
        storage.close()
        print("closed", flush=True)
        sys.stdin.readline()
    """
    with Child(code, path) as child:
        assert child.hear() == "open"
        for exclusive in (False, True):
            with pytest.raises(DatabaseLockedError, match=r"failed to acquire lock.*in use"):
                open_storage(path, exclusive=exclusive)
        with open_storage(path, read_only=True) as storage:
            assert storage.last_state == 0
        child.say()
        assert child.hear() == "closed"
        with open_storage(path, exclusive=True):
            pass


def test_exclusive_use_is_refused_while_others_write(path):
    with open_storage(path), pytest.raises(DatabaseLockedError):
        open_storage(path, exclusive=True)
    with open_storage(path, exclusive=True):
        pass
    assert os.path.exists(path + ".lock")


def test_the_lock_of_a_killed_process_is_gone(path):
    code = """
        import sys
        from perdure.storage import open_storage
        storage = open_storage(sys.argv[1], exclusive=True)
        print("open", flush=True)
        sys.stdin.readline()
    """
    with Child(code, path) as child:
        assert child.hear() == "open"
        child.kill()
        with open_storage(path, exclusive=True):
            pass


def test_waiting_for_the_lock(path):
    code = """
        import sys, time
        from perdure.storage import open_storage
        storage = open_storage(sys.argv[1], exclusive=True)
        print("open", flush=True)
        sys.stdin.readline()
        time.sleep(0.2)
        storage.close()
    """
    with Child(code, path) as child:
        assert child.hear() == "open"
        with pytest.raises(DatabaseLockedError):
            open_storage(path, exclusive=True, lock_flags={"blocking": True, "timeout": 0.05})
        child.say()
        with open_storage(path, exclusive=True, lock_flags={"blocking": True, "timeout": 60, "unknown": 1}) as storage:
            assert storage.last_state == 0


def test_a_lock_can_be_broken(path):
    with (
        open_storage(path, exclusive=True) as first,
        open_storage(path, exclusive=True, lock_flags={"force_unlock": True}) as second,
    ):
        second.commit(Batch(0))
        assert first.last_state == 1
        with pytest.raises(DatabaseLockedError):
            open_storage(path)


def test_an_open_that_fails_gives_the_lock_back(path):
    open_storage(path).close()
    with open(path, "r+b") as file:
        file.write(bytes(64))
    with pytest.raises(NotADatabaseError):
        open_storage(path, exclusive=True)
    with pytest.raises(NotADatabaseError):
        open_storage(path, exclusive=True)

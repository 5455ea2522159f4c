from __future__ import annotations

import os
import shutil
import struct
import tempfile
from pathlib import Path

import lmdb
import pytest

from perdure.engine.lmdb_file import network_filesystem
from perdure.errors import (
    CorruptRecordError,
    FormatVersionError,
    NetworkFilesystemError,
    NotADatabaseError,
    ReadOnlyError,
    StorageError,
)
from perdure.kernel.keys import encode_uint
from perdure.storage import Batch, open_storage
from perdure.storage.meta import FORMAT, put_number
from perdure.storage.spaces import RECORDS, SPACES
from tests.processes import run_child

ONE = encode_uint(1)
nobody = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "test.db")


def fill(path, count=1):
    with open_storage(path) as storage:
        for state in range(count):
            storage.commit(Batch(state, {RECORDS: {ONE: b"value %d" % state}}))


def test_a_new_file_is_made_and_opens_again(path):
    fill(path)
    with open_storage(path, create=False) as storage:
        assert storage.last_state == 1
        assert storage.view().get(RECORDS, ONE) == b"value 0"
    with open_storage(path, read_only=True) as storage:
        assert storage.view().get(RECORDS, ONE) == b"value 0"


def test_a_missing_file_is_not_made_unasked(path):
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(NotADatabaseError, match="no database at"):
            open_storage(path, **options)
    assert os.listdir(os.path.dirname(path)) == []


def test_a_missing_directory_is_named(path):
    with pytest.raises(NotADatabaseError, match="no directory"):
        open_storage(os.path.join(path, "inner.db"))


def test_a_directory_is_no_database(tmp_path):
    with pytest.raises(NotADatabaseError, match="not a file"):
        open_storage(tmp_path)


@pytest.mark.parametrize("content", [b"hello", b"PK\3\4" * 4000, bytes(200_000), b"\0" * 15 + b"x"])
def test_another_kind_of_file_is_refused_and_left_alone(path, content):
    with open(path, "wb") as file:
        file.write(content)
    for options in ({}, {"read_only": True}, {"check": True}):
        with pytest.raises((NotADatabaseError, CorruptRecordError)):
            open_storage(path, **options)
    with open(path, "rb") as file:
        assert file.read() == content


def test_an_lmdb_file_of_someone_else_is_refused_and_left_alone(path):
    with lmdb.open(path, subdir=False, max_dbs=3) as environment:
        table = environment.open_db(b"theirs")
        with environment.begin(write=True) as transaction:
            transaction.put(b"k", b"v", db=table)
    with open(path, "rb") as file:
        before = file.read()
    with pytest.raises(NotADatabaseError, match="not a perdure database"):
        open_storage(path)
    with open(path, "rb") as file:
        assert file.read() == before


@pytest.mark.parametrize("size", [0, 4096, 8192])
def test_a_file_whose_making_broke_off_is_made_again(path, size):
    with lmdb.open(path, subdir=False):
        pass
    os.truncate(path, size)
    fill(path)
    with open_storage(path, check=True) as storage:
        assert storage.last_state == 1


@pytest.mark.parametrize("size", [1, 4096, 8192, 65536])
def test_zeros_are_a_file_whose_making_broke_off(path, size):
    with open(path, "wb") as file:
        file.write(bytes(size))
    fill(path)
    with open_storage(path, check=True) as storage:
        assert storage.last_state == 1


@pytest.mark.parametrize("pages", [1, 2, 5])
def test_a_file_cut_short_is_refused_without_touching_it(path, pages):
    fill(path, count=20)
    os.truncate(path, 4096 * pages)
    code = """
        import sys
        from perdure.storage import open_storage
        try:
            open_storage(sys.argv[1])
        except Exception as error:
            print(type(error).__name__)
    """
    assert run_child(code, path) == "CorruptRecordError"
    assert os.path.getsize(path) == 4096 * pages


def test_a_newer_format_is_refused(path):
    fill(path)
    storage = open_storage(path)
    transaction = storage.engine.begin(write=True)
    put_number(transaction, b"format", FORMAT + 1)
    transaction.commit()
    storage.close()
    with pytest.raises(FormatVersionError, match=f"has format {FORMAT + 1}; this perdure reads up to format {FORMAT}"):
        open_storage(path)


def test_a_missing_space_is_refused(path):
    fill(path)
    with lmdb.open(path, subdir=False, max_dbs=20) as environment, environment.begin(write=True) as transaction:
        transaction.drop(environment.open_db(b"7", txn=transaction))
    with pytest.raises(NotADatabaseError, match=r"spaces \[7\] are missing"):
        open_storage(path)


def test_a_read_only_storage_refuses_to_write(path):
    fill(path)
    with open_storage(path, read_only=True) as storage:
        for use in (
            lambda: storage.commit(Batch(1)),
            lambda: storage.reserve("ids", 1),
            lambda: storage.prepare(Batch(1), b"t"),
            lambda: storage.pack(1),
        ):
            with pytest.raises(ReadOnlyError, match="reading only"):
                use()


AS_NOBODY = """
    import os, sys
    from perdure.storage import Batch, open_storage
    os.setgid(65534); os.setuid(65534)
    try:
        with open_storage(sys.argv[1], read_only=sys.argv[2] == "True") as storage:
            print(storage.last_state)
    except Exception as error:
        print(type(error).__name__, error)
"""


@nobody
def test_a_read_only_directory_is_named_and_nothing_is_made():
    # Not tmp_path: only its owner may enter the directories above it.
    directory = Path(tempfile.mkdtemp())
    try:
        directory.chmod(0o755)
        look_at_a_read_only_directory(directory)
    finally:
        shutil.rmtree(directory)


def look_at_a_read_only_directory(directory):
    path = directory / "test.db"
    assert run_child(AS_NOBODY, path, False).startswith("ReadOnlyError no permission to make a database in")
    fill(path)
    for name in os.listdir(directory):
        if name != "test.db":
            os.unlink(directory / name)
    assert run_child(AS_NOBODY, path, False).startswith("ReadOnlyError no permission to write to")
    assert run_child(AS_NOBODY, path, True).startswith("ReadOnlyError no permission to write in")
    assert os.listdir(directory) == ["test.db"]


MOUNTS = """\
22 1 253:1 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /home rw - nfs4 server:/home rw
31 30 0:27 / /home/local rw shared:1 - btrfs /dev/vdb rw
32 22 0:28 / /mnt/with\\040space rw master:2 - cifs //server/share rw
33 22 0:29 / /homely rw - xfs /dev/vdc rw
"""


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("/", None),
        ("/home", "nfs4"),
        ("/home/ada/deep", "nfs4"),
        ("/home/local/ada", None),
        ("/homely", None),
        ("/mnt/with space/x", "cifs"),
        ("/mnt", None),
    ],
)
def test_network_file_systems_are_known_by_their_mount(directory, expected):
    assert network_filesystem(directory, MOUNTS) == expected


def test_a_network_file_system_is_refused(path, monkeypatch):
    monkeypatch.setattr("perdure.engine.lmdb_file.network_filesystem", lambda directory: "nfs4")
    with pytest.raises(NetworkFilesystemError, match="nfs4"):
        open_storage(path)
    assert os.listdir(os.path.dirname(path)) == []


def test_one_process_may_open_a_file_twice(path):
    with open_storage(path) as one, open_storage(path) as other, open_storage(path, read_only=True) as reader:
        one.commit(Batch(0, {RECORDS: {ONE: b"a"}}))
        assert other.view().get(RECORDS, ONE) == b"a"
        other.commit(Batch(1, {RECORDS: {ONE: b"b"}}))
        assert reader.view().get(RECORDS, ONE) == b"b"
        one.close()
        assert other.commit(Batch(2)).state == 3
    with pytest.raises(StorageError, match="closed"):
        reader.view()


def test_a_damaged_structure_is_found_before_the_file_is_trusted(path):
    fill(path, count=50)
    with open(path, "r+b") as file:
        for page in range(2, os.path.getsize(path) // 4096):
            file.seek(4096 * page)
            file.write(struct.pack("<Q", 12345) * 64)
    with pytest.raises(CorruptRecordError, match="restore it from a backup"):
        open_storage(path, check=True)


def test_all_spaces_have_their_number():
    assert [space.id for space in SPACES] == list(range(len(SPACES)))
    assert [int(space) for space in SPACES] == list(range(len(SPACES)))

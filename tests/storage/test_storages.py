from __future__ import annotations

import os
import shutil
import tempfile
import weakref

import pytest
from hypothesis import settings

from perdure.storage import open_storage
from perdure.testing import StorageContract, storage_machine


class TestMemoryStorage(StorageContract):
    @pytest.fixture
    def storage(self):
        with open_storage(None) as storage:
            yield storage


class TestLmdbStorage(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path):
        with open_storage(tmp_path / "storage.db") as storage:
            yield storage


class TestLmdbStorageWithASmallMap(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path):
        with open_storage(tmp_path / "storage.db", map_bytes=1 << 16) as storage:
            yield storage


def all_storages():
    directory = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)

    def open_file():
        return open_storage(f"{directory}/storage.db", check=True)

    weakref.finalize(open_file, shutil.rmtree, directory)
    return [lambda: open_storage(None), open_file]


TestInStep = storage_machine(all_storages).TestCase
TestInStep.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)

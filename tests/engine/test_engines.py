from __future__ import annotations

import os
import shutil
import tempfile
import weakref

import pytest
from hypothesis import settings

from perdure.engine import MemoryEngine
from perdure.engine.lmdb import LmdbEngine
from perdure.testing import EngineContract, engine_machine


class TestMemoryEngine(EngineContract):
    @pytest.fixture
    def engine(self):
        engine = MemoryEngine(range(3))
        yield engine
        engine.close()


class TestLmdbEngine(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path):
        engine = LmdbEngine(tmp_path / "engine.db", range(3))
        yield engine
        engine.close()


class TestLmdbEngineWithASmallMap(EngineContract):
    @pytest.fixture
    def engine(self, tmp_path):
        engine = LmdbEngine(tmp_path / "engine.db", range(3), map_bytes=1 << 16)
        yield engine
        engine.close()


def all_engines():
    directory = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    engine = LmdbEngine(f"{directory}/engine.db", range(2))
    weakref.finalize(engine, shutil.rmtree, directory)
    return [MemoryEngine(range(2)), engine]


TestInStep = engine_machine(all_engines).TestCase
TestInStep.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_keys_written_out_of_order_are_refused_and_not_lost(tmp_path):
    engine = LmdbEngine(tmp_path / "engine.db", range(1))
    writer = engine.begin(write=True)
    with pytest.raises(ValueError, match="ascending"):
        writer.put_many(0, [(b"b", b"1"), (b"a", b"2"), (b"c", b"3")])
    writer.abort()
    engine.close()

"""What all tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from perdure.kernel import durable

# No test depends on time: a shared machine may be slow at any moment.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Path of a database that does not exist yet."""
    return str(tmp_path / "test.db0")


@pytest.fixture(autouse=True)
def same_ambient_owner() -> Iterator[None]:
    """Each test leaves the owner of new objects as it found it."""
    before = durable.get_ambient()
    yield
    durable.set_ambient(before)


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Threads take turns often, so that what is not safe shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)

"""A tracker in a new directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import perdure as db0
from task_tracker.model import PREFIX, Tracker


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[Tracker]:
    db0.init(tmp_path, prefix=PREFIX, autocommit=False)
    yield Tracker()
    db0.close()

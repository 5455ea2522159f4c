"""A store in a new directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import perdure as db0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    db0.init(tmp_path, autocommit=False)
    yield tmp_path
    db0.close()

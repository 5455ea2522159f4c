"""A warehouse in a new directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import perdure as db0
from event_log.warehouse import PREFIX, Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    db0.init(tmp_path, prefix=PREFIX, autocommit=False)
    yield Warehouse()
    db0.close()

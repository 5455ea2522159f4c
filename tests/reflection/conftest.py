from collections.abc import Iterator
from pathlib import Path

import pytest

import perdure as db0


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A workspace on an empty directory, with the prefix `main` open for writing and no autocommit."""
    db0.init(tmp_path / "data", prefix="main", autocommit=False)
    yield tmp_path / "data"
    db0.close()

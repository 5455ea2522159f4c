"""What session tests share."""

from __future__ import annotations

import pytest

from perdure.kernel import durable


@pytest.fixture(autouse=True)
def no_ambient_owner(same_ambient_owner: None) -> None:
    """Each test starts without an owner for new objects."""
    durable.set_ambient(None)

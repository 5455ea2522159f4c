"""The rights to a field go with it when it gets another name."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest

import perdure as db0

ACCOUNT: ContextVar[int] = ContextVar("account")
OWNER, OTHER = 1, 2


@db0.memo(protect_fields=True)
class Letter:
    def __init__(self, text: str) -> None:
        self.text = text


@pytest.fixture
def letter(tmp_path: Path) -> Iterator[Letter]:
    """A letter that one account may read and write; another one may read what is named `content`."""
    db0.init(tmp_path, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT})
    db0.set_field_access(Letter, OWNER, ["CREATE", "READ", "UPDATE"], "text")
    db0.set_field_access(Letter, OTHER, ["READ"], "content", "other")
    before = ACCOUNT.set(OWNER)
    made = Letter("dear")
    db0.tags(made).add("kept")
    db0.commit()
    yield made
    ACCOUNT.reset(before)
    db0.close()


def test_who_might_use_it_may_and_nobody_else(letter: Letter) -> None:
    db0.rename_field(Letter, "text", "content")
    assert letter.content == "dear"  # type: ignore[attr-defined]
    assert db0.get_field_access(Letter, OWNER) == [("content", ("CREATE", "READ", "UPDATE"))]
    assert db0.get_field_access(Letter, OTHER) == [("other", ("READ",))]
    ACCOUNT.set(OTHER)
    with pytest.raises(PermissionError):
        _ = letter.content  # type: ignore[attr-defined]


def test_an_undone_renaming_leaves_the_rights_as_they_were(letter: Letter) -> None:
    with db0.atomic() as block:
        db0.rename_field(Letter, "text", "content")
        block.cancel()
    assert letter.text == "dear"
    assert db0.get_field_access(Letter, OTHER) == [("content", ("READ",)), ("other", ("READ",))]

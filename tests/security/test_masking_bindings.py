"""Which account is asked for which prefix."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .masking_things import ACCOUNT, ALL, OWNER, SECRET, STRANGER, account, denied, grant

OTHER: ContextVar[Any] = ContextVar("other")


@db0.memo(protect_fields=True)
class Sheet:
    def __init__(self, text: str = SECRET) -> None:
        self.text = text


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    db0.close()


def sheet() -> Any:
    """An object of the current prefix that the owner can use."""
    grant(Sheet, OWNER, ALL, "text")
    with account(OWNER):
        token = OTHER.set(OWNER)
        made = Sheet()
        OTHER.reset(token)
        db0.tags(made).add("kept")
        return made


def test_a_binding_to_all_prefixes_holds_for_those_opened_later(tmp_path: Path) -> None:
    db0.init(tmp_path, autocommit=False, data_masking={"context_var": ACCOUNT})
    for name in ("one", "two"):
        db0.open(name)
        made = sheet()
        with account(STRANGER):
            denied(lambda made=made: made.text)


def test_a_binding_to_the_prefix_that_init_opens(tmp_path: Path) -> None:
    masking = {"context_var": ACCOUNT, "prefix": "main", "missing_value_placeholder": "hidden"}
    db0.init(tmp_path, prefix="main", autocommit=False, data_masking=masking)
    assert sheet().text == "hidden"
    db0.open("free")
    made = Sheet()
    assert "data masking" in denied(lambda: made.text, RuntimeError)


def test_a_prefix_that_is_not_open_cannot_be_bound(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="open"):
        db0.init(tmp_path, prefix="main", data_masking={"context_var": ACCOUNT, "prefix": "other"})
    with pytest.raises(RuntimeError):
        db0.get_current_prefix()
    db0.init(tmp_path, prefix="main", autocommit=False)
    with pytest.raises(ValueError, match="open"):
        db0._init_data_masking(ACCOUNT, ["main", "other"])
    made = sheet()
    denied(lambda: made.text, RuntimeError)


def test_prefixes_can_have_different_accounts_and_placeholders(tmp_path: Path) -> None:
    db0.init(tmp_path, autocommit=False)
    made = []
    for name, variable, placeholder in (("one", ACCOUNT, 1), ("two", OTHER, 2)):
        db0.open(name)
        db0._init_data_masking(variable, db0.get_current_prefix(), placeholder)
        made.append(sheet())
    assert [one.text for one in made] == [1, 2]
    with account(OWNER):
        assert [one.text for one in made] == [SECRET, 2]
    OTHER_token = OTHER.set(OWNER)
    assert [one.text for one in made] == [1, SECRET]
    OTHER.reset(OTHER_token)


@pytest.mark.parametrize(
    "changed",
    [
        {"context_var": OTHER},
        {"mode": "DEBUG"},
        {"missing_value_placeholder": None},
        {"context_var": OTHER, "prefix": "main"},
    ],
)
def test_a_binding_cannot_be_changed(tmp_path: Path, changed: dict[str, Any]) -> None:
    db0.init(tmp_path, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT})
    db0._init_data_masking(ACCOUNT)
    with pytest.raises(RuntimeError, match="binding"):
        db0._init_data_masking(**{"context_var": ACCOUNT, **changed})
    made = sheet()
    with account(STRANGER):
        denied(lambda: made.text)


def test_a_binding_outlasts_the_prefix_but_not_the_workspace(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit=False)
    db0._init_data_masking(ACCOUNT, "main", "hidden")
    uuid = db0.uuid(sheet())
    db0.close("main")
    db0.open("main")
    assert db0.fetch(uuid).text == "hidden"
    db0.close()
    db0.init(tmp_path, prefix="main", autocommit=False)
    denied(lambda: db0.fetch(uuid).text, RuntimeError)
    db0._init_data_masking(OTHER)
    denied(lambda: db0.fetch(uuid).text)


@pytest.mark.parametrize(
    ("masking", "error"),
    [
        ([], TypeError),
        ({}, TypeError),
        ({"context_var": "account"}, TypeError),
        ({"context_var": ACCOUNT, "mode": "FAST"}, ValueError),
        ({"context_var": ACCOUNT, "mode": 5}, TypeError),
        ({"context_var": ACCOUNT, "placeholder": 5}, ValueError),
        ({"context_var": ACCOUNT, "prefix": 5}, TypeError),
        ({"context_var": ACCOUNT, "prefix": []}, ValueError),
    ],
)
def test_bad_descriptions_are_refused_and_nothing_is_started(
    tmp_path: Path, masking: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        db0.init(tmp_path, prefix="main", data_masking=masking)
    with pytest.raises(RuntimeError):
        db0.get_current_prefix()


def test_masking_is_that_of_the_objects_prefix_not_of_the_current_one(tmp_path: Path) -> None:
    db0.init(tmp_path, autocommit=False)
    db0.open("bound")
    db0._init_data_masking(ACCOUNT, "bound", "hidden")
    made = sheet()
    db0.open("free")
    assert made.text == "hidden"


def test_a_read_only_prefix_is_masked_too(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT})
    uuid = db0.uuid(sheet())
    db0.close()
    db0.init(tmp_path, prefix="main", read_write=False, data_masking={"context_var": ACCOUNT})
    with account(STRANGER):
        denied(lambda: db0.fetch(uuid).text)
    with account(OWNER):
        assert db0.fetch(uuid).text == SECRET


def test_a_prefix_that_is_open_for_reading_only_can_be_bound_by_name(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit=False)
    uuid = db0.uuid(sheet())
    db0.close()
    db0.init(tmp_path, autocommit=False)
    db0.open("main", "r")
    denied(lambda: db0.fetch(uuid).text, RuntimeError)
    db0._init_data_masking(ACCOUNT, "main")
    with account(STRANGER):
        denied(lambda: db0.fetch(uuid).text)
    with account(OWNER):
        assert db0.fetch(uuid).text == SECRET


@pytest.mark.parametrize("prefix", ["main", ["main"], {"main"}, "metadata", ["metadata"], None])
def test_init_takes_the_prefix_that_it_opens_in_every_form(tmp_path: Path, prefix: Any) -> None:
    db0.init(tmp_path, prefix="main", autocommit=False)
    uuid, metadata = db0.uuid(sheet()), db0.get_current_prefix()
    db0.close()
    given = {"metadata": metadata}.get(prefix, prefix) if isinstance(prefix, str) else prefix
    given = [metadata] if given == ["metadata"] else given
    db0.init(
        tmp_path, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT, "prefix": given, "mode": None}
    )
    for number in (STRANGER, 77):
        with account(number):
            denied(lambda: db0.fetch(uuid).text)
    with account(OWNER):
        assert db0.fetch(uuid).text == SECRET


def test_a_bound_prefix_that_a_fetch_opens_again_is_masked(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT, "prefix": "main"})
    uuid = db0.uuid(sheet())
    db0.close("main")
    found = db0.fetch(uuid)
    with account(STRANGER):
        denied(lambda: found.text)
    with account(OWNER):
        assert found.text == SECRET

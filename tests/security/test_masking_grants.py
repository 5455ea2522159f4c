"""What accounts are granted: how it is said, told, stored and taken away."""

from __future__ import annotations

import enum
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import perdure as db0

from .masking_things import ACCOUNT, ALL, OWNER, READER, SECRET, STRANGER, account, denied, grant

MASKING = {"context_var": ACCOUNT}


@db0.memo(protect_fields=True)
class Letter:
    def __init__(self, text: str = SECRET) -> None:
        self.text = text


@db0.memo
class Open:
    def __init__(self) -> None:
        self.text = SECRET


@pytest.fixture(autouse=True)
def main(tmp_path: Path) -> Iterator[None]:
    db0.init(tmp_path, prefix="main", autocommit=False, data_masking=MASKING)
    yield
    db0.close()


def letter() -> Any:
    grant(Letter, OWNER, ALL, "text")
    with account(OWNER):
        made = Letter()
        db0.tags(made).add("kept")
        db0.commit()
        return made


class Mode(enum.Enum):
    CREATE = 1
    READ = 2
    UPDATE = 3
    DELETE = 4


def test_modes_are_told_by_their_names() -> None:
    modes = db0.enum("Mode", list(ALL))
    for number, given_modes in enumerate(([modes.READ, modes.CREATE], [Mode.CREATE, Mode.READ], ["READ", "CREATE"])):
        db0.set_field_access(Letter, number, given_modes, "text")
        assert db0.get_field_access(Letter, number) == [("text", ("CREATE", "READ"))]


def test_modes_come_in_one_order() -> None:
    db0.set_field_access(Letter, 5, reversed(ALL), "text")
    assert db0.get_field_access(Letter, 5) == [("text", ALL)]


def test_a_new_mask_replaces_that_of_these_fields_for_these_accounts() -> None:
    db0.set_field_access(Letter, (1, 2), ["READ", "UPDATE"], "text", "other")
    db0.set_field_access(Letter, [2], ["DELETE"], "text")
    assert dict(db0.get_field_access(Letter, 1)) == {"text": ("READ", "UPDATE"), "other": ("READ", "UPDATE")}
    assert dict(db0.get_field_access(Letter, 2)) == {"text": ("DELETE",), "other": ("READ", "UPDATE")}


def test_no_modes_take_every_right_away_and_are_told() -> None:
    made = letter()
    db0.set_field_access(Letter, OWNER, [], "text")
    assert db0.get_field_access(Letter, OWNER) == [("text", ())]
    with account(OWNER):
        denied(lambda: made.text)


def test_unknown_accounts_have_nothing() -> None:
    assert list(db0.get_field_access(Letter, 99)) == []


def test_a_right_holds_for_a_field_that_comes_later() -> None:
    made = letter()
    db0.set_field_access(Letter, READER, ["READ"], "later")
    db0.set_field_access(Letter, OWNER, ["CREATE"], "later")
    with account(OWNER):
        made.later = 5
    with account(READER):
        assert made.later == 5
        denied(lambda: made.text)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((Open, 1, ["READ"], "text"), RuntimeError),
        ((object, 1, ["READ"], "text"), TypeError),
        (("Letter", 1, ["READ"], "text"), TypeError),
        ((Letter, -1, ["READ"], "text"), RuntimeError),
        ((Letter, True, ["READ"], "text"), TypeError),
        ((Letter, "1", ["READ"], "text"), TypeError),
        ((Letter, [1, -2], ["READ"], "text"), RuntimeError),
        ((Letter, [1, None], ["READ"], "text"), TypeError),
        ((Letter, 1, "READ", "text"), TypeError),
        ((Letter, 1, 5, "text"), TypeError),
        ((Letter, 1, ["read"], "text"), ValueError),
        ((Letter, 1, [5], "text"), TypeError),
        ((Letter, 1, ["READ"], 5), TypeError),
        ((Letter, 1, ["READ"]), ValueError),
    ],
)
def test_wrong_arguments_are_refused_and_change_nothing(arguments: tuple[Any, ...], error: type[Exception]) -> None:
    letter()
    with pytest.raises(error) as raised:
        db0.set_field_access(*arguments)
    assert arguments[0] is not Open or "protected fields" in str(raised.value)
    assert db0.get_field_access(Letter, 1) == [("text", ALL)]


@pytest.mark.parametrize("wrong", [None, "1", True])
def test_wrong_accounts_are_refused_when_asking(wrong: Any) -> None:
    with pytest.raises(TypeError):
        db0.get_field_access(Letter, wrong)
    with pytest.raises(RuntimeError):
        db0.get_field_access(Letter, -1)


# -- as data -----------------------------------------------------------------------------------------------


def test_rights_are_undone_with_a_block() -> None:
    made = letter()
    with pytest.raises(ZeroDivisionError), db0.atomic():
        grant(Letter, READER, ["READ"], "text")
        with account(READER):
            assert made.text == SECRET
        raise ZeroDivisionError
    with account(READER):
        denied(lambda: made.text)
    assert db0.get_field_access(Letter, READER) == []


def test_rights_that_a_block_takes_away_come_back_when_it_fails() -> None:
    made = letter()
    with pytest.raises(ZeroDivisionError), db0.atomic():
        grant(Letter, OWNER, [], "text")
        with account(OWNER):
            denied(lambda: made.text)
        raise ZeroDivisionError
    with account(OWNER):
        assert made.text == SECRET


def test_rights_are_there_when_the_prefix_is_opened_again(tmp_path: Path) -> None:
    uuid = db0.uuid(letter())
    grant(Letter, READER, ["READ"], "text")
    db0.close()
    db0.init(tmp_path, prefix="main", autocommit=False, data_masking=MASKING)
    with account(READER):
        assert db0.fetch(uuid).text == SECRET
    with account(STRANGER):
        denied(lambda: db0.fetch(uuid).text)


def test_what_is_not_committed_is_gone_after_a_crash(tmp_path: Path) -> None:
    script = f"""
        import os, signal
        import perdure as db0
        from contextvars import ContextVar
        @db0.memo(id="crash:Note", protect_fields=True)
        class Note:
            def __init__(self):
                self.text = 1
        db0.init({str(tmp_path / "crash")!r}, prefix="main", autocommit=False)
        db0.tags(Note()).add("kept")
        db0.set_field_access(Note, 1, ["READ"], "text")
        db0.commit()
        db0.set_field_access(Note, 2, ["READ"], "text")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=environment, check=False)
    assert run.returncode == -signal.SIGKILL
    db0.close()
    db0.init(tmp_path / "crash", prefix="main", autocommit=False, data_masking=MASKING)

    @db0.memo(id="crash:Note")
    class Note:
        def __init__(self) -> None:
            self.text = 1

    assert [db0.get_field_access(Note, number) for number in (1, 2)] == [[("text", ("READ",))], []]
    note = next(iter(db0.find(Note)))
    with account(2):
        denied(lambda: note.text)
    with account(1):
        assert note.text == 1


def test_granting_is_a_change_like_any_other(tmp_path: Path) -> None:
    letter()
    state = db0.get_state_num()
    with pytest.raises(RuntimeError), db0.read_only():
        grant(Letter, READER, ["READ"], "text")
    grant(Letter, READER, ["READ"], "text")
    db0.commit()
    assert db0.get_state_num() == state + 1
    db0.close()
    db0.init(tmp_path, prefix="main", read_write=False, data_masking=MASKING)
    with pytest.raises((RuntimeError, AttributeError)):
        grant(Letter, STRANGER, ["READ"], "text")


def test_a_snapshot_is_judged_by_the_rights_of_now() -> None:
    made = letter()
    uuid = db0.uuid(made)
    grant(Letter, READER, ["READ"], "text")
    db0.commit()
    with db0.snapshot() as past:
        with account(READER):
            assert past.fetch(uuid).text == SECRET
        grant(Letter, READER, [], "text")
        grant(Letter, STRANGER, ["READ"], "text")
        with account(READER):
            denied(lambda: past.fetch(uuid).text)
        with account(STRANGER):
            assert past.fetch(uuid).text == SECRET


def test_rights_are_in_the_prefix_of_the_class(tmp_path: Path) -> None:
    @db0.memo(protect_fields=True, prefix="apart", id="grants:Apart")
    class Apart:
        def __init__(self) -> None:
            self.text = SECRET

    with account(OWNER):
        denied(Apart)
        grant(Apart, OWNER, ALL, "text")
        made = Apart()
        assert made.text == SECRET
    assert db0.get_prefix_of(made).name == "apart"
    with account(STRANGER):
        denied(lambda: made.text)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 2**63]),
            st.lists(st.sampled_from(ALL), unique=True, max_size=4),
            st.lists(st.sampled_from(["text", "a", "b", "ä"]), unique=True, min_size=1),
            st.sampled_from(["keep", "undo", "commit"]),
        ),
        max_size=12,
    )
)
def test_rights_are_what_was_said_last(steps: list[tuple[int, list[str], list[str], str]]) -> None:
    with db0.atomic():
        for number in (0, 1, 2, 2**63):
            for name, _ in db0.get_field_access(Letter, number):
                grant(Letter, number, [], name)
    said: dict[tuple[int, str], tuple[str, ...]] = {
        (number, name): () for number in (0, 1, 2, 2**63) for name, _ in db0.get_field_access(Letter, number)
    }
    for number, modes, names, end in steps:
        try:
            with db0.atomic():
                grant(Letter, number, modes, *names)
                if end == "undo":
                    raise ZeroDivisionError
        except ZeroDivisionError:
            continue
        said.update({(number, name): tuple(mode for mode in ALL if mode in modes) for name in names})
        if end == "commit":
            db0.commit()
    for number in (0, 1, 2, 2**63):
        expected = {name: modes for (account_number, name), modes in said.items() if account_number == number}
        assert dict(db0.get_field_access(Letter, number)) == expected

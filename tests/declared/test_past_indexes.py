"""The index of a field as it was at a past state."""

from pathlib import Path

import pytest

import perdure as db0

from .conftest import define, keep, reopen


def names(query: object) -> list[str]:
    return [obj.name for obj in query]  # type: ignore[attr-defined]


@pytest.fixture
def things(root: Path) -> type:
    cls = define("Dated", indexes=("due",))
    for name, due in (("a", 2), ("b", 1), ("c", None)):
        keep(cls(name=name, due=due))
    db0.commit()
    return cls


def test_a_snapshot_sorts_and_selects_by_the_keys_of_its_state(things: type) -> None:
    before = db0.get_state_num(finalized=True)
    a, b, _ = db0.find(things)
    a.due = 0
    db0.tags(b).remove("kept")
    db0.delete(b)
    db0.commit()
    with db0.snapshot(before) as past:
        due = past.index_of(things, "due")
        assert names(due.sort(past.find(things))) == ["b", "a", "c"]
        assert names(due.sort(past.find(things), desc=True)) == ["c", "a", "b"]
        assert names(past.find(things, due.select(None, 1))) == ["b"]
        assert [(key, obj.due) for key, obj in due] == [(None, None), (1, 1), (2, 2)]
        assert past.index_of(db0.fields_of(things).due) is due
    assert names(db0.index_of(things, "due").sort(db0.find(things))) == ["a", "c"]


def test_the_head_has_the_live_index(things: type) -> None:
    head = db0.get_snapshot_of(next(db0.find(things)))
    assert head.index_of(things, "due") is db0.index_of(things, "due")


def test_a_field_that_was_not_indexed_then_is_an_error(things: type, root: Path) -> None:
    before = db0.get_state_num(finalized=True)
    again = define("Dated", indexes=("due", "name"))
    db0.commit()
    assert names(db0.index_of(again, "name").sort(db0.find(again))) == ["a", "b", "c"]
    db0.commit()
    with db0.snapshot(before) as past, pytest.raises(RuntimeError, match=r"Dated.name is not an indexed field in main"):
        past.index_of(again, "name")
    with db0.snapshot() as past:
        assert names(past.index_of(again, "name").sort(past.find(again))) == ["a", "b", "c"]


def test_a_renamed_field_is_asked_for_by_the_name_it_had(things: type) -> None:
    before = db0.get_state_num(finalized=True)
    db0.rename_field(things, "due", "end")
    db0.commit()
    with db0.snapshot(before) as past:
        assert names(past.index_of(things, "due").sort(past.find(things))) == ["b", "a", "c"]


def test_the_index_of_a_past_state_cannot_be_used_when_the_snapshot_is_closed(things: type) -> None:
    with db0.snapshot() as past:
        due = past.index_of(things, "due")
    with pytest.raises(RuntimeError):
        due.select(1, 2)
    with pytest.raises(RuntimeError, match="closed"):
        past.index_of(things, "due")


def test_a_reader_in_the_past_has_the_index_too(things: type, root: Path) -> None:
    before = db0.get_state_num(finalized=True)
    next(db0.find(things)).due = 0
    db0.close()
    db0.init(root, prefix="main", read_write=False)
    with db0.snapshot(before) as past:
        assert names(past.index_of(things, "due").sort(past.find(things))) == ["b", "a", "c"]
    reopen(root)

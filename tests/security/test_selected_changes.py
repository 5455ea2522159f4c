"""Changes between snapshots: each use is judged for who asks, and functions meet nothing that is kept from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .masking_things import ACCOUNT, ALL, OWNER, SECRET, STRANGER, account, denied, grant
from .things import SEEN, Doc, Note, World, names, seeing


@db0.memo(protect_fields=True)
@db0.tag_fields("label")
class Entry:
    def __init__(self, name: str, label: str, text: str = SECRET) -> None:
        self.name = name
        self.label = label
        self.text = text


class Changes:
    """Two snapshots, between which the fields of two of three entries were written."""

    def __init__(self) -> None:
        entries = [Entry(name, label) for name, label in (("ann", "x"), ("bob", "y"), ("eve", "x"))]
        db0.tags(*entries).add("kept")
        db0.commit()
        self.pre = db0.snapshot()
        for one in entries[:2]:
            one.text = SECRET if one.name == "ann" else SECRET + "2"
        db0.commit()
        self.last = db0.snapshot()

    def modified(self, query: Any = None, compare: Any = None) -> Any:
        return db0.select_modified(db0.find(Entry) if query is None else query, self.pre, self.last, compare)


@contextmanager
def masked(path: Path, **masking: Any) -> Iterator[Changes]:
    db0.init(path, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT, **masking})
    grant(Entry, OWNER, ALL, "name", "label", "text")
    grant(Entry, STRANGER, ["READ"], "name")
    with account(OWNER):
        made = Changes()
    yield made
    made.pre.close()
    made.last.close()
    db0.close()


def same_text(old: Any, new: Any) -> bool:
    return bool(old.text == new.text)


USES: dict[str, Callable[[Any], Any]] = {"iteration": list, "len": len, "bool": bool}


@pytest.mark.parametrize("compare", [same_text, db0.compare, lambda old, new: vars(old) == vars(new)])
@pytest.mark.parametrize("use", USES)
def test_comparing_versions_shows_no_protected_field(tmp_path: Path, use: str, compare: Any) -> None:
    with masked(tmp_path) as changes:
        with account(OWNER):
            modified = changes.modified(compare=compare)
            assert [(old.name, new.text) for old, new in modified] == [("bob", SECRET + "2")]
            assert len(modified) == 1 and modified
        with account(STRANGER):
            denied(lambda: USES[use](modified))
            denied(lambda: USES[use](changes.modified(compare=compare)))


def test_comparing_versions_meets_placeholders_only(tmp_path: Path) -> None:
    met: list[Any] = []

    def meet(old: Any, new: Any) -> bool:
        met.extend((old.text, new.text))
        return same_text(old, new)

    with masked(tmp_path, missing_value_placeholder=None) as changes, account(STRANGER):
        assert not changes.modified(compare=meet) and len(changes.modified(compare=same_text)) == 0
        assert met == [None] * 4


def test_both_versions_are_protected_and_the_rest_of_them_can_be_read(tmp_path: Path) -> None:
    with masked(tmp_path) as changes, account(STRANGER):
        found = list(changes.modified())
        assert [(old.name, new.name) for old, new in found] == [("ann", "ann"), ("bob", "bob")]
        for pair in found:
            for version in pair:
                denied(lambda version=version: version.text)
                denied(lambda version=version: db0.load(version))
        by_name = changes.modified(compare=lambda old, new: old.name == "ann")
        assert [new.name for _, new in by_name] == ["bob"] and len(by_name) == 1


@pytest.mark.parametrize("use", USES)
def test_changes_that_another_account_selected_are_checked_when_they_are_used(tmp_path: Path, use: str) -> None:
    """What is found by a tag of a field, or by a function that reads one, tells of it."""
    with masked(tmp_path) as changes:
        with account(OWNER):
            by_tag = changes.modified(db0.find(Entry, "x"))
            by_function = changes.modified(db0.filter(lambda one: one.text == SECRET, db0.find(Entry)))
            assert [new.name for _, new in by_tag] == ["ann"] == [new.name for _, new in by_function]
        with account(STRANGER):
            for found in (by_tag, by_function):
                denied(lambda found=found: USES[use](found))


# -- data filter -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", USES)
def test_changes_selected_before_the_filter_are_filtered_when_used(
    started: Callable[..., None], use: str
) -> None:
    started()
    world = World()
    pre = db0.snapshot()
    for one in world.docs:
        one.name += "_changed"
    db0.commit()
    last = db0.snapshot()
    modified = db0.select_modified(db0.find("x"), pre, last)
    created = db0.select_new(db0.find("x"), None, last)
    assert len(modified) == 4 and len(created) == 10
    db0._init_data_filter(SEEN)
    for found in (modified, created):
        with pytest.raises(PermissionError):
            USES[use](found)
    with seeing("open"):
        assert names(new for _, new in modified) == ["seen_doc_changed", "seen_page_changed"]
        assert (len(modified), len(created)) == (2, 5)
    with seeing("no such tag"):
        assert not USES[use](modified) and not USES[use](created)
    pre.close()
    last.close()


def test_comparing_versions_meets_no_denied_object_or_reference(world: World) -> None:
    note: Any = world.notes[0]
    note.other, note.free = world.docs[2], world.docs[0]  # denied, seen
    db0.commit()
    pre = db0.snapshot()
    for one in (*world.docs, note):
        one.name += "_changed"
    db0.commit()
    last = db0.snapshot()
    met: list[str] = []

    def meet(old: Any, new: Any) -> bool:
        met.extend((old.name, new.name))
        return False

    with seeing("open"):
        modified = db0.select_modified(db0.find("x"), pre, last, meet)
        assert len(modified) == 3 and len(list(modified)) == 3
        assert met and all(name.startswith("seen") for name in met)
        by_seen = db0.select_modified(db0.find(Note), pre, last, lambda old, new: old.free is new.free)
        assert names(new for _, new in by_seen) == ["seen_note_changed"]
        by_denied = db0.select_modified(db0.find(Note), pre, last, lambda old, new: old.other is new.other)
        for use in USES.values():
            with pytest.raises(PermissionError):
                use(by_denied)
        assert len(db0.select_modified(db0.find(Doc), pre, last, meet)) == 2
    pre.close()
    last.close()


def test_versions_are_compared_only_if_both_could_be_seen(world: World) -> None:
    """Granted in between is new, and revoked is deleted: neither is modified, nor met by a function."""
    pre = db0.snapshot()
    granted, revoked = world.docs[2], world.docs[0]
    db0.tags(granted).add("open")
    db0.tags(revoked).remove("open")
    granted.name, revoked.name = "granted", "revoked"
    db0.commit()
    last = db0.snapshot()
    met: list[Any] = []
    with seeing("open"):
        modified = db0.select_modified(db0.find(Doc), pre, last, lambda *pair: met.append(pair))
        assert not modified and len(modified) == 0 and not met
        assert names(db0.select_new(db0.find(Doc), pre, last)) == ["granted"]
        assert names(db0.select_deleted(db0.find(Doc), pre, last)) == ["seen_doc"]
    pre.close()
    last.close()

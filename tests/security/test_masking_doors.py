"""No way around the rights: each one that could show a protected value is tried without them."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .masking_things import ACCOUNT, ALL, OWNER, SECRET, STRANGER, account, denied, grant

FIELDS = ("name", "text", "a", "b", "c", "d", "late")


@db0.memo(protect_fields=True)
@dataclasses.dataclass
class Record:
    name: str
    text: str = SECRET
    a: int = 1
    b: int = 2
    c: int = 3
    d: int = 4
    late: str = SECRET


@db0.memo(protect_fields=True, immutable=True)
class Piece:
    def __init__(self, text: str = SECRET) -> None:
        self.text = text


@db0.memo(immutable=True)
class Box:
    def __init__(self, piece: Any) -> None:
        self.piece = piece


@db0.memo(protect_fields=True)
@db0.tag_fields("label")
@db0.indexed_fields("size")
class Item:
    def __init__(self, label: str, size: int) -> None:
        self.label = label
        self.size = size


@db0.memo(protect_fields=True, immutable=True, intern=True)
class Word:
    def __init__(self, text: str, number: int = 0) -> None:
        self.text = text
        self.number = number


@db0.memo
class Plain:
    def __init__(self, size: int = 0) -> None:
        self.size = size


@pytest.fixture(autouse=True)
def main(tmp_path: Path) -> Iterator[None]:
    db0.init(tmp_path, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT})
    grant(Record, OWNER, ALL, *FIELDS)
    grant(Record, STRANGER, ["READ"], "name")
    grant(Piece, OWNER, ALL, "text")
    grant(Item, OWNER, ALL, "label", "size")
    grant(Word, OWNER, ALL, "text", "number")
    grant(Word, STRANGER, ["CREATE", "READ"], "number")
    grant(Word, STRANGER, ["CREATE"], "text")
    yield
    db0.close()


@pytest.fixture
def record() -> Any:
    with account(OWNER):
        made = Record("ann")
        db0.tags(made).add("kept")
        db0.commit()
        return made


DOORS: dict[str, Callable[[Any], Any]] = {
    "getattr": lambda obj: obj.text,
    "a late field": lambda obj: obj.late,
    "vars": vars,
    "__dict__": lambda obj: obj.__dict__,
    "load": db0.load,
    "load_all": db0.load_all,
    "repr": repr,
    "str": str,
    "==": lambda obj: obj == Record("ann"),
    "asdict": dataclasses.asdict,
    "astuple": dataclasses.astuple,
    "replace": lambda obj: dataclasses.replace(obj, name="bob"),
    "getattr_as": lambda obj: db0.getattr_as(obj, "text", db0.MemoBase),
    "weak proxy": lambda obj: db0.weak_proxy(obj).text,
    "compare": lambda obj: db0.compare(obj, fetched(obj)),
    "format": lambda obj: f"{obj.text}",
    "snapshot": lambda obj: fetched(obj).text,
    "assign": lambda obj: db0.assign(obj, text="new"),
    "group_by": lambda obj: db0.group_by(lambda one: one.text, db0.find(Record)),
    "filter": lambda obj: list(db0.filter(lambda one: one.text == SECRET, db0.find(Record))),
}


def fetched(obj: Any) -> Any:
    return db0.snapshot().fetch(db0.uuid(obj))


@pytest.mark.parametrize("door", DOORS)
def test_values_are_not_shown(record: Any, door: str) -> None:
    with account(STRANGER):
        denied(lambda: DOORS[door](record))


@pytest.mark.parametrize(
    "door",
    [copy.copy, copy.deepcopy, pickle.dumps, lambda obj: obj.__reduce_ex__(4), lambda obj: obj.__getstate__()],
)
def test_objects_are_not_copied(record: Any, door: Callable[[Any], Any]) -> None:
    with account(STRANGER):
        denied(lambda: door(record), TypeError)


def test_names_are_shown(record: Any) -> None:
    with account(STRANGER):
        assert set(FIELDS) <= set(dir(record))
        assert {name for name, _ in db0.get_attributes(Record)} == set(FIELDS)
        assert {name for name, _ in db0.get_properties(record)} == set(FIELDS)
        assert db0.load(record, exclude=list(FIELDS[1:])) == {"name": "ann"}


def test_what_is_described_has_no_types_of_what_may_not_be_read(record: Any) -> None:
    with account(STRANGER):
        shown = db0.describe(record)
        assert shown["protected_fields"] and shown["size_of"] == 0
        assert shown["field_layout"]["pos_vt"]["name"] == "str" and shown["field_layout"]["pos_vt"]["text"] == "?"
        assert db0.get_schema(Record)["text"]["all_types"] == []
        assert db0.get_schema(Record)["name"]["all_types"] == [str]
    with account(OWNER):
        assert db0.get_schema(Record)["text"]["all_types"] == [str] and db0.describe(record)["size_of"] > 0


def test_a_failing_assignment_of_several_changes_nothing(record: Any) -> None:
    with account(STRANGER):
        denied(lambda: db0.atomic_assign(record, name="x"))
        grant(Record, STRANGER, ["UPDATE"], "name")
        denied(lambda: db0.atomic_assign(record, name="x", text="y"))
    with account(OWNER):
        assert (record.name, record.text) == ("ann", SECRET)


def test_parts_of_immutable_objects_are_protected() -> None:
    with account(OWNER):
        box = Box(Piece())
        db0.tags(box).add("kept")
        db0.commit()
        uuid = db0.uuid(box)
    del box
    db0.clear_cache()
    with account(STRANGER):
        denied(lambda: db0.fetch(uuid).piece.text)
        denied(Piece)
    with account(OWNER):
        assert db0.fetch(uuid).piece.text == SECRET


def test_groups_are_not_kept_from_account_to_account(record: Any) -> None:
    for _ in range(2):
        with account(OWNER):
            assert db0.group_by(lambda one: one.text, db0.find(Record)) == {SECRET: 1}
        with account(STRANGER):
            denied(lambda: db0.group_by(lambda one: one.text, db0.find(Record)))


# -- interned objects: to find an equal one is to read it ----------------------------------------------------


WORD_DOORS: dict[str, Callable[[Any, Any], Any]] = {
    "make an equal one": lambda word, other: Word(SECRET),
    "make another one": lambda word, other: Word("a guess"),
    "replace": lambda word, other: type(word)(word.text),
    "==": lambda word, other: word == other,
    "!=": lambda word, other: word != other,
    "hash": lambda word, other: hash(word),
    "hash of one that is not stored": lambda word, other: hash(other),
    "a set": lambda word, other: other in {word},
    "a dict": lambda word, other: {word: 1}.get(other),
    "compare": db0.compare,
    "find": lambda word, other: list(db0.find(other)),
    "getattr": lambda word, other: word.text,
    "of one that is not stored": lambda word, other: other.text,
    "vars": lambda word, other: vars(other),
    "load": lambda word, other: db0.load(word),
    "snapshot": lambda word, other: fetched(word).text,
}


@pytest.fixture
def words() -> tuple[Any, Any]:
    """One that is stored, and an equal one that is not."""
    with account(OWNER):
        word = Word(SECRET)
        db0.tags(word).add("kept")
        db0.commit()
        return word, Word(SECRET)


@pytest.mark.parametrize("door", WORD_DOORS)
def test_interned_objects_are_not_compared_by_who_may_not_read_them(words: tuple[Any, Any], door: str) -> None:
    with account(STRANGER):
        denied(lambda: WORD_DOORS[door](*words))
    with account(OWNER):
        WORD_DOORS[door](*words)


def test_an_interned_object_in_hand_has_its_identity_and_shows_no_field(words: tuple[Any, Any]) -> None:
    """Who is given one that another account made may store and look for it: which object it is is no secret."""
    word, other = words
    with account(STRANGER):
        assert db0.uuid(other) == db0.uuid(word) and db0.materialized(other) is word
        assert list(db0.find(Word, other)) == [word] and word.number == 0 == other.number
        for one in words:
            assert SECRET not in repr(one) and db0.describe(one)["size_of"] == 0
            denied(lambda one=one: one.text)


# -- declared fields ---------------------------------------------------------------------------------------


@pytest.fixture
def items() -> list[Any]:
    with account(OWNER):
        made = [Item(label, size) for size, label in enumerate(("x", "y", "x"))]
        db0.tags(*made).add("kept")
        db0.commit()
        return made


QUESTIONS: dict[str, Callable[[], Any]] = {
    "a tag": lambda: list(db0.find(Item, "x")),
    "not a tag": lambda: len(db0.find(Item, db0.no("x"))),
    "a tag of any class": lambda: list(db0.find("x", "kept")),
    "explained for another class": lambda: db0.find(Plain, "x").explain(),
    "split_by": lambda: list(db0.split_by(["x", "y"], db0.find(Item))),
    "group_by tags": lambda: db0.group_by(["x", "y"], db0.find(Item)),
    "a range": lambda: list(db0.find(Item, db0.index_of(Item, "size").range(1, 2))),
    "sorted": lambda: list(db0.index_of(Item, "size").sort(db0.find(Item))),
    "pairs": lambda: list(db0.index_of(Item, "size")),
    "pairs, reversed": lambda: list(reversed(db0.index_of(Item, "size"))),
    "size": lambda: len(db0.index_of(Item, "size")),
    "join": lambda: list(db0.join(Item, Plain, on=Plain)),
    "join on them": lambda: len(db0.join(Plain, Plain, on=db0.find(Item, "x"))),
    "whether a join has any": lambda: bool(db0.join(Plain, Item, on=Plain)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_tags_and_indexes_of_fields_are_for_those_who_may_read_them(items: list[Any], question: str) -> None:
    with account(STRANGER):
        denied(QUESTIONS[question])
    with account(OWNER):
        QUESTIONS[question]()
    grant(Item, STRANGER, ["READ"], "label", "size")
    with account(STRANGER):
        QUESTIONS[question]()


def test_a_query_that_another_account_made_is_checked_when_it_is_used(items: list[Any]) -> None:
    with account(OWNER):
        made = [db0.find(Item, "x"), db0.index_of(Item, "size").sort(db0.find(Item)), db0.find(Item)]
        kept = db0.serialize(made[0])
    with account(STRANGER):
        denied(lambda: len(made[0]))
        denied(lambda: list(made[1]))
        denied(lambda: len(db0.deserialize(kept)))
        assert len(made[2]) == 3


def test_an_iteration_that_one_account_began_is_not_continued_for_another(items: list[Any]) -> None:
    with account(OWNER):
        query, reading = db0.find(Item, "x"), db0.filter(lambda one: one.label == "x", db0.find(Item))
        assert next(query) is items[0] is next(reading)
    with account(STRANGER):
        denied(lambda: next(query))
        denied(lambda: next(reading))
    with account(OWNER):
        assert next(query) is items[2] and items[0] in [next(reading), next(reading)]


def test_tags_of_an_object_are_for_those_who_may_read_its_tag_fields(items: list[Any]) -> None:
    with account(STRANGER):
        denied(lambda: db0.tags_of(items[0]))
    with account(OWNER):
        assert db0.tags_of(items[0]) == ["kept", "x"]


def test_other_classes_can_be_found_by_tags(items: list[Any]) -> None:
    plain = Plain()
    db0.tags(plain).add("x")
    with account(STRANGER):
        assert list(db0.find(Plain, "x")) == [plain]


def test_whether_a_query_is_refused_tells_nothing(items: list[Any]) -> None:
    with account(STRANGER):
        assert denied(lambda: len(db0.find(Item, "x"))) == denied(lambda: len(db0.find(Item, "is nowhere")))


def test_it_holds_without_the_compiled_kernel() -> None:
    """The matrix runs on the pure twin, too."""
    environment = {**os.environ, "PERDURE_PURE": "1"}
    path = Path(__file__).with_name("test_masking_accounts.py")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)],
        env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout

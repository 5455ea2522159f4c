"""Random work with tags of every kind, through the memo face, against a model of plain dictionaries.

Plain, object and composite tags, regular and passive, of objects and of whole queries, in nested blocks that are kept
or undone, over commits, reopening and the end of objects; asked on the head, on any past state, and serialized.
"""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import perdure as db0
from perdure.workspace.functions import workspace

Label = tuple["str | int", ...]
"""The elements of a tag; a number stands for the object with that number. One element is a plain or an object tag."""
Rows = dict[int, dict[Label, bool]]
"""The tags of each object, and whether they are passive."""
Question = tuple[Any, ...]

LABELS: list[Label] = [("a",), ("b",), ("c",), (0,), (1,), ("a", 0), ("a", "b"), ("a", 0, "b"), (0, "a"), ("a", "b", 1)]
HEADS: list[Label] = [("a",), ("b",), ("a", 0), ("a", "b"), (0,)]
START = 4


@db0.memo
class Note:
    """An object with tags, and an owner's list that may hold it."""

    def __init__(self, number: int) -> None:
        self.number = number


@db0.memo(singleton=True)
class Shelf:
    """Holds some of the objects, whatever their tags."""

    def __init__(self) -> None:
        self.kept = {}


class World:
    """What there should be: the tags of each object, and the objects that the shelf holds."""

    def __init__(self) -> None:
        self.rows: Rows = {}
        self.kept: set[int] = set()

    def copy(self) -> World:
        """The same, to go back to."""
        other = World()
        other.rows = {number: dict(row) for number, row in self.rows.items()}
        other.kept = set(self.kept)
        return other

    def is_held(self, number: int) -> bool:
        """Whether something keeps the object over a commit."""
        return number in self.kept or not all(self.rows[number].values())

    def having(self, question: Question) -> set[int]:
        """The objects that meet a question."""
        kind, value = question
        match kind:
            case "tag":
                return {number for number, row in self.rows.items() if value in row}
            case "prefix":
                return {number for number, row in self.rows.items() if any(map(under(value), row))}
            case "type":
                return set(self.rows)
            case "or":
                return set().union(*map(self.having, value))
            case "no":
                return set(self.rows) - self.having(value)
            case _:
                return set(self.rows).intersection(*map(self.having, value))

    def is_possible(self, question: Question) -> bool:
        """Whether a question that is looked at part by part may find something."""
        kind, value = question
        match kind:
            case "or":
                return any(map(self.is_possible, value))
            case "and":
                return all(map(self.is_possible, positive(value)))
            case _:
                return bool(self.having(question))

    def is_loose(self, question: Question) -> bool:
        """Whether a question rests on passive tags alone in an alternative that may find something."""
        kind, value = question
        match kind:
            case "tag":
                return any(row.get(value) for row in self.rows.values())
            case "prefix":
                labels = [label for row in self.rows.values() for label, passive in row.items() if passive]
                return any(map(under(value), labels))
            case "type":
                return False
            case "or":
                return any(map(self.is_loose, value))
            case _:
                return all(map(self.is_loose, positive(value))) and self.is_possible(question)


def under(head: Label) -> Any:
    """Whether a tag is composite and begins with some elements."""
    return lambda label: len(label) > 1 and label[: len(head)] == head


def positive(questions: list[Question]) -> list[Question]:
    """Those that say what is there."""
    return [one for one in questions if one[0] != "no"]


_single = st.one_of(
    st.sampled_from(LABELS).map(lambda label: ("tag", label)), st.sampled_from(HEADS).map(lambda head: ("prefix", head))
)
_questions = st.recursive(
    _single,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda found: ("or", found)),
        st.tuples(st.lists(inner, min_size=1, max_size=2), st.lists(inner, max_size=2)).map(
            lambda found: ("and", [*found[0], *(("no", one) for one in found[1])])
        ),
    ),
    max_leaves=5,
)
_typed = _questions.map(lambda question: ("and", [("type", None), question]))
_labels = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3)
_form = st.sampled_from(["regular", "regular", "passive", "remove"])


class Tagging(RuleBasedStateMachine):
    """Does the same to the database and to a `World`."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.world = World()
        self.committed = World()
        self.states: list[tuple[int, World]] = []
        self.blocks: list[tuple[Any, World, list[Any]]] = []
        self.handles: list[Any] = []
        self.uuids: list[str] = []
        self.marks: list[Any] = []

    @initialize(rows=st.lists(_labels, min_size=START, max_size=START))
    def start(self, rows: list[list[Label]]) -> None:
        self.open()
        Shelf()
        for number in range(START):
            self.create([], True)
            self.world.kept.add(number)
        for number, labels in enumerate(rows):
            self.tag(number, labels, "regular")
        self.commit()

    def open(self) -> None:
        db0.init(self.directory.name, prefix="tags", autocommit=False)

    def item(self, number: int) -> Any:
        return db0.fetch(self.uuids[number])

    def real(self, label: Label) -> Any:
        elements = [one if isinstance(one, str) else self.marks[one] for one in label]
        return db0.as_tag(*elements) if len(elements) > 1 else elements[0]

    def criterion(self, question: Question) -> Any:
        """A question as `find` takes it."""
        kind, value = question
        match kind:
            case "tag":
                return self.real(value)
            case "prefix":
                return db0.tag_prefix(*(one if isinstance(one, str) else self.marks[one] for one in value))
            case "type":
                return Note
            case "no":
                return db0.no(self.criterion(value))
            case _:
                made = [self.criterion(one) for one in value]
                return made if kind == "or" else tuple(made)

    def pick(self, seed: int) -> int:
        return sorted(self.world.rows)[seed % len(self.world.rows)]

    @rule(labels=_labels, kept=st.booleans())
    def create(self, labels: list[Label], kept: bool) -> None:
        note = Note(len(self.uuids))
        number = len(self.uuids)
        self.handles.append(note)
        self.world.rows[number] = {}
        if kept:
            db0.fetch(Shelf).kept[number] = note
            self.world.kept.add(number)
        if labels:
            db0.tags(note).add(*map(self.real, labels))
            self.world.rows[number] = dict.fromkeys(labels, False)
        self.uuids.append(db0.uuid(note))
        self.marks.append(db0.as_tag(note))

    @precondition(lambda self: self.world.rows)
    @rule(seed=st.integers(0, 99), labels=_labels, how=_form)
    def tag(self, seed: int, labels: list[Label], how: str) -> None:
        number = self.pick(seed)
        manager = db0.tags(self.item(number), passive=how == "passive")
        (manager.remove if how == "remove" else manager.add)([self.real(label) for label in labels])
        self.change({number}, labels, how)

    @rule(question=_questions, labels=_labels, how=_form)
    def tag_all_found(self, question: Question, labels: list[Label], how: str) -> None:
        manager = db0.tags(db0.find(self.criterion(question)), passive=how == "passive")
        change = manager.remove if how == "remove" else manager.add
        if self.world.is_loose(question):
            with pytest.raises(RuntimeError, match="Passive tags require"):
                change(*map(self.real, labels))
        else:
            change(*map(self.real, labels))
            self.change(self.world.having(question), labels, how)

    def change(self, numbers: set[int], labels: list[Label], how: str) -> None:
        for number in numbers:
            for label in labels:
                if how == "remove":
                    self.world.rows[number].pop(label, None)
                else:
                    self.world.rows[number].setdefault(label, how == "passive")

    @precondition(lambda self: self.world.kept)
    @rule(seed=st.integers(0, 99))
    def let_go(self, seed: int) -> None:
        number = sorted(self.world.kept)[seed % len(self.world.kept)]
        del db0.fetch(Shelf).kept[number]
        self.world.kept.remove(number)

    @rule()
    def begin(self) -> None:
        self.blocks.append((db0.begin_atomic(), self.world.copy(), list(self.handles)))

    @precondition(lambda self: self.blocks)
    @rule(keep=st.booleans())
    def end(self, keep: bool) -> None:
        block, world, handles = self.blocks.pop()
        if keep:
            block.close()
        else:
            block.cancel()
            self.world, self.handles = world, handles

    @rule(reopened=st.booleans())
    def commit_all(self, reopened: bool) -> None:
        self.commit()
        if reopened:
            db0.close()
            self.open()

    def commit(self) -> None:
        while self.blocks:
            self.blocks.pop()[0].close()
        self.handles.clear()
        db0.commit()
        self.world.rows = {number: row for number, row in self.world.rows.items() if self.world.is_held(number)}
        self.states.append((db0.get_state_num(finalized=True), self.world.copy()))

    @rule(question=st.one_of(_questions, _typed))
    def ask(self, question: Question) -> None:
        self.compare(db0, self.world, question, sure=question[0] != "and" or question[1][0][0] != "type")

    @rule(question=st.one_of(_questions, _typed), seed=st.integers(0, 99))
    def ask_the_past(self, question: Question, seed: int) -> None:
        state, world = self.states[seed % len(self.states)]
        with db0.snapshot(state) as past:
            self.compare(past, world, question, sure=True)
            for number, row in list(world.rows.items())[:3]:
                self.compare_tags(past.fetch(self.uuids[number]), row)

    def compare(self, where: Any, world: World, question: Question, *, sure: bool) -> None:
        """The question finds what the model says; unless `sure`, objects that nothing holds may be missing."""
        query = where.find(self.criterion(question))
        for asked in (query, where.deserialize(db0.serialize(query))):
            if world.is_loose(question):
                for use in (len, bool, list):
                    with pytest.raises(RuntimeError, match="Passive tags require"):
                        use(asked)
                continue
            found = [note.number for note in asked]
            expected = world.having(question)
            assert found == sorted(found) and len(asked) == len(found) and bool(asked) is bool(found)
            assert asked.explain().size >= len(found)
            if sure:
                assert set(found) == expected
            else:
                assert set(found) <= expected
                assert {number for number in expected if world.is_held(number)} <= set(found)

    def compare_tags(self, note: Any, row: dict[Label, bool]) -> None:
        found = db0.tags_of(note)
        regular = {self.real(label) for label, passive in row.items() if not passive}
        assert set(found) == {self.real(label) for label in row} and len(found) == len(row)
        assert set(found[: len(regular)]) == regular

    @invariant()
    def tags_agree(self) -> None:
        for number, row in self.world.rows.items():
            self.compare_tags(self.item(number), row)
            passive = [form for form in row.values() if form]
            assert db0.getrefcount(self.item(number)) == len(row) - len(passive) + (number in self.world.kept)

    def teardown(self) -> None:
        problems = []
        try:
            if self.states:
                self.commit()
                problems = list(workspace().current_prefix().database.verify())
        finally:
            db0.close()
            self.directory.cleanup()
        assert not problems


TestTagging = Tagging.TestCase
TestTagging.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)

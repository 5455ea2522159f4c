"""Random lives of immutable graphs: mutable members, tags on parts, weak references, drops, snapshots, reopenings."""

from __future__ import annotations

import gc
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import perdure as db0

from .conftest import reopen
from .immutable_things import Branch, Holder, Label, Leaf, keep, problems
from .test_immutable_model import VALUES, build, plain

SLOTS = st.integers(0, 4)


@dataclass
class Life:
    """What the model knows of one graph."""

    uuid: str
    content: Any
    parts: list[str]
    mutable: str
    value: int = 0
    kept: bool = True
    tagged: set[str] = field(default_factory=set)

    @property
    def alive(self) -> bool:
        return self.kept or bool(self.tagged)


class Lives(RuleBasedStateMachine):
    """Graphs in the slots of a durable dict; the model knows which of them live, and what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.lives: dict[int, Life] = {}
        self.snapshots: list[tuple[Any, list[tuple[str, Any, int]]]] = []

    @initialize()
    def start(self) -> None:
        db0.init(self.root, prefix="main", autocommit=False)
        keep(Holder({"kept": {}, "watched": {}}))

    @property
    def root(self) -> Path:
        return Path(self.place.name) / "data"

    @property
    def tables(self) -> Any:
        return next(iter(db0.find(Holder, "kept"))).value

    def teardown(self) -> None:
        try:
            self.snapshots.clear()
            assert problems() == []
        finally:
            db0.close()
            self.place.cleanup()

    @rule(slot=SLOTS, recipe=VALUES, nested=st.integers(0, 2))
    def make(self, slot: int, recipe: Any, nested: int) -> None:
        if slot in self.lives:
            self.untag(slot)
            self.drop(slot)
        inner: Any = [Leaf(number, [build(recipe, [])]) for number in range(nested + 1)]
        mutable = Holder(0)
        root = Branch([*inner, {"nested": Branch([Leaf("deep")])}], mutable)
        self.tables["kept"][slot] = root
        self.tables["watched"][slot] = Holder(db0.weak_proxy(root))
        parts = [*inner, root.children[-1]["nested"], root.children[-1]["nested"].children[0]]
        content = plain(root.children)
        self.lives[slot] = Life(db0.uuid(root), content, [db0.uuid(one) for one in parts], db0.uuid(mutable))

    @rule(slot=SLOTS, value=st.integers(1, 9))
    def change_the_mutable_member(self, slot: int, value: int) -> None:
        life = self.lives.get(slot)
        if life is not None and life.alive:
            db0.fetch(life.uuid).extra.value = life.value = value

    @rule(slot=SLOTS, which=st.integers(0, 9))
    def tag_a_part(self, slot: int, which: int) -> None:
        life = self.lives.get(slot)
        if life is not None and life.alive:
            part = life.parts[which % len(life.parts)]
            db0.tags(db0.fetch(part)).add("part")
            life.tagged.add(part)

    @rule(slot=SLOTS)
    def untag(self, slot: int) -> None:
        life = self.lives.get(slot)
        if life is not None:
            for part in life.tagged:
                db0.tags(db0.fetch(part)).remove("part")
            life.tagged.clear()

    @rule(slot=SLOTS)
    def drop(self, slot: int) -> None:
        life = self.lives.get(slot)
        if life is not None and life.kept:
            del self.tables["kept"][slot]
            life.kept = False

    @rule(slot=SLOTS)
    def roll_back(self, slot: int) -> None:
        with db0.atomic() as block:
            self.tables["kept"][slot] = Branch([Leaf("undone")])
            for life in self.lives.values():
                if life.alive:
                    db0.tags(db0.fetch(life.parts[0])).add("undone")
            block.cancel()
        assert len(db0.find("undone")) == 0

    @rule()
    def take_a_snapshot(self) -> None:
        db0.commit()
        known = [(life.uuid, life.content, life.value) for life in self.lives.values() if life.alive]
        self.snapshots.append((db0.snapshot(), known))

    @rule()
    def shrink_the_cache(self) -> None:
        db0.commit()
        db0.clear_cache()

    @rule()
    def reopen(self) -> None:
        self.snapshots.clear()
        db0.commit()
        reopen(self.root)

    @invariant()
    def what_lives_is_as_it_was_made(self) -> None:
        if not self.root.exists():  # before the first step
            return
        gc.collect()
        db0.commit()
        for slot, life in self.lives.items():
            watcher = self.tables["watched"][slot]
            assert db0.expired(watcher.value) is not life.alive
            assert [db0.exists(one) for one in (life.uuid, *life.parts)] == [life.alive] * (1 + len(life.parts))
            assert db0.exists(life.mutable) is life.alive
            if life.alive:
                found = db0.fetch(life.uuid)
                assert plain(found.children) == life.content and found.extra.value == life.value
        tagged = {part for life in self.lives.values() for part in life.tagged}
        assert {db0.uuid(one) for one in db0.find("part")} == tagged
        assert len(db0.find(Leaf, "part")) + len(db0.find(Branch, "part")) == len(tagged)
        if not any(life.alive for life in self.lives.values()):
            assert not any(len(db0.find(cls)) for cls in (Leaf, Branch, Label))
        for snapshot, known in self.snapshots:
            for uuid, content, value in known:
                found = snapshot.fetch(uuid)
                assert plain(found.children) == content and found.extra.value == value


Lives.TestCase.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLives = Lives.TestCase

"""Random work on objects with declared fields, against a model of plain dicts."""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import perdure as db0
from perdure.session import Database

from .conftest import define

FIELDS = ("one", "two", "rank")
TAGS = st.sampled_from([None, "", "a", "b", "c"])
RANKS = st.sampled_from([None, 0, 1, 2, -5])
DECLARATIONS = st.tuples(
    st.sampled_from([(), ("one",), ("two",), ("two", "one")]), st.sampled_from([(), ("rank",)])
)


class DeclaredMachine(RuleBasedStateMachine):
    """Objects of a base and a derived class; the model has the fields of each by its name."""

    @initialize(base=DECLARATIONS, derived=st.sampled_from([(), ("one",), ("two",)]))
    def begin(self, base: Any, derived: Any) -> None:
        self.directory = Path(tempfile.mkdtemp())
        db0.init(self.directory, prefix="main", autocommit=False)
        self.model: dict[int, dict[str, Any]] = {}
        self.derived: set[int] = set()
        self.handles: dict[int, Any] = {}
        self.count = 0
        self.declare(base, derived)

    @rule(base=DECLARATIONS, derived=st.sampled_from([(), ("one",), ("two",)]))
    def declare(self, base: Any, derived: Any) -> None:
        self.tags = {False: set(base[0]), True: {*base[0], *derived}}
        self.indexed = bool(base[1])
        self.base = define("ModelBase", tags=base[0], indexes=base[1])
        self.sub = define("ModelDerived", tags=derived, base=self.base)

    @rule(one=TAGS, rank=RANKS, derived=st.booleans(), keep=st.booleans())
    def create(self, one: Any, rank: Any, derived: bool, keep: bool) -> None:
        self.count += 1
        fields = {"name": self.count, "one": one, "rank": rank}
        obj = (self.sub if derived else self.base)(**fields)
        self.handles[self.count] = obj
        self.model[self.count] = fields
        if derived:
            self.derived.add(self.count)
        if keep:
            db0.tags(obj).add("kept")

    def pick(self, data: st.DataObject) -> tuple[int, Any]:
        name = data.draw(st.sampled_from(sorted(self.model)))
        if name not in self.handles:
            self.handles[name] = next(obj for obj in db0.find(self.base) if obj.name == name)
        return name, self.handles[name]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), one=TAGS, two=TAGS, rank=RANKS, field=st.sampled_from(FIELDS))
    def assign(self, data: st.DataObject, one: Any, two: Any, rank: Any, field: str) -> None:
        name, obj = self.pick(data)
        value = {"one": one, "two": two, "rank": rank}[field]
        setattr(obj, field, value)
        self.model[name][field] = value

    @precondition(lambda self: self.model)
    @rule(data=st.data(), field=st.sampled_from(FIELDS))
    def delete_field(self, data: st.DataObject, field: str) -> None:
        name, obj = self.pick(data)
        present = field in self.model[name]
        with contextlib.nullcontext() if present else pytest.raises(AttributeError):
            delattr(obj, field)
        self.model[name].pop(field, None)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), bad=st.sampled_from([["no"], 1j, object()]))
    def assign_badly(self, data: st.DataObject, bad: Any) -> None:
        name, obj = self.pick(data)
        for field in FIELDS:
            declared = field in self.tags[name in self.derived] or (field == "rank" and self.indexed)
            if declared:
                with pytest.raises((TypeError, RuntimeError)):
                    setattr(obj, field, bad)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), one=TAGS, rank=RANKS, keep=st.booleans())
    def in_a_block(self, data: st.DataObject, one: Any, rank: Any, keep: bool) -> None:
        name, obj = self.pick(data)
        with db0.atomic() as block:
            obj.one, obj.rank = one, rank
            self.base(name=-1, one=one, rank=rank)
            len(db0.find(self.base, "a"))
            if not keep:
                block.cancel()
        if keep:
            self.model[name].update(one=one, rank=rank)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        name, obj = self.pick(data)
        db0.tags(obj).remove("kept")
        db0.delete(obj)
        del self.model[name], self.handles[name]

    @rule()
    def commit(self) -> None:
        db0.commit()

    @rule()
    def drop_handles(self) -> None:
        kept = {obj.name for obj in db0.find(self.base, "kept")}
        self.handles.clear()
        db0.commit()
        self.model = {name: fields for name, fields in self.model.items() if name in kept}

    @rule()
    def reopen(self) -> None:
        self.drop_handles()
        db0.close()
        db0.init(self.directory, prefix="main", autocommit=False)

    @invariant()
    def tags_and_indexes_are_those_of_the_fields(self) -> None:
        if not hasattr(self, "model"):
            return
        found = {obj.name for obj in db0.find(self.base)} - {-1}
        assert found == set(self.model)
        for tag in ("", "a", "b", "c"):
            wanted = {
                name
                for name, fields in self.model.items()
                if any(fields.get(field) == tag for field in self.tags[name in self.derived])
            }
            assert {obj.name for obj in db0.find(self.base, tag)} - {-1} == wanted, tag
        if self.indexed:
            index = db0.index_of(self.base, "rank")
            ranked = [(obj.rank, obj.name) for obj in index.sort(db0.find(self.base)) if obj.name != -1]
            wanted_ranks = [(fields["rank"], name) for name, fields in self.model.items() if "rank" in fields]
            assert sorted(ranked, key=_order) == sorted(wanted_ranks, key=_order)
            assert [rank for rank, _ in ranked] == sorted([rank for rank, _ in ranked], key=_order_of_rank)

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        self.handles.clear()
        db0.close()
        database = Database.open(self.directory / "main.db0")
        assert not list(database.verify())
        database.close()


def _order_of_rank(rank: int | None) -> tuple[bool, int]:
    return rank is None, rank or 0


def _order(pair: tuple[int | None, int]) -> tuple[bool, int, int]:
    return *_order_of_rank(pair[0]), pair[1]


DeclaredMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestDeclaredFields = DeclaredMachine.TestCase

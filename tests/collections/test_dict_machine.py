from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from perdure.collections import Dict, entries, ordering

from .machines import DurableMachine, outcome, tokens
from .things import plain

simple = st.one_of(
    st.integers(-3, 12),
    st.sampled_from(["", "a", "b", "c" * 500, "c" * 501, b"a", None, True, False, 1.0, 2.5, Decimal("2.50")]),
    st.sampled_from([frozenset({1, 2}), frozenset(), range(3), range(0, 3, 1), 1 << 70]),
    tokens,
)
names = st.one_of(simple, st.tuples(simple, st.integers(0, 1)), st.tuples(st.tuples(simple)))
values = st.one_of(st.integers(0, 9), st.text(max_size=2), tokens, st.lists(st.integers(0, 2), max_size=2))


class DictMachine(DurableMachine):
    def make(self) -> Any:
        return Dict()

    def model_type(self) -> Any:
        return {}

    @rule(name=names, value=values)
    def put(self, name: Any, value: Any) -> None:
        self.both("__setitem__", name, value)

    @rule(name=names)
    def read(self, name: Any) -> None:
        self.both("get", name, "nothing")
        self.both("__getitem__", name)
        self.both("__contains__", name)

    @rule(name=names)
    def delete(self, name: Any) -> None:
        self.both("__delitem__", name)

    @rule(name=names, default=st.booleans())
    def pop(self, name: Any, default: bool) -> None:
        self.both("pop", name, *["nothing"] * default)

    @rule()
    def popitem(self) -> None:
        self.both("popitem")

    @rule(name=names, value=values)
    def setdefault(self, name: Any, value: Any) -> None:
        self.both("setdefault", name, value)

    @rule(first=st.integers(0, 40), count=st.integers(0, 80), value=values)
    def fill(self, first: int, count: int, value: Any) -> None:
        filling = dict.fromkeys(range(first, first + count), value)
        self.subject.update({number: self.value(value) for number in filling})
        self.model.update(filling)

    @rule(first=st.integers(0, 40), count=st.integers(0, 80), step=st.integers(1, 3))
    def thin(self, first: int, count: int, step: int) -> None:
        for number in range(first, first + count, step):
            self.both("pop", number, None)

    @rule(pairs=st.lists(st.tuples(names, values), max_size=5))
    def update(self, pairs: Any) -> None:
        self.subject.update([(self.value(name), self.value(value)) for name, value in pairs], a=1)
        self.model.update(pairs, a=1)

    @rule(pairs=st.lists(st.tuples(names, values), max_size=5))
    def join(self, pairs: Any) -> None:
        joined = self.subject | Dict([(self.value(name), self.value(value)) for name, value in pairs])
        assert list(plain(joined).items()) == list((self.model | dict(pairs)).items())

    @rule()
    def clear(self) -> None:
        self.both("clear")

    @rule()
    def compare_order(self) -> None:
        expected = [(name, type(name), value) for name, value in self.model.items()]
        found = [(plain(name), value) for name, value in self.subject.items()]
        assert [(name, type(name), plain(value)) for name, value in found] == expected
        assert [plain(name) for name in self.subject] == list(self.model)
        assert [plain(name) for name in reversed(self.subject.keys())] == list(reversed(self.model))
        assert [plain(value) for value in reversed(self.subject.values())] == list(reversed(self.model.values()))

    @rule()
    def compare_whole(self) -> None:
        same = Dict((name, value) for name, value in self.subject.items())
        assert same == self.subject
        same["another"] = 1
        assert same != self.subject

    @rule(name=names)
    def unhashable(self, name: Any) -> None:
        assert outcome(lambda: self.subject.get([name]))[1] is TypeError
        assert outcome(lambda: self.subject.__setitem__((name, {}), 1))[1] is TypeError

    def disturb(self) -> None:
        for name, _ in zip(list(copy.copy(self.subject)), range(3), strict=False):
            del self.subject[name]
        self.subject["disturbed"] = 1


@pytest.fixture(autouse=True)
def soon_large() -> Any:
    with mock.patch.object(entries, "INLINE", 6), mock.patch.object(ordering, "SLACK", 8):
        yield


TestDict = DictMachine.TestCase
TestDict.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

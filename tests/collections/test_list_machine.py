from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from perdure.collections import List, pages

from .machines import DurableMachine, tokens
from .things import plain

elements = st.one_of(st.integers(-3, 3), st.text(max_size=2), st.none(), tokens, st.tuples(tokens, st.integers(0, 1)))
batches = st.builds(
    lambda items, times: items * times, st.lists(elements, max_size=4), st.sampled_from([1, 1, 30, 150, 400])
)
places = st.one_of(st.integers(-10, 10), st.integers(-2000, 2000))
bounds = st.one_of(st.none(), places)
steps = st.sampled_from([None, 1, 2, -1, -2, 3, 300, -400])


class ListMachine(DurableMachine):
    def make(self) -> Any:
        return List()

    def model_type(self) -> Any:
        return []

    @rule(value=elements)
    def append(self, value: Any) -> None:
        self.both("append", value)

    @rule(values=batches)
    def extend(self, values: Any) -> None:
        self.both("extend", values)

    @rule(values=batches)
    def add(self, values: Any) -> None:
        self.subject += iter(self.value(values))
        self.model += values

    @rule()
    def extend_by_itself(self) -> None:
        if len(self.model) < 1000:
            self.subject.extend(self.subject)
            self.model.extend(self.model)

    @rule(times=st.integers(-1, 2))
    def multiply(self, times: int) -> None:
        if len(self.model) < 1000:
            self.subject *= times
            self.model *= times

    @rule(place=places, value=elements)
    def insert(self, place: int, value: Any) -> None:
        self.both("insert", place, value)

    @rule(place=places)
    def pop(self, place: int) -> None:
        self.both("pop", place)

    @rule(times=st.integers(1, 500))
    def pop_last(self, times: int) -> None:
        for _ in range(times):
            self.both("pop")

    @rule(value=elements)
    def remove(self, value: Any) -> None:
        self.both("remove", value)

    @rule(value=elements, start=places, stop=places)
    def search(self, value: Any, start: int, stop: int) -> None:
        self.both("index", value, start, stop)
        self.both("count", value)
        self.both("__contains__", value)

    @rule(place=places)
    def read(self, place: int) -> None:
        self.both("__getitem__", place)

    @rule(place=places, value=elements)
    def write(self, place: int, value: Any) -> None:
        self.both("__setitem__", place, value)

    @rule(place=places)
    def delete(self, place: int) -> None:
        self.both("__delitem__", place)

    @rule(start=bounds, stop=bounds, step=steps)
    def read_slice(self, start: Any, stop: Any, step: Any) -> None:
        found = self.subject[start:stop:step]
        assert type(found) is list
        assert [plain(item) for item in found] == self.model[start:stop:step]

    @rule(start=bounds, stop=bounds, values=batches)
    def write_slice(self, start: Any, stop: Any, values: Any) -> None:
        self.both("__setitem__", slice(start, stop), values)

    @rule(start=bounds, stop=bounds, step=steps, value=elements, more=st.sampled_from([0, 0, 0, 1]))
    def write_stepped_slice(self, start: Any, stop: Any, step: Any, value: Any, more: int) -> None:
        size = len(self.model[start:stop:step])
        self.both("__setitem__", slice(start, stop, step), [value] * (size + more))

    @rule(start=bounds, stop=bounds, step=steps)
    def delete_slice(self, start: Any, stop: Any, step: Any) -> None:
        if step in (None, 1) or len(self.model[start:stop:step]) < 50:
            self.both("__delitem__", slice(start, stop, step))

    @rule()
    def reverse(self) -> None:
        self.both("reverse")

    @rule(backwards=st.booleans())
    def sort(self, backwards: bool) -> None:
        self.subject.sort(key=lambda item: repr(plain(item)), reverse=backwards)
        self.model.sort(key=repr, reverse=backwards)

    @rule()
    def clear(self) -> None:
        self.both("clear")

    @rule()
    def iterate_backwards(self) -> None:
        assert [plain(item) for item in reversed(self.subject)] == self.model[::-1]

    @rule()
    def compare_whole(self) -> None:
        assert self.subject == self.value(self.model)
        assert self.value(self.model) == self.subject
        assert self.subject != [*self.value(self.model), 1]


@pytest.fixture(autouse=True)
def small_branches() -> Any:
    with mock.patch.object(pages, "FANOUT", 4), mock.patch.object(pages, "INLINE", 8):
        yield


TestList = ListMachine.TestCase
TestList.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

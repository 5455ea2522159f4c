from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from perdure.collections import Set, entries

from .machines import DurableMachine
from .test_dict_machine import names
from .things import plain

groups = st.one_of(
    st.lists(names, max_size=5),
    st.builds(lambda first, count: list(range(first, first + count)), *[st.integers(0, 40)] * 2),
)


class SetMachine(DurableMachine):
    def make(self) -> Any:
        return Set()

    def model_type(self) -> Any:
        return set()

    def value(self, value: Any) -> Any:
        if type(value) is set:
            return Set(map(self.value, value))
        return super().value(value)

    @rule(element=names)
    def add(self, element: Any) -> None:
        self.both("add", element)

    @rule(element=names)
    def remove(self, element: Any) -> None:
        self.both("remove", element)

    @rule(element=names)
    def discard(self, element: Any) -> None:
        self.both("discard", element)

    @rule(element=names)
    def search(self, element: Any) -> None:
        self.both("__contains__", element)

    @rule()
    def pop(self) -> None:
        if self.model:
            self.model.remove(plain(self.subject.pop()))
        else:
            with pytest.raises(KeyError):
                self.subject.pop()

    @rule(
        name=st.sampled_from(
            ["update", "intersection_update", "difference_update", "symmetric_difference_update", "union", "isdisjoint",
             "intersection", "difference", "symmetric_difference", "issubset", "issuperset"]
        ),
        group=groups,
    )  # fmt: skip
    def method(self, name: str, group: Any) -> None:
        self.both(name, group)

    @rule(
        name=st.sampled_from(
            ["__or__", "__and__", "__sub__", "__xor__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]
        ),
        group=groups,
    )
    def operator(self, name: str, group: Any) -> None:
        self.both(name, set(group))
        assert getattr(self.subject, name)(group) is NotImplemented

    @rule(group=groups)
    def operators_in_place(self, group: Any) -> None:
        self.subject |= self.value(set(group))
        self.model |= set(group)
        self.subject -= self.value(set(group[::2]))
        self.model -= set(group[::2])
        self.subject ^= self.value(set(group[::3]))
        self.model ^= set(group[::3])

    @rule()
    def by_itself(self) -> None:
        assert self.subject - self.subject == set()
        assert self.subject ^ self.subject == set()
        self.subject &= self.subject
        self.subject |= self.subject

    @rule()
    def clear(self) -> None:
        self.both("clear")


@pytest.fixture(autouse=True)
def soon_large() -> Any:
    with mock.patch.object(entries, "INLINE", 6):
        yield


TestSet = SetMachine.TestCase
TestSet.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

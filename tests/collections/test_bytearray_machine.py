from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from perdure.collections import ByteArray, pages

from .machines import DurableMachine

bytes_ = st.integers(-1, 256)
texts = st.builds(lambda text, times: text * times, st.binary(max_size=5), st.sampled_from([1, 1, 10, 100]))
places = st.integers(-300, 300)
bounds = st.one_of(st.none(), places)
steps = st.sampled_from([None, 1, 2, -1, -3])


class BytesMachine(DurableMachine):
    def make(self) -> Any:
        return ByteArray()

    def model_type(self) -> Any:
        return bytearray()

    @rule(byte=bytes_)
    def append(self, byte: int) -> None:
        self.both("append", byte)

    @rule(text=texts)
    def extend(self, text: bytes) -> None:
        self.both("extend", text)

    @rule(text=texts)
    def add(self, text: bytes) -> None:
        self.subject += text
        self.model += text

    @rule(place=places, byte=bytes_)
    def insert(self, place: int, byte: int) -> None:
        self.both("insert", place, byte)

    @rule(place=places)
    def pop(self, place: int) -> None:
        self.both("pop", place)

    @rule(byte=bytes_)
    def remove(self, byte: int) -> None:
        self.both("remove", byte)

    @rule(place=places, byte=bytes_)
    def item(self, place: int, byte: int) -> None:
        self.both("__setitem__", place, byte)
        self.both("__getitem__", place)

    @rule(place=places)
    def delete(self, place: int) -> None:
        self.both("__delitem__", place)

    @rule(start=bounds, stop=bounds, step=steps)
    def read_slice(self, start: Any, stop: Any, step: Any) -> None:
        found = self.subject[start:stop:step]
        assert type(found) is bytearray
        assert found == self.model[start:stop:step]

    @rule(start=bounds, stop=bounds, text=texts)
    def write_slice(self, start: Any, stop: Any, text: Any) -> None:
        self.both("__setitem__", slice(start, stop), text)

    @rule(start=bounds, stop=bounds, step=steps, more=st.sampled_from([0, 0, 1]))
    def write_stepped_slice(self, start: Any, stop: Any, step: Any, more: int) -> None:
        size = len(self.model[start:stop:step]) + more
        if size:  # bytearray takes an empty value for any stepped slice
            self.both("__setitem__", slice(start, stop, step), b"x" * size)

    @rule(start=bounds, stop=bounds, step=steps)
    def delete_slice(self, start: Any, stop: Any, step: Any) -> None:
        self.both("__delitem__", slice(start, stop, step))

    @rule(name=st.sampled_from(["reverse", "clear", "upper", "split", "isdigit", "hex", "__len__", "splitlines"]))
    def plain_method(self, name: str) -> None:
        self.both(name)

    @rule(name=st.sampled_from(["find", "rfind", "index", "count", "startswith", "partition", "strip"]), text=texts)
    def method(self, name: str, text: bytes) -> None:
        self.both(name, text)

    @rule()
    def iterate(self) -> None:
        assert list(self.subject) == list(self.model)
        assert list(reversed(self.subject)) == list(reversed(self.model))
        assert bytes(self.subject) == self.model


@pytest.fixture(autouse=True)
def small_pages() -> Any:
    with (
        mock.patch.object(pages, "FANOUT", 4),
        mock.patch.object(pages, "BYTES_LEAF", 8),
        mock.patch.object(pages, "BYTES_INLINE", 8),
    ):
        yield


TestByteArray = BytesMachine.TestCase
TestByteArray.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

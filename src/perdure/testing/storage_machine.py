"""Random use of several storages in step, compared with each other and with `Model`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from pyroaring import BitMap

from perdure.errors import ConflictError
from perdure.kernel.keys import encode, encode_uint
from perdure.storage import Batch, PostingDelta, VersionedStorage, View
from perdure.storage.prepared import Prepared
from perdure.storage.spaces import COUNTERS, ENTRIES, POSTINGS, RECORDS, REFCOUNTS

from .model import Model

__all__ = ["storage_machine"]

ids = st.integers(1, 12).map(encode_uint) | st.integers(0x4080, 0x4090).map(encode_uint)
entry_keys = st.tuples(st.integers(1, 3), st.integers(0, 6) | st.text("ab", max_size=2)).map(
    lambda pair: encode_uint(pair[0]) + b"d" + encode((pair[1],))
)
values = st.none() | st.binary(max_size=20)
bitmaps = st.frozensets(st.integers(0, 400), max_size=60).map(BitMap)
tags = st.sampled_from([encode((tag,)) + encode_uint(0) for tag in "xyz"])
plain = {RECORDS: ids, ENTRIES: entry_keys}
counters = {COUNTERS: ids, REFCOUNTS: ids}
all_keys = {**plain, **counters, POSTINGS: tags}


def _some(keys: st.SearchStrategy[bytes], value: st.SearchStrategy[Any], size: int = 4) -> st.SearchStrategy[Any]:
    return st.dictionaries(keys, value, max_size=size)


puts: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={space: _some(keys, values) for space, keys in plain.items()}
)
merges: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        COUNTERS: _some(ids, st.integers(-3, 3)),
        REFCOUNTS: _some(ids, st.integers(-3, 3)),
        POSTINGS: _some(tags, st.builds(PostingDelta, bitmaps, bitmaps)),
    },
)
key_sets: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={space: st.sets(keys, max_size=2) for space, keys in plain.items()}
)
expected: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional={REFCOUNTS: _some(ids, st.integers(-1, 1), 1)})


@st.composite
def batches(draw: st.DrawFn, state: int, floor: int) -> Batch:
    """A batch based on one of the states that can be viewed, most often the newest."""
    base = state if draw(st.integers(0, 2)) else draw(st.integers(floor, state))
    return Batch(
        base, draw(puts), draw(merges), draw(key_sets), draw(key_sets), draw(expected), draw(st.text(max_size=4))
    )


def storage_machine(make: Callable[[], list[Callable[[], VersionedStorage]]]) -> type[RuleBasedStateMachine]:
    """A state machine over several storages; `.TestCase` of it runs under pytest and unittest.

    `make` gives a function for each that opens it: the first time empty, later with what it held. A storage
    whose engine does not outlive closing (`capabilities.durable` is false) is never reopened.
    """

    class Machine(_StorageMachine):
        make_storages = staticmethod(make)

    return Machine


class _StorageMachine(RuleBasedStateMachine):
    make_storages: Callable[[], list[Callable[[], VersionedStorage]]]

    def __init__(self) -> None:
        super().__init__()
        self.openers = self.make_storages()
        self.storages = [opener() for opener in self.openers]
        self.model = Model()
        self.views: list[tuple[int, list[View]]] = []
        self.waiting: tuple[Batch, list[Prepared]] | None = None
        self.reserved = 0

    def teardown(self) -> None:
        for storage in self.storages:
            assert list(storage.verify()) == []
            storage.close()

    def _everywhere(self, act: Callable[[VersionedStorage], Any]) -> list[Any]:
        """The answer of each storage: its result, or the type of its ConflictError."""
        answers = []
        for storage in self.storages:
            try:
                answers.append(act(storage))
            except ConflictError as error:
                answers.append(type(error))
        return answers

    def _modelled(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except ConflictError as error:
            return type(error)

    @precondition(lambda self: self.waiting is None)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        batch = data.draw(batches(self.model.state, self.model.floor))
        answer = self._modelled(lambda: self.model.commit(batch))
        for got in self._everywhere(lambda storage: storage.commit(batch).state):
            assert got == answer

    @precondition(lambda self: self.waiting is None)
    @rule(data=st.data())
    def prepare(self, data: st.DataObject) -> None:
        batch = data.draw(batches(self.model.state, self.model.floor))
        answer = self._modelled(lambda: self.model.check(batch))
        prepared = self._everywhere(lambda storage: storage.prepare(batch, b"t"))
        if answer is None:
            self.waiting = batch, prepared
        else:
            assert prepared == [answer] * len(prepared)

    @precondition(lambda self: self.waiting is not None)
    @rule(finish=st.booleans(), data=st.data())
    def settle(self, finish: bool, data: st.DataObject) -> None:
        assert self.waiting is not None
        batch, prepared = self.waiting
        other = data.draw(_some(entry_keys, values))
        distinct = {key: value for key, value in other.items() if not _uses(batch, ENTRIES, key)}
        bystander = Batch(self.model.state, {ENTRIES: distinct})
        state = self.model.commit(bystander)
        assert self._everywhere(lambda storage: storage.commit(bystander).state) == [state] * len(prepared)
        if finish:
            state = self.model.apply(batch)
            assert [one.finish().state for one in prepared] == [state] * len(prepared)
        else:
            for one in prepared:
                one.abort()
        assert [storage.prepared() for storage in self.storages] == [[] for _ in prepared]
        self.waiting = None

    @precondition(lambda self: self.waiting is not None)
    @rule(data=st.data())
    def collide(self, data: st.DataObject) -> None:
        assert self.waiting is not None
        held = [(space, key) for space, changes in self.waiting[0].puts.items() for key in changes]
        if held:
            space, key = data.draw(st.sampled_from(held))
            batch = Batch(self.model.state, {space: {key: b"taken"}})
            answers = self._everywhere(lambda storage: storage.commit(batch))
            assert answers == [ConflictError] * len(answers)

    @rule(count=st.integers(1, 50))
    def reserve(self, count: int) -> None:
        expected_range = range(self.reserved + 1, self.reserved + 1 + count)
        self.reserved += count
        for got in self._everywhere(lambda storage: storage.reserve("ids", count)):
            assert got == expected_range

    @precondition(lambda self: len(self.views) < 3)
    @rule(data=st.data())
    def view(self, data: st.DataObject) -> None:
        state = data.draw(st.integers(self.model.floor, self.model.state))
        self.views.append((state, [storage.view(state) for storage in self.storages]))

    @precondition(lambda self: self.views)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        _, views = self.views.pop(data.draw(st.integers(0, len(self.views) - 1)))
        for view in views:
            view.release()

    @rule(data=st.data(), lo=st.binary(max_size=2), hi=st.none() | st.binary(max_size=3), reverse=st.booleans())
    def read(self, data: st.DataObject, lo: bytes, hi: bytes | None, reverse: bool) -> None:
        newest = (self.model.state, [storage.view() for storage in self.storages])
        for state, views in [*self.views, newest]:
            for space, keys in all_keys.items():
                key = data.draw(keys)
                self._compare(views, space, state, key, (lo, hi, reverse))

    def _compare(
        self, views: list[View], space: int, state: int, key: bytes, bounds: tuple[bytes, bytes | None, bool]
    ) -> None:
        lo, hi, reverse = bounds
        content = self.model.at(space, state)
        within = [pair for pair in content.items() if pair[0] >= lo and (hi is None or pair[0] < hi)]
        many = [*content, key, *reversed(content)]
        for view in views:
            assert view.state == state
            assert view.get(space, key) == content.get(key)
            assert view.get_many(space, many) == [content.get(one) for one in many]
            assert list(view.scan(space, lo, hi, reverse)) == (within[::-1] if reverse else within)
            if space in plain or space == COUNTERS:
                found = [version for version in view.history(space, key) if version[0] > self.model.floor]
                assert found == self.model.history(space, key, state)

    @rule(data=st.data())
    def read_log(self, data: st.DataObject) -> None:
        after = data.draw(st.integers(self.model.floor, self.model.state))
        batches_after = self.model.log[after:]
        named = {key for batch in batches_after for key in batch.merges.get(POSTINGS, ())}
        for storage in self.storages:
            entries = list(storage.log(after))
            assert [entry.state for entry in entries] == list(range(after + 1, self.model.state + 1))
            assert [entry.user for entry in entries] == [batch.user for batch in batches_after]
            assert sorted({entry.time for entry in entries}) == [entry.time for entry in entries]
            assert set(storage.changes(after).get(POSTINGS, ())) <= named

    @rule(data=st.data())
    def pack(self, data: st.DataObject) -> None:
        before = data.draw(st.integers(0, self.model.state))
        pinned = [state for state, _ in self.views]
        self.model.floor = max(self.model.floor, min([before, *pinned]))
        for storage in self.storages:
            assert storage.pack(before) == self.model.floor

    @rule()
    def reopen(self) -> None:
        for index, opener in enumerate(self.openers):
            if not self.storages[index].engine.capabilities.durable:
                continue
            for _, views in self.views:
                views[index].release()
            self.storages[index].close()
            self.storages[index] = opener()
            for state, views in self.views:
                views[index] = self.storages[index].view(state)
            if self.waiting is not None:
                self.waiting[1][index] = self.storages[index].prepared()[0]


def _uses(batch: Batch, space: int, key: bytes) -> bool:
    parts = (batch.puts, batch.merges, batch.reads, batch.required, batch.expected)
    return any(key in part.get(space, ()) for part in parts)

"""A storage without history must show open views what they saw, and keep little else."""

from __future__ import annotations

import os
import shutil
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pyroaring import BitMap

from perdure.kernel.keys import encode, encode_uint
from perdure.storage import Batch, PostingDelta, merge, open_storage
from perdure.storage.spaces import COUNTERS, POSTINGS, RECORDS

ONE = encode_uint(1)
TAG = encode(("tag",)) + encode_uint(0)
records = st.dictionaries(st.integers(1, 8).map(encode_uint), st.none() | st.binary(max_size=5), max_size=4)


class NoHistory(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.directory = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.storages = [open_storage(None, history=False), self.open_file()]
        self.records = {}
        self.counter = 0
        self.posting = BitMap(range(0, 3000, 2))
        self.views = []
        for storage in self.storages:
            storage.commit(Batch(0, merges={POSTINGS: {TAG: PostingDelta(self.posting.copy())}}))

    def open_file(self):
        return open_storage(f"{self.directory}/test.db", history=False, check=True)

    def teardown(self):
        for storage in self.storages:
            assert list(storage.verify()) == []
            storage.close()
        shutil.rmtree(self.directory)

    def content(self):
        return dict(sorted(self.records.items())), self.counter, self.posting.copy()

    @rule(puts=records, amount=st.integers(-2, 2), bits=st.lists(st.integers(0, 4000), max_size=2))
    def commit(self, puts, amount, bits):
        delta = PostingDelta(BitMap(bits[:1]), BitMap(bits[1:]))
        for storage in self.storages:
            storage.commit(
                Batch(storage.last_state, {RECORDS: puts}, {COUNTERS: {ONE: amount}, POSTINGS: {TAG: delta}})
            )
        self.records.update(puts)
        self.records = {key: value for key, value in self.records.items() if value is not None}
        self.counter += amount
        self.posting = (self.posting - delta.removes) | delta.adds

    @precondition(lambda self: len(self.views) < 3)
    @rule()
    def view(self):
        self.views.append((self.content(), [storage.view() for storage in self.storages]))

    @precondition(lambda self: self.views)
    @rule(data=st.data())
    def release(self, data):
        _, views = self.views.pop(data.draw(st.integers(0, len(self.views) - 1)))
        for view in views:
            view.release()

    @precondition(lambda self: not self.views)
    @rule()
    def reopen(self):
        self.storages[1].close()
        self.storages[1] = self.open_file()

    @rule()
    def pack(self):
        for storage in self.storages:
            storage.pack(storage.last_state)

    @invariant()
    def views_see_what_they_saw(self):
        newest = (self.content(), [storage.view() for storage in self.storages])
        for (known, counter, posting), views in [*self.views, newest]:
            for view in views:
                assert dict(view.scan(RECORDS)) == known
                assert merge.counter_value(view.get(COUNTERS, ONE)) == counter
                assert merge.posting_value(view.get(POSTINGS, TAG)) == posting


TestNoHistory = NoHistory.TestCase
TestNoHistory.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)

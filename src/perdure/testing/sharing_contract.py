"""The part of the storage contract about several users: threads, two-phase commit, packing, watching."""

from __future__ import annotations

import threading

import pytest
from pyroaring import BitMap

from perdure.errors import ConflictError, StateUnavailableError, StorageError
from perdure.kernel.keys import encode, encode_uint
from perdure.storage import Batch, PostingDelta, VersionedStorage, merge
from perdure.storage.spaces import COUNTERS, ENTRIES, POSTINGS, RECORDS, REFCOUNTS

__all__ = ["SharingContract", "put"]

ONE, TWO = encode_uint(1), encode_uint(2)
TAG = encode(("tag",)) + encode_uint(0)


def put(storage: VersionedStorage, base: int, **records: bytes | None) -> int:
    """Commit records named `r1`, `r2`, …; the new state."""
    items = {encode_uint(int(name[1:])): value for name, value in records.items()}
    return storage.commit(Batch(base, {RECORDS: items})).state


class SharingContract:
    """Inherit and give a fixture `storage`."""

    def test_threads_that_commit_at_once_each_get_their_own_state(self, storage: VersionedStorage) -> None:
        states: list[int] = []

        def work(thread: int) -> None:
            for step in range(20):
                key = encode_uint(1000 * thread + step)
                states.append(storage.commit(Batch(0, {RECORDS: {key: b"%d" % thread}})).state)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(states) == list(range(1, 161))
        assert len(list(storage.view().scan(RECORDS))) == 160
        assert list(storage.verify()) == []

    def test_one_conflict_in_a_group_fails_alone(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        put(storage, 1, r1=b"b")
        outcomes: list[object] = []

        def work(number: int) -> None:
            try:
                outcomes.append(put(storage, 1, **{f"r{1 if number % 2 else number + 10}": b"x"}) > 0)
            except ConflictError:
                outcomes.append(ConflictError)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count(True) == 4
        assert outcomes.count(ConflictError) == 4
        assert storage.last_state == 6

    def test_a_prepared_batch_shows_only_when_finished(self, storage: VersionedStorage) -> None:
        prepared = storage.prepare(Batch(0, {RECORDS: {ONE: b"a"}}, user="ada"), b"id")
        assert storage.last_state == 0
        assert storage.view().get(RECORDS, ONE) is None
        assert [one.transaction_id for one in storage.prepared()] == [b"id"]
        committed = prepared.finish()
        assert storage.view().get(RECORDS, ONE) == b"a"
        assert storage.prepared() == []
        assert storage.finished(b"id") == committed
        assert storage.finished(b"other") is None
        with pytest.raises(StorageError, match="settled before"):
            prepared.finish()

    def test_an_aborted_batch_leaves_nothing(self, storage: VersionedStorage) -> None:
        prepared = storage.prepare(Batch(0, {RECORDS: {ONE: b"a"}}), b"id")
        prepared.abort()
        prepared.abort()
        assert storage.prepared() == []
        assert put(storage, 0, r1=b"b") == 1

    def test_preparing_checks_as_committing_does(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        with pytest.raises(ConflictError):
            storage.prepare(Batch(0, {RECORDS: {ONE: b"b"}}), b"id")
        storage.prepare(Batch(1, {RECORDS: {ONE: b"b"}}), b"id")
        with pytest.raises(StorageError, match="prepared already"):
            storage.prepare(Batch(1, {RECORDS: {TWO: b"b"}}), b"id")

    @pytest.mark.parametrize(
        ("held", "other", "collides"),
        [
            (Batch(1, {RECORDS: {ONE: b""}}), Batch(1, {RECORDS: {ONE: b""}}), True),
            (Batch(1, {RECORDS: {ONE: b""}}), Batch(1, {RECORDS: {TWO: b""}}), False),
            (Batch(1, {RECORDS: {ONE: b""}}), Batch(1, {ENTRIES: {ONE: b""}}), False),
            (Batch(1, reads={RECORDS: {ONE}}), Batch(1, {RECORDS: {ONE: b""}}), True),
            (Batch(1, {RECORDS: {ONE: b""}}), Batch(1, reads={RECORDS: {ONE}}), False),
            (Batch(1, required={RECORDS: {ONE}}), Batch(1, {RECORDS: {ONE: None}}), True),
            (Batch(1, required={RECORDS: {ONE}}), Batch(1, {RECORDS: {ONE: b""}}), False),
            (Batch(1, {RECORDS: {ONE: None}}), Batch(1, required={RECORDS: {ONE}}), True),
            (Batch(1, merges={COUNTERS: {ONE: 1}}), Batch(1, merges={COUNTERS: {ONE: 1}}), False),
            (Batch(1, merges={COUNTERS: {ONE: 1}}), Batch(1, {COUNTERS: {ONE: None}}), True),
            (Batch(1, {COUNTERS: {ONE: None}}), Batch(1, merges={COUNTERS: {ONE: 1}}), True),
            (Batch(1, expected={REFCOUNTS: {ONE: 0}}), Batch(1, merges={REFCOUNTS: {ONE: 1}}), True),
            (Batch(1, merges={REFCOUNTS: {ONE: 1}}), Batch(1, expected={REFCOUNTS: {ONE: 0}}), True),
        ],
    )
    def test_a_prepared_batch_keeps_what_it_was_promised(
        self, storage: VersionedStorage, held: Batch, other: Batch, collides: bool
    ) -> None:
        put(storage, 0, r1=b"a", r2=b"b")
        prepared = storage.prepare(held, b"id")
        if collides:
            with pytest.raises(ConflictError, match="held by the prepared transaction"):
                storage.commit(other)
        else:
            storage.commit(other)
        prepared.finish()
        assert list(storage.verify()) == []

    def test_pack_forgets_what_only_older_states_see(self, storage: VersionedStorage) -> None:
        for state in range(10):
            put(storage, state, r1=b"v%d" % state, r2=b"x" if state < 5 else None)
        newest = list(storage.view().scan(RECORDS))
        assert storage.pack(8) == 8
        assert storage.packed == 8
        assert [state for state, _ in storage.view().history(RECORDS, ONE)] == [10, 9, 8]
        assert list(storage.view().scan(RECORDS)) == newest
        assert storage.view(8).get(RECORDS, ONE) == b"v7"
        with pytest.raises(StateUnavailableError):
            storage.view(7)
        with pytest.raises(StateUnavailableError):
            list(storage.log(7))
        assert [entry.state for entry in storage.log(8)] == [9, 10]
        with pytest.raises(StateUnavailableError):
            storage.pack(11)
        assert list(storage.verify()) == []

    def test_pack_spares_what_open_views_see(self, storage: VersionedStorage) -> None:
        for state in range(6):
            put(storage, state, r1=b"v%d" % state)
        view = storage.view(3)
        assert storage.pack(6) == 3
        assert view.get(RECORDS, ONE) == b"v2"
        view.release()
        assert storage.pack(6) == 6
        assert storage.view().history(RECORDS, ONE) == [(6, b"v5")]

    def test_pack_keeps_whole_chains_of_deltas(self, storage: VersionedStorage) -> None:
        model = BitMap(range(0, 60000, 2))
        storage.commit(Batch(0, merges={POSTINGS: {TAG: PostingDelta(model.copy())}}))
        for step in range(20):
            storage.commit(Batch(0, merges={POSTINGS: {TAG: PostingDelta(BitMap([2 * step + 1]))}}))
            model.add(2 * step + 1)
        storage.pack(15)
        assert merge.posting_value(storage.view().get(POSTINGS, TAG)) == model
        assert merge.posting_value(storage.view(15).get(POSTINGS, TAG)) == model - BitMap(range(29, 41, 2))
        assert list(storage.verify()) == []

    def test_a_batch_older_than_the_history_conflicts(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        put(storage, 1, r1=None)
        put(storage, 2, r2=b"b")
        storage.pack(3)
        with pytest.raises(ConflictError, match="packed"):
            put(storage, 1, r1=b"back")

    def test_watch_returns_when_a_commit_comes(self, storage: VersionedStorage) -> None:
        assert storage.watch(0, timeout=0.0) == 0
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(storage.watch(0, timeout=60)))
        thread.start()
        put(storage, 0, r1=b"a")
        thread.join(60)
        assert seen == [1]
        assert storage.watch(0, timeout=60) == 1

    def test_a_closed_storage_says_so(self, storage: VersionedStorage) -> None:
        view = storage.view()
        storage.close()
        storage.close()
        for use in (storage.view, lambda: put(storage, 0, r1=b""), lambda: view.get(RECORDS, ONE)):
            with pytest.raises(StorageError, match="closed"):
                use()

"""What every storage must do, as tests to inherit. The storage is new: state 0, nothing in it."""

from __future__ import annotations

import pytest
from pyroaring import BitMap

from perdure.errors import ConflictError, ReadConflictError, StateUnavailableError
from perdure.kernel.keys import encode, encode_uint
from perdure.storage import Batch, PostingDelta, VersionedStorage, merge
from perdure.storage.spaces import CATALOG, COUNTERS, ENTRIES, META, POSTINGS, RECORDS, REFCOUNTS

from .sharing_contract import SharingContract, put

__all__ = ["StorageContract"]

ONE, TWO, THREE = (encode_uint(number) for number in (1, 2, 3))
TAG = encode(("tag",)) + encode_uint(0)


class StorageContract(SharingContract):
    """Inherit and give a fixture `storage`."""

    def test_a_new_storage_is_at_state_zero(self, storage: VersionedStorage) -> None:
        assert storage.last_state == 0
        assert storage.view().get(RECORDS, ONE) is None
        assert list(storage.view().scan(RECORDS)) == []
        assert list(storage.log(0)) == []
        assert len(storage.uuid) == 16

    def test_each_commit_makes_the_next_state(self, storage: VersionedStorage) -> None:
        assert [put(storage, state, r1=b"v%d" % state) for state in range(5)] == [1, 2, 3, 4, 5]
        assert storage.last_state == 5
        assert [storage.view(state).get(RECORDS, ONE) for state in range(6)] == [
            None, b"v0", b"v1", b"v2", b"v3", b"v4",
        ]  # fmt: skip

    def test_commit_times_increase(self, storage: VersionedStorage) -> None:
        times = [storage.commit(Batch(state)).time for state in range(20)]
        assert sorted(set(times)) == times
        assert [entry.time for entry in storage.log(0)] == times
        assert storage.last_commit.time == times[-1]

    def test_a_view_never_changes(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a", r2=b"b")
        view = storage.view()
        put(storage, 1, r1=b"changed", r2=None, r3=b"new")
        assert list(view.scan(RECORDS)) == [(ONE, b"a"), (TWO, b"b")]
        assert view.get_many(RECORDS, [THREE, TWO, ONE]) == [None, b"b", b"a"]
        assert list(storage.view().scan(RECORDS)) == [(ONE, b"changed"), (THREE, b"new")]

    def test_a_scan_under_way_is_not_disturbed_by_commits(self, storage: VersionedStorage) -> None:
        storage.commit(Batch(0, {RECORDS: {encode_uint(number): b"old" for number in range(3000)}}))
        scan = storage.view().scan(RECORDS)
        seen = [next(scan) for _ in range(10)]
        storage.commit(Batch(1, {RECORDS: {encode_uint(number): None for number in range(0, 3000, 2)}}))
        seen += scan
        assert seen == [(encode_uint(number), b"old") for number in range(3000)]

    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_scan_bound_may_begin_with_a_key(self, storage: VersionedStorage, reverse: bool) -> None:
        put(storage, 0, r1=b"a", r2=b"b", r3=b"c")
        put(storage, 1, r2=b"changed")
        for tail in (b"", b"\0", b"\xff"):
            lower = list(storage.view(1).scan(RECORDS, ONE + tail, TWO + tail, reverse))
            assert sorted(lower) == [(ONE, b"a"), (TWO, b"b")][bool(tail) : 1 + bool(tail)]

    def test_a_deleted_key_can_come_back(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        put(storage, 1, r1=None)
        put(storage, 2, r1=b"again")
        assert storage.view(2).get(RECORDS, ONE) is None
        assert storage.view().history(RECORDS, ONE) == [(3, b"again"), (2, None), (1, b"a")]
        assert storage.view(2).history(RECORDS, ONE) == [(2, None), (1, b"a")]

    def test_states_that_do_not_exist_are_refused(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        with pytest.raises(StateUnavailableError, match=r"state 2 .* is not there"):
            storage.view(2)
        with pytest.raises(ValueError, match="based on state 7, the newest is 1"):
            put(storage, 7, r1=b"b")

    def test_writers_of_different_keys_do_not_conflict(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a", r2=b"b")
        put(storage, 1, r1=b"by one")
        put(storage, 1, r2=b"by the other")
        assert list(storage.view().scan(RECORDS)) == [(ONE, b"by one"), (TWO, b"by the other")]

    def test_the_second_writer_of_a_key_conflicts(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        put(storage, 1, r1=b"first")
        with pytest.raises(ConflictError, match=r"RECORDS.*0x01.*state 2.*state 1"):
            put(storage, 1, r1=b"second", r2=b"x")
        assert list(storage.view().scan(RECORDS)) == [(ONE, b"first")]
        assert storage.last_state == 2

    def test_a_resolver_may_merge_the_values(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        put(storage, 1, r1=b"ab")
        seen = []

        def resolve(
            space: int, key: bytes, old: bytes | None, committed: bytes | None, new: bytes | None
        ) -> bytes | None:
            seen.append((space, key, old, committed, new))
            return (committed or b"") + (new or b"")[len(old or b"") :]

        storage.commit(Batch(1, {RECORDS: {ONE: b"ac", TWO: b"x"}}), resolve)
        assert seen == [(RECORDS, ONE, b"a", b"ab", b"ac")]
        assert list(storage.view().scan(RECORDS)) == [(ONE, b"abc"), (TWO, b"x")]

    def test_a_resolver_may_refuse(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        put(storage, 1, r1=b"b")

        def resolve(*_: object) -> bytes:
            raise ConflictError("cannot be merged")

        with pytest.raises(ConflictError, match="cannot be merged"):
            storage.commit(Batch(1, {RECORDS: {ONE: b"c", TWO: b"d"}}), resolve)
        assert list(storage.view().scan(RECORDS)) == [(ONE, b"b")]

    def test_declared_reads_must_not_have_changed(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a")
        put(storage, 1, r1=b"b")
        with pytest.raises(ReadConflictError, match=r"RECORDS.*was read"):
            storage.commit(Batch(1, {RECORDS: {TWO: b"x"}}, reads={RECORDS: {ONE}}))
        assert storage.commit(Batch(1, {RECORDS: {TWO: b"x"}}, reads={RECORDS: {THREE}})).state == 3

    def test_required_keys_must_not_have_been_deleted(self, storage: VersionedStorage) -> None:
        put(storage, 0, r1=b"a", r2=b"b")
        put(storage, 1, r1=None, r2=b"changed")
        with pytest.raises(ConflictError, match="is needed and was deleted"):
            storage.commit(Batch(1, {RECORDS: {THREE: b"x"}}, required={RECORDS: {ONE}}))
        assert storage.commit(Batch(1, {RECORDS: {THREE: b"x"}}, required={RECORDS: {TWO}})).state == 3

    def test_expected_counters_must_hold_their_value(self, storage: VersionedStorage) -> None:
        storage.commit(Batch(0, merges={REFCOUNTS: {ONE: 2}}))
        with pytest.raises(ConflictError, match="is 2, expected 0"):
            storage.commit(Batch(1, {RECORDS: {ONE: None}}, expected={REFCOUNTS: {ONE: 0}}))
        storage.commit(Batch(1, {RECORDS: {TWO: None}}, expected={REFCOUNTS: {ONE: 2, TWO: 0}}))

    def test_counters_add_up_from_any_base(self, storage: VersionedStorage) -> None:
        for amount in (5, -2, 10):
            storage.commit(Batch(0, merges={COUNTERS: {ONE: amount}, REFCOUNTS: {ONE: amount}}))
        assert merge.counter_value(storage.view().get(COUNTERS, ONE)) == 13
        assert merge.counter_value(storage.view().get(REFCOUNTS, ONE)) == 13
        assert [merge.counter_value(storage.view(state).get(COUNTERS, ONE)) for state in range(4)] == [0, 5, 3, 13]

    def test_a_counter_of_zero_is_not_stored(self, storage: VersionedStorage) -> None:
        for amount in (5, -5):
            storage.commit(Batch(0, merges={COUNTERS: {ONE: amount}, REFCOUNTS: {ONE: amount}}))
        assert storage.view().get(COUNTERS, ONE) is None
        assert storage.view().get(REFCOUNTS, ONE) is None
        assert list(storage.view().scan(REFCOUNTS)) == []

    def test_postings_merge_from_any_base(self, storage: VersionedStorage) -> None:
        model = BitMap()
        expected = [model.copy()]
        for step in range(100):
            change = PostingDelta(BitMap(range(step * 7, step * 7 + 30, 3)), BitMap([step * 5, step * 7]))
            storage.commit(Batch(0, merges={POSTINGS: {TAG: change}}))
            model = (model - change.removes) | change.adds
            expected.append(model.copy())
        found = [merge.posting_value(storage.view(state).get(POSTINGS, TAG)) for state in range(101)]
        assert found == expected
        assert [merge.posting_value(value) for _, value in storage.view().scan(POSTINGS)] == [model]
        assert list(storage.verify()) == []

    def test_a_large_posting_grows_by_small_deltas(self, storage: VersionedStorage) -> None:
        model = BitMap(range(0, 65536, 3))
        storage.commit(Batch(0, merges={POSTINGS: {TAG: PostingDelta(model.copy())}}))
        before = storage.engine.size_bytes()
        for step in range(200):
            change = PostingDelta(BitMap([step * 100 + 1]), BitMap([step * 300]))
            storage.commit(Batch(0, merges={POSTINGS: {TAG: change}}))
            model = (model - change.removes) | change.adds
        assert merge.posting_value(storage.view().get(POSTINGS, TAG)) == model
        history = storage.view().history(POSTINGS, TAG)
        assert len(history) == 201
        assert merge.posting_value(history[-1][1]) == BitMap(range(0, 65536, 3))
        assert storage.engine.size_bytes() - before < 201 * 8192

    def test_an_emptied_posting_is_gone(self, storage: VersionedStorage) -> None:
        storage.commit(Batch(0, merges={POSTINGS: {TAG: PostingDelta(BitMap([1, 2]))}}))
        storage.commit(Batch(0, merges={POSTINGS: {TAG: PostingDelta(BitMap(), BitMap([1, 2]))}}))
        assert storage.view().get(POSTINGS, TAG) is None

    def test_merges_of_the_wrong_kind_are_refused(self, storage: VersionedStorage) -> None:
        with pytest.raises(TypeError, match="RECORDS"):
            storage.commit(Batch(0, merges={RECORDS: {ONE: 1}}))
        with pytest.raises(TypeError, match="POSTINGS"):
            storage.commit(Batch(0, merges={POSTINGS: {TAG: 1}}))
        with pytest.raises(ValueError, match="both put and merged"):
            storage.commit(Batch(0, {COUNTERS: {ONE: b"\2"}}, merges={COUNTERS: {ONE: 1}}))
        assert storage.last_state == 0

    def test_spaces_without_versions_hold_the_newest_value(self, storage: VersionedStorage) -> None:
        storage.commit(Batch(0, {META: {b"mine": b"one"}}))
        view = storage.view()
        storage.commit(Batch(0, {META: {b"mine": b"two"}}))
        assert view.get(META, b"mine") == b"two"
        storage.commit(Batch(0, {META: {b"mine": None}}))
        assert view.get_many(META, [b"mine"]) == [None]
        with pytest.raises(ValueError, match="no history"):
            view.history(META, b"mine")

    def test_the_log_tells_who_changed_what(self, storage: VersionedStorage) -> None:
        batch = Batch(0, user="ada", description="first", extension=b"\0more")
        batch.puts = {
            RECORDS: {encode_uint(number): b"" for number in (1, 2, 3, 300, 301, 70000)},
            ENTRIES: {encode_uint(5) + b"d" + encode((key,)): b"" for key in range(10)},
            CATALOG: {b"c\1": b"class"},
        }
        batch.merges = {REFCOUNTS: {ONE: 1}, POSTINGS: {TAG: PostingDelta(BitMap([1]))}}
        committed = storage.commit(batch)
        (entry,) = storage.log(0)
        assert (entry.state, entry.time) == (committed.state, committed.time)
        assert (entry.user, entry.description, entry.extension) == ("ada", "first", b"\0more")
        assert entry.changes == {
            RECORDS: [(1, 3), (300, 2), (70000, 1)],
            ENTRIES: [(5, 1)],
            CATALOG: [b"c\1"],
            REFCOUNTS: [(1, 1)],
            POSTINGS: [TAG],
        }

    def test_changes_of_many_commits_come_together(self, storage: VersionedStorage) -> None:
        for number in (5, 1, 2, 9, 3, 2):
            storage.commit(Batch(0 if number != 2 else storage.last_state, {RECORDS: {encode_uint(number): b""}}))
        assert storage.changes(0) == {RECORDS: [(1, 3), (5, 1), (9, 1)]}
        assert storage.changes(1, 3) == {RECORDS: [(1, 2)]}
        assert storage.changes(6) == {}

    def test_a_bulk_commit_has_a_small_log_entry(self, storage: VersionedStorage) -> None:
        storage.commit(Batch(0, {RECORDS: {encode_uint(number): b"x" for number in range(1, 20001)}}))
        (entry,) = storage.log(0)
        assert entry.changes == {RECORDS: [(1, 20000)]}

    def test_reserved_numbers_are_never_given_twice(self, storage: VersionedStorage) -> None:
        assert storage.reserve("a", 3) == range(1, 4)
        assert storage.reserve("b", 1) == range(1, 2)
        assert storage.reserve("a", 2) == range(4, 6)
        with pytest.raises(ValueError, match="at least 1"):
            storage.reserve("a", 0)
        assert storage.last_state == 0

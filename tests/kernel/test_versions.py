from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perdure.errors import CorruptRecordError
from perdure.kernel import versions as chosen
from perdure.kernel._pure import versions as pure
from perdure.kernel.keys import encode_uint
from perdure.storage.merge import counter_bytes

TWINS = [pytest.param(chosen, id="chosen"), pytest.param(pure, id="pure")]
states = st.integers(0, 40) | st.integers(0, chosen.STATE_MAX) | st.integers(0, 53).map(lambda bits: (1 << bits) - 1)
prefix_free = st.integers(0, 2**64 - 1).map(encode_uint) | st.integers(0, 300).map(encode_uint)
SPACE = 5


@pytest.mark.parametrize("versions", TWINS)
@given(states, states)
@example(15, 16)
@example(2047, 2048)
@example(chosen.STATE_MAX - 1, chosen.STATE_MAX)
def test_later_states_sort_first(versions, one, other):
    assert (versions.suffix(one) < versions.suffix(other)) == (one > other)


@pytest.mark.parametrize("versions", TWINS)
@given(st.binary(max_size=30), states)
def test_a_physical_key_splits_into_key_and_state(versions, key, state):
    assert versions.split(key + versions.suffix(state)) == (key, state)


@given(states)
def test_suffixes_are_the_same_in_both_twins(state):
    assert chosen.suffix(state) == pure.suffix(state)


@pytest.mark.parametrize("versions", TWINS)
def test_states_have_short_suffixes(versions):
    assert [len(versions.suffix(state)) for state in (0, 15, 16, 2047, 2048, 2**18, chosen.STATE_MAX)] == [
        1, 1, 2, 2, 3, 4, 8,
    ]  # fmt: skip


@pytest.mark.parametrize("versions", TWINS)
@pytest.mark.parametrize("state", [-1, chosen.STATE_MAX + 1, 2**64])
def test_states_out_of_range_are_refused(versions, state):
    with pytest.raises((ValueError, OverflowError)):
        versions.suffix(state)


@pytest.mark.parametrize("versions", TWINS)
@pytest.mark.parametrize("bad", [b"", b"\x01", b"\x7f" * 9, b"\xff\x00", b"\x80", b"k\x8f\x00"])
def test_bytes_without_a_version_are_refused(versions, bad):
    with pytest.raises(CorruptRecordError):
        versions.split(bad)


@given(st.binary(max_size=20))
def test_both_twins_split_any_bytes_alike(data):
    def outcome(versions):
        try:
            return versions.split(data)
        except CorruptRecordError as error:
            return str(error)

    assert outcome(chosen) == outcome(pure)


@given(
    st.binary(max_size=100) | st.integers(0, 5000).map(lambda size: random.Random(size).randbytes(size)),
    st.integers(0, 2**32 - 1),
)
def test_the_checksum_is_that_of_zlib(data, start):
    assert chosen.crc32(data, start) == zlib.crc32(data, start)


@pytest.mark.parametrize("versions", TWINS)
@given(st.binary(max_size=20), states, st.sampled_from([0, 1, 2]), st.binary(max_size=50), st.integers(0, 10))
def test_what_is_sealed_opens_again(versions, key, state, kind, value, space):
    physical, stored = versions.seal(key, state, kind, value, space)
    assert physical == key + versions.suffix(state)
    assert versions.open_value(physical, stored, space) == (kind, value)
    assert (physical, stored) == pure.seal(key, state, kind, value, space)
    assert len(stored) == len(value) + 5


@pytest.mark.parametrize("versions", TWINS)
@given(st.binary(min_size=1, max_size=12), states, st.binary(max_size=30), st.data())
def test_any_flipped_bit_is_found(versions, key, state, value, data):
    physical, stored = versions.seal(key, state, versions.FULL, value, SPACE)
    bit = data.draw(st.integers(0, 8 * (len(physical) + len(stored)) - 1))
    damaged = bytearray(physical + stored)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptRecordError, match="damaged database"):
        versions.open_value(bytes(damaged[: len(physical)]), bytes(damaged[len(physical) :]), SPACE)


@pytest.mark.parametrize("versions", TWINS)
def test_a_value_of_another_space_is_damage(versions):
    physical, stored = versions.seal(b"k", 1, versions.FULL, b"v", 2)
    with pytest.raises(CorruptRecordError, match=r"0x6b.* of space 3 fails its checksum"):
        versions.open_value(physical, stored, 3)
    head = versions.seal_head(b"k", b"v", 2)
    assert versions.open_head(b"k", head, 2) == b"v"
    with pytest.raises(CorruptRecordError):
        versions.open_head(b"k", head, 3)
    with pytest.raises(CorruptRecordError, match="cut short"):
        versions.open_head(b"k", head[:4], 2)


@pytest.mark.parametrize("versions", TWINS)
@given(st.dictionaries(st.binary(max_size=8), st.none() | st.binary(max_size=9), max_size=12), states, st.data())
def test_many_are_sealed_in_key_order(versions, items, state, data):
    sealed = versions.seal_many(items, state, SPACE)
    expected = [
        pure.seal(key, state, pure.TOMBSTONE if items[key] is None else pure.FULL, items[key] or b"", SPACE)
        for key in sorted(items)
    ]
    cut = data.draw(st.integers(0, len(items)))
    assert list(sealed) == expected
    assert len(sealed) == len(expected)
    assert list(sealed[:cut]) + list(sealed[cut:]) == expected
    assert [sealed[index] for index in range(len(items))] == expected
    assert sealed.sorted_keys == sorted(items)


@pytest.mark.parametrize("versions", TWINS)
@given(st.binary(max_size=12), st.dictionaries(st.binary(max_size=12), st.integers(), max_size=30))
def test_items_are_sorted_by_their_whole_keys(versions, start, items):
    prefixed = {start + key: value for key, value in items.items()}
    keys, values = versions.sorted_items(prefixed)
    assert list(zip(keys, values, strict=True)) == sorted(prefixed.items())


@pytest.mark.parametrize("versions", TWINS)
def test_many_items_are_sorted(versions):
    choices = random.Random(1)
    items = {b"start" + choices.randbytes(choices.randrange(12)): number for number in range(5000)}
    keys, values = versions.sorted_items(items)
    assert list(zip(keys, values, strict=True)) == sorted(items.items())


@pytest.mark.parametrize("versions", TWINS)
def test_keys_that_are_no_bytes_are_refused(versions):
    with pytest.raises(TypeError):
        versions.sorted_items({"k": b"", b"k": b""})


@pytest.mark.parametrize("versions", TWINS)
def test_values_that_are_no_bytes_are_refused(versions):
    with pytest.raises(TypeError):
        list(versions.seal_many({b"k": "text"}, 1))


chains = st.dictionaries(
    prefix_free,
    st.dictionaries(
        st.integers(0, 30), st.none() | st.binary(max_size=4) | st.tuples(st.binary(max_size=3)), min_size=1
    ),
    max_size=6,
)


def physical_pairs(chains):
    """Stored versions of `{key: {state: value | None | (delta,)}}`."""
    pairs = []
    for key, entries in chains.items():
        for state, value in entries.items():
            kind = pure.TOMBSTONE if value is None else pure.DELTA if isinstance(value, tuple) else pure.FULL
            pairs.append(pure.seal(key, state, kind, value[0] if kind == pure.DELTA else value or b"", SPACE))
    return sorted(pairs)


def fold(base, deltas):
    return b"%r%r" % (base, deltas)


def plain_value(entries, state):
    """The value of `{state: …}` as of `state`, folded the plain way."""
    deltas = []
    for version in sorted((version for version in entries if version <= state), reverse=True):
        value = entries[version]
        if not isinstance(value, tuple):
            return fold(value, deltas) if deltas else value
        deltas.append(value[0])
    return fold(None, deltas) if deltas else None


@pytest.mark.parametrize("versions", TWINS)
@given(chains, st.integers(0, 31), st.booleans(), st.integers(1, 4), st.binary(max_size=2), st.none() | prefix_free)
def test_a_scan_folds_to_the_values_of_its_state(versions, chains, state, reverse, limit, lo, hi):
    pairs = physical_pairs(chains)
    expected = [
        (key, plain_value(entries, state))
        for key, entries in sorted(chains.items(), reverse=reverse)
        if key >= lo and (hi is None or key < hi) and plain_value(entries, state) is not None
    ]
    found = []
    while True:
        stream = [pair for pair in pairs if pure.split(pair[0])[0] >= lo]
        stream = [pair for pair in stream if not (reverse and hi is not None and pure.split(pair[0])[0] >= hi)]
        items, resume = versions.fold_scan(
            iter(stream[::-1] if reverse else stream), lo, hi, state, SPACE, limit, fold, reverse
        )
        found += items
        if resume is None:
            break
        lo, hi = (lo, resume) if reverse else (resume, hi)
    assert found == expected


@pytest.mark.parametrize("versions", TWINS)
@given(chains, st.integers(0, 31), prefix_free)
def test_a_seek_reads_the_value_of_its_state(versions, chains, state, key):
    pairs = physical_pairs(chains)

    def fold_chain(space, key, physical):
        assert space == SPACE
        return plain_value(chains[key], state)

    for sought in [*chains, key]:
        item = next((pair for pair in pairs if pair[0] >= sought + versions.suffix(state)), None)
        expected = plain_value(chains.get(sought, {}), state)
        assert versions.read_version(SPACE, sought, item, fold_chain) == expected
        assert versions.read_versions(SPACE, [sought], [item], fold_chain) == [expected]


@pytest.mark.parametrize("versions", TWINS)
@given(chains, st.integers(0, 31), st.lists(prefix_free, max_size=3))
def test_a_run_reads_what_seeking_each_key_would(versions, chains, state, others):
    pairs = physical_pairs(chains)
    keys = sorted([*chains, *others, *others])
    expected = [plain_value(chains.get(key, {}), state) for key in keys]
    found = versions.read_run(
        SPACE,
        keys,
        state,
        lambda physical: iter([pair for pair in pairs if pair[0] >= physical]),
        lambda space, key, physical: plain_value(chains[key], state),
    )
    assert found == expected


@pytest.mark.parametrize("versions", TWINS)
def test_a_run_seeks_where_many_entries_lie_between_two_keys(versions):
    keys = [encode_uint(number) for number in range(1000)]
    pairs = sorted(versions.seal(key, 1, versions.FULL, key, SPACE) for key in keys)
    looked = []

    def scan(physical):
        for pair in pairs:
            if pair[0] >= physical:
                looked.append(pair)
                yield pair

    wanted = [keys[number] for number in (3, 4, 500, 999)]
    assert versions.read_run(SPACE, wanted, 1, scan) == wanted
    assert len(looked) < 100
    assert versions.read_run(SPACE, wanted, 0, scan) == [None] * 4


@pytest.mark.parametrize("versions", TWINS)
def test_a_run_over_damaged_keys_ends(versions):
    pairs = [(b"\xff" * 9 + bytes([number]), b"12345") for number in range(100)]
    with pytest.raises(CorruptRecordError):
        versions.read_run(SPACE, [b"a", b"b"], 1, lambda physical: iter(pairs))


@pytest.mark.parametrize("versions", TWINS)
def test_a_delta_where_none_can_be_is_damage(versions):
    item = versions.seal(b"k", 1, versions.DELTA, b"v", SPACE)
    with pytest.raises(CorruptRecordError, match="delta"):
        versions.read_version(SPACE, b"k", item)
    with pytest.raises(CorruptRecordError, match="delta"):
        versions.fold_scan([item], b"", None, 1, SPACE, 10)


@pytest.mark.parametrize("versions", TWINS)
@given(st.dictionaries(st.binary(max_size=3), st.binary(max_size=4)), st.booleans(), st.integers(1, 3))
def test_a_scan_without_versions_gives_all_in_parts(versions, data, reverse, limit):
    pairs = [(key, versions.seal_head(key, value, SPACE)) for key, value in sorted(data.items())]
    found, lo, hi = [], b"", None
    while True:
        stream = [pair for pair in pairs if pair[0] >= lo and (hi is None or pair[0] < hi)]
        items, resume = versions.open_scan(stream[::-1] if reverse else stream, lo, hi, SPACE, limit, reverse)
        found += items
        if resume is None:
            break
        lo, hi = (lo, resume) if reverse else (resume, hi)
    assert found == sorted(data.items(), reverse=reverse)


@pytest.mark.parametrize("versions", TWINS)
@given(st.dictionaries(st.binary(max_size=6), st.none() | st.binary(max_size=6), max_size=6))
def test_heads_are_sealed_in_key_order_without_those_that_go(versions, items):
    expected = [
        (key, versions.seal_head(key, value, SPACE)) for key, value in sorted(items.items()) if value is not None
    ]
    sealed = versions.seal_heads(items, SPACE)
    assert list(sealed) == expected
    assert list(sealed[1:]) == expected[1:]
    assert sealed.sorted_keys == [key for key, _ in expected]


counters = st.integers(-(2**62), 2**62 - 1) | st.integers(-300, 300)


@pytest.mark.parametrize("versions", TWINS)
@given(st.lists(st.tuples(st.none() | counters, st.integers(-(2**40), 2**40)), max_size=8))
def test_counters_add_up_as_the_storage_reads_them(versions, pairs):
    names = [bytes([position]) for position in range(len(pairs))]
    stored = [
        None if not before else versions.seal_head(name, counter_bytes(before), SPACE)
        for name, (before, _) in zip(names, pairs, strict=True)
    ]
    changes = [change for _, change in pairs]
    totals = {name: (before or 0) + change for name, (before, change) in zip(names, pairs, strict=True)}
    if any(not -(2**62) <= total < 2**62 for total in totals.values()):
        with pytest.raises(OverflowError):
            versions.add_counters(names, stored, changes, SPACE)
        return
    found = versions.add_counters(names, stored, changes, SPACE)
    assert found == {name: counter_bytes(totals[name]) for name, change in zip(names, changes, strict=True) if change}


@pytest.mark.parametrize("versions", TWINS)
def test_damaged_counters_are_refused(versions):
    for value in (b"", b"\x80", b"\xff" * 9):
        with pytest.raises(CorruptRecordError, match=r"0x6b.*no counter"):
            versions.add_counters([b"k"], [versions.seal_head(b"k", value, SPACE)], [1], SPACE)
    with pytest.raises(CorruptRecordError, match="checksum"):
        versions.add_counters([b"k"], [versions.seal_head(b"other", b"\x02", SPACE)], [1], SPACE)
    with pytest.raises(ValueError, match="each key"):
        versions.add_counters([b"k"], [], [1], SPACE)

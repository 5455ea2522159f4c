from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import CorruptRecordError
from perdure.kernel import versions as chosen
from perdure.kernel._pure import versions as pure
from perdure.kernel.keys import encode_uint

TWINS = [pytest.param(chosen, id="chosen"), pytest.param(pure, id="pure")]


@pytest.mark.parametrize("versions", TWINS)
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 40), max_size=40))
def test_runs_name_exactly_the_ids(versions, ids):
    keys = sorted(encode_uint(number) + tail for number in ids for tail in (b"", b"x", b"\xff\xff"))
    numbers = decode_varints(versions.encode_runs(keys))
    runs, end = [], 0
    for gap, count in zip(numbers[1::2], numbers[2::2], strict=True):
        runs.append((end + gap, count))
        end += gap + count
    assert numbers[0] == len(runs)
    data = b"before" + versions.encode_runs(keys)
    assert versions.decode_runs(data + b"\x01after", 6) == (runs, len(data))
    assert [number for first, count in runs for number in range(first, first + count)] == sorted(set(ids))
    assert all(run[0] + run[1] < following[0] for run, following in pairwise(runs))


@pytest.mark.parametrize("versions", TWINS)
@given(st.binary(max_size=24) | st.lists(st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF]), max_size=34).map(bytes))
def test_any_bytes_are_runs_or_damage(versions, data):
    found = [_runs_or_damage(twin, data) for twin in (versions, pure)]
    assert found[0] == found[1]


@pytest.mark.parametrize("versions", TWINS)
def test_runs_that_are_cut_short_or_lead_beyond_all_ids_are_damage(versions):
    whole = versions.encode_runs([encode_uint(number) for number in (3, 2**40, 2**64 - 1)])
    assert versions.decode_runs(whole, 0) == ([(3, 1), (2**40, 1), (2**64 - 1, 1)], len(whole))
    for size in range(len(whole)):
        with pytest.raises(CorruptRecordError):
            versions.decode_runs(whole[:size], 0)
    with pytest.raises(CorruptRecordError, match="too large"):
        versions.decode_runs(whole[:-1] + b"\x02", 0)
    with pytest.raises(CorruptRecordError):
        versions.decode_runs(whole, len(whole))
    with pytest.raises(ValueError):
        versions.decode_runs(whole, -1)


def _runs_or_damage(versions, data):
    try:
        return versions.decode_runs(data, 0)
    except CorruptRecordError:
        return "damage"


def decode_varints(data):
    numbers, number, shift = [], 0, 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    return numbers


@pytest.mark.parametrize("versions", TWINS)
@pytest.mark.parametrize("bad", [b"", b"\x80", b"\xf8\x00", b"\xfc" + b"\0" * 9])
def test_keys_without_an_id_make_no_runs(versions, bad):
    with pytest.raises(ValueError, match="object id"):
        versions.encode_runs([bad])

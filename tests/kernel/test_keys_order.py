"""Byte order is value order, and equal dictionary keys are one key."""

import itertools
import math
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kernel_values import (
    TWINS,
    aware_datetimes,
    binaries,
    exact,
    floats,
    hashable,
    integers,
    is_nan,
    key_values,
    numbers,
    texts,
    times,
    twin,
    uint64s,
)

from perdure.kernel._keyparts import EnumKey, ObjectId


@pytest.fixture(params=TWINS, scope="module")
def keys(request):
    return twin(request.param, "keys")


def order(left, right):
    return (left > right) - (left < right)


def compiled(value):
    return twin("compiled", "keys").encode_one(value)


@given(left=numbers, right=numbers)
def test_numbers_of_all_types_are_in_numeric_order(left, right):
    assume(not is_nan(left) and not is_nan(right))
    expected = order(left, right)
    if expected:
        assert order(compiled(left), compiled(right)) == expected


@given(value=integers, step=st.integers(-3, 3), data=st.data())
def test_close_numbers_of_different_types_are_in_numeric_order(value, step, data):
    near = [
        value + step,
        Decimal(value + step),
        Decimal(value) + Decimal("0.5"),
        Decimal(f"{value}.{abs(step)}"),
    ]
    if abs(value) < 10**300:
        near += [float(value), math.nextafter(float(value), math.inf), math.nextafter(float(value), 0.0)]
        near += [Decimal(float(value)), Decimal(math.nextafter(float(value), -math.inf))]
    left, right = data.draw(st.sampled_from(near)), data.draw(st.sampled_from(near))
    if left != right:
        assert order(compiled(left), compiled(right)) == order(left, right)


@given(value=floats, places=st.integers(0, 40))
def test_a_float_and_its_rounded_decimals_are_in_numeric_order(value, places):
    assume(math.isfinite(value))
    rounded = Decimal(f"{value:.{places}f}")
    if rounded != value:
        assert order(compiled(rounded), compiled(value)) == order(rounded, value)


def decimals_of(text):
    return [Decimal(number) for number in text.split()]


EDGES = [
    *(False, True, 0, 1, 2, -1, -2, 15, 16, 2063, 2064, 131_071, 131_072, 133_135, 133_136, 133_137),
    *(
        sign * (2**power + step)
        for power in (23, 31, 32, 53, 62, 63, 64, 65, 1024)
        for step in (-1, 0, 1)
        for sign in (1, -1)
    ),
    *(10**400, 10**400 + 1, -(10**400)),
    *(0.0, -0.0, 0.5, 1.0, 1.5, -0.5, -1.0, -1.5, 5e-324, -5e-324, 2.2250738585072014e-308, 1e300, -1e300),
    *(1.7976931348623157e308, -1.7976931348623157e308, math.inf, -math.inf, 0.1, 0.3),
    *(float(2**53), float(2**63), float(2**64), math.nextafter(2.0**63, 0), math.nextafter(2.0**64, 0)),
    *decimals_of("0 -0 0E5 0E-5 0E+21 -0E+999999999 0.1 0.10 0.5 1 1.0 1E1"),
    *decimals_of("10 1E-400 -1E-400 1E+400 19.99 -19.99 1E+30"),
    *decimals_of("9007199254740993 9007199254740992.5 9223372036854775807.5 18446744073709551615.5"),
    *decimals_of("18446744073709551616.0 1.8E+308 Infinity -Infinity 0.99999999999999999999 4.9E-324 5E-324"),
    *map(Decimal, (0.1, 0.3, 2**64, 2**64 + 1, 10**400)),
]


def test_every_pair_of_edge_numbers_is_ordered_prefix_free_and_canonical(keys):
    encoded = [keys.encode_one(value) for value in EDGES]
    canonical = [keys.encode_one(keys.canonical(value)) for value in EDGES]
    for one, two in itertools.combinations(range(len(EDGES)), 2):
        left, right = EDGES[one], EDGES[two]
        if left != right:
            assert order(encoded[one], encoded[two]) == order(left, right), (left, right)
        if exact(left) != exact(right):
            assert not encoded[one].startswith(encoded[two]) and not encoded[two].startswith(encoded[one])
        assert (canonical[one] == canonical[two]) == (left == right), (left, right)


def test_equal_numbers_of_different_types_are_neighbours(keys):
    ordered = [0.5, 1, True, 1.0, Decimal(1), Decimal("1.0"), 1.5, 2]
    backward = ordered[::-1]
    assert [type(value) for value in sorted(backward, key=keys.encode_one)] == [type(v) for v in ordered]


def test_decimals_beyond_all_floats_are_in_order(keys):
    ordered = decimals_of("-1E+999999999 -1E+400 -1 -1E-400 -1E-999999999 0")
    ordered += decimals_of("1E-999999999 1E-999999998 1E-400 1E+400 9E+999999999")
    backward = ordered[::-1]
    assert sorted(backward, key=keys.encode_one) == ordered


def test_not_a_number_comes_before_all_numbers(keys):
    smallest = keys.encode_one(-math.inf)
    assert keys.encode_one(None) < keys.encode_one(math.nan) < keys.encode_one(Decimal("NaN")) < smallest


@given(left=texts, right=texts)
def test_text_is_in_code_point_order(left, right):
    assert order(compiled(left), compiled(right)) == order(left, right)


@given(left=binaries, right=binaries)
def test_bytes_are_in_byte_order(left, right):
    assert order(compiled(left), compiled(right)) == order(left, right)


@given(left=st.datetimes(), right=st.datetimes())
def test_naive_datetimes_are_in_order(left, right):
    assert order(compiled(left), compiled(right)) == order(left, right)


def instant(value):
    return value.replace(tzinfo=None) - datetime.min - value.utcoffset()


@given(left=aware_datetimes, right=aware_datetimes)
def test_aware_datetimes_are_in_the_order_of_their_instants_then_offsets(left, right):
    expected = order((instant(left), left.utcoffset()), (instant(right), right.utcoffset()))
    if expected:
        assert order(compiled(left), compiled(right)) == expected


@given(left=st.timedeltas() | st.dates() | st.uuids(), right=st.timedeltas() | st.dates() | st.uuids())
def test_dates_spans_and_uuids_are_in_order(left, right):
    if type(left) is type(right):
        assert order(compiled(left), compiled(right)) == order(left, right)


def of_day(value):
    return datetime.combine(datetime.min, value.replace(tzinfo=None)) - datetime.min


@given(left=times, right=times)
def test_times_are_in_order(left, right):
    if left.tzinfo is None and right.tzinfo is None and left != right:
        assert order(compiled(left), compiled(right)) == order(left, right)
    if left.utcoffset() is not None and right.utcoffset() is not None:
        one, two = ((of_day(value) - value.utcoffset(), value.utcoffset()) for value in (left, right))
        assert order(one, two) in (0, order(compiled(left), compiled(right)))


@given(left=st.tuples(uint64s, uint64s), right=st.tuples(uint64s, uint64s))
def test_enum_members_and_object_ids_are_in_order(left, right):
    assert order(compiled(EnumKey(*left)), compiled(EnumKey(*right))) == order(left, right)
    assert order(compiled(ObjectId(left[0])), compiled(ObjectId(right[0]))) == order(left[0], right[0])


one_type = st.sampled_from([texts, binaries, integers, st.dates(), uint64s.map(ObjectId)])


@given(left=st.data(), sizes=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_tuples_are_in_order_item_by_item_shorter_first(left, sizes):
    kinds = left.draw(st.lists(one_type, min_size=3, max_size=3))
    first = tuple(left.draw(kind) for kind in kinds[: sizes[0]])
    second = tuple(left.draw(kind) for kind in kinds[: sizes[1]])
    assert order(compiled(first), compiled(second)) == order(first, second)
    keys = twin("compiled", "keys")
    assert order(keys.encode(first), keys.encode(second)) == order(first, second)


KINDS = [
    None,
    math.nan,
    5,
    1j,
    "a",
    b"a",
    datetime(2024, 1, 1).date(),
    datetime(2024, 1, 1),
    datetime(2024, 1, 1, tzinfo=UTC),
    time(1),
    time(1, tzinfo=UTC),
    timedelta(1),
    UUID(int=5),
    EnumKey(1, 2),
    ObjectId(5),
    (5,),
]


def test_kinds_are_in_the_documented_order(keys):
    encoded = [keys.encode_one(value) for value in KINDS]
    assert encoded == sorted(encoded)


@given(left=key_values, right=key_values)
def test_no_key_starts_with_another_and_different_values_differ(left, right):
    if exact(left) == exact(right):
        assert compiled(left) == compiled(right)
    else:
        assert not compiled(left).startswith(compiled(right)) and not compiled(right).startswith(
            compiled(left)
        )


@given(left=key_values, right=key_values)
def test_canonical_agrees_with_equality_of_dictionary_keys(left, right):
    # An object id is an int to Python, but stands for an object: a key of its own.
    assume(hashable(left) and hashable(right) and "ObjectId" not in repr((left, right)))
    for name in TWINS:
        keys = twin(name, "keys")
        one, two = keys.canonical(left), keys.canonical(right)
        assert (len({left, right}) == 1) == (len({one, two}) == 1)
        if len({left, right}) == 1 and left == left:
            assert keys.encode_one(one) == keys.encode_one(two)


@given(value=key_values)
def test_canonical_equals_its_value_and_stands_still(value):
    assume(hashable(value) and "nan" not in repr(value).lower())
    for name in TWINS:
        keys = twin(name, "keys")
        again = keys.canonical(value)
        assert again == value and hash(again) == hash(value)
        assert exact(keys.canonical(again)) == exact(again)


BERLIN = ZoneInfo("Europe/Berlin")
EAST, WEST = timezone(timedelta(hours=5)), timezone(-timedelta(hours=5))
EQUAL = [
    [1, True, 1.0, Decimal("1.00"), complex(1, 0)],
    [0, -0.0, False, Decimal("-0E+7"), complex(-0.0, -0.0)],
    [0.5, Decimal("0.50"), complex(0.5, -0.0)],
    [10**30, Decimal("1E+30"), Decimal("1000E+27")],
    [1e300, int(1e300), Decimal.from_float(1e300)],
    [Decimal("1.1"), Decimal("1.100")],
    [math.inf, Decimal("Infinity")],
    [complex(0.0, 1.0), complex(-0.0, 1.0)],
    [
        datetime(2024, 1, 1, 5, tzinfo=EAST),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2023, 12, 31, 19, tzinfo=WEST),
    ],
    [datetime(2024, 7, 1, 2, tzinfo=BERLIN), datetime(2024, 7, 1, tzinfo=UTC)],
    [datetime.min.replace(tzinfo=EAST), datetime.min.replace(hour=1, tzinfo=timezone(timedelta(hours=6)))],
    [datetime.max.replace(tzinfo=WEST), datetime.max.replace(hour=22, tzinfo=timezone(-timedelta(hours=6)))],
    [datetime(2024, 1, 1), datetime(2024, 1, 1, fold=1)],
    [datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN), datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN)],
    [time(6, tzinfo=EAST), time(1, tzinfo=UTC), time(1, fold=1, tzinfo=UTC)],
    [time(1, tzinfo=EAST), time(2, tzinfo=timezone(timedelta(hours=6)))],
    [time(1), time(1, fold=1), time(1, tzinfo=BERLIN)],
    [(1, (True, "a")), (1.0, (Decimal(1), "a"))],
]


@pytest.mark.parametrize("group", EQUAL, ids=range(len(EQUAL)))
def test_equal_dictionary_keys_become_one_key(keys, group):
    assert len(set(group)) == 1
    assert len({keys.encode_one(keys.canonical(value)) for value in group}) == 1


DIFFERENT = [
    (datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
    (datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
    (Decimal("0.1"), 0.1),
    (2**53 + 1, float(2**53)),
]


@pytest.mark.parametrize("one, two", DIFFERENT)
def test_unequal_dictionary_keys_stay_apart(keys, one, two):
    assert one != two
    assert keys.encode_one(keys.canonical(one)) != keys.encode_one(keys.canonical(two))

import copy
import pickle
import struct
from datetime import datetime, timedelta, tzinfo
from decimal import Context, Decimal, localcontext
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_values import TWINS, exact, key_values, twin, uint64s

from perdure.errors import CorruptRecordError


@pytest.fixture(params=TWINS, scope="module")
def keys(request):
    return twin(request.param, "keys")


class OwnZone(tzinfo):
    def utcoffset(self, moment):
        return timedelta(hours=1)


@pytest.mark.parametrize("name", TWINS)
@given(values=st.lists(key_values, max_size=4).map(tuple))
def test_every_key_comes_back_the_same_to_the_bit(name, values):
    keys = twin(name, "keys")
    assert exact(keys.decode(keys.encode(values))) == exact(values)


@given(values=st.lists(key_values, max_size=4).map(tuple))
def test_both_twins_write_the_same_key(values):
    compiled, pure = twin("compiled", "keys"), twin("pure", "keys")
    data = compiled.encode(values)
    assert pure.encode(values) == data
    assert exact(pure.decode(data)) == exact(compiled.decode(data))


@pytest.mark.parametrize("name", TWINS)
@given(value=key_values, rest=st.binary(max_size=8))
def test_one_value_is_its_tuple_and_knows_its_end(name, value, rest):
    keys = twin(name, "keys")
    data = keys.encode_one(value)
    assert data == keys.encode((value,))
    found, end = keys.decode_one(data + rest)
    assert exact(found) == exact(value) and end == len(data)
    found, end = keys.decode_one(b"\xff\xff" + data + rest, 2)
    assert exact(found) == exact(value) and end == len(data) + 2


@pytest.mark.parametrize(
    "value, size",
    [
        (0, 1),
        (15, 1),
        (-15, 1),
        (16, 2),
        (2063, 2),
        (2064, 3),
        (65535, 3),
        (-65535, 3),
        (True, 2),
        (1.0, 2),
        (0.1, 10),
    ],
)
def test_small_numbers_are_short(keys, value, size):
    assert len(keys.encode_one(value)) == size


def test_text_and_ids_cost_little_more_than_themselves(keys):
    assert len(keys.encode_one("hello")) == 7
    assert len(keys.encode_one(keys.ObjectId(2_000_000))) == 4
    assert len(keys.encode_one(keys.EnumKey(3, 4))) == 3


def test_an_object_id_stays_apart_from_the_int_it_equals(keys):
    assert keys.ObjectId(5) == 5
    assert keys.encode_one(keys.ObjectId(5)) != keys.encode_one(5)
    assert type(keys.decode(keys.encode_one(keys.ObjectId(5)))[0]) is keys.ObjectId
    assert repr(keys.ObjectId(5)) == "ObjectId(5)"


def test_an_enum_key_is_a_value(keys):
    member = keys.EnumKey(3, 4)
    assert member == keys.EnumKey(type_id=3, index=4) and hash(member) == hash(keys.EnumKey(3, 4))
    assert member != keys.EnumKey(3, 5) and member != (3, 4)
    assert repr(member) == "EnumKey(type_id=3, index=4)"
    assert copy.copy(member) == pickle.loads(pickle.dumps(member)) == member


def test_both_twins_share_the_value_classes():
    compiled, pure = twin("compiled", "keys"), twin("pure", "keys")
    assert compiled.EnumKey is pure.EnumKey and compiled.ObjectId is pure.ObjectId


def own(base, *arguments):
    return type("Own", (base,), {})(*arguments)


@pytest.mark.parametrize(
    "value",
    [
        [1],
        {1: 2},
        {1},
        frozenset({1}),
        bytearray(b"a"),
        object(),
        range(3),
        Ellipsis,
        own(int, 1),
        own(str, "a"),
        own(float, 1.5),
        own(bytes, b"a"),
        own(tuple, (1,)),
        own(UUID, "0" * 32),
        own(Decimal, 1),
        own(datetime, 2024, 1, 1),
        datetime(2024, 1, 1, tzinfo=OwnZone()),
    ],
    ids=range(17),
)
def test_other_types_are_refused_by_name(keys, value):
    with pytest.raises(
        TypeError, match=r"(list|dict|set|bytearray|object|range|ellipsis|Own).* cannot be part of a key"
    ):
        keys.encode_one((1, value))


@pytest.mark.parametrize("make", ["ObjectId", "EnumKey"])
@pytest.mark.parametrize("number", [-1, 2**64])
def test_ids_out_of_range_are_refused(keys, make, number):
    value = keys.ObjectId(number) if make == "ObjectId" else keys.EnumKey(1, number)
    with pytest.raises(OverflowError):
        keys.encode_one(value)


def test_numbers_of_more_digits_than_the_limit_are_refused(keys):
    for value in (10**100_001, -(10**100_001), Decimal("1." + "0" * 100_001)):
        with pytest.raises(ValueError, match="at most 100000 digits"):
            keys.encode_one(value)
    longest = 10**99_000 + 1
    assert keys.decode(keys.encode_one(longest)) == (longest,)


def test_tuples_nested_beyond_the_limit_are_refused(keys):
    value = ()
    for _ in range(199):
        value = (value,)
    assert keys.decode(keys.encode_one(value)) == (value,)
    for _ in range(5000):
        value = (value,)
    with pytest.raises(ValueError, match="more than 200 deep"):
        keys.encode_one(value)
    with pytest.raises(ValueError, match="more than 200 deep"):
        keys.canonical(value)


def test_decimals_do_not_depend_on_the_context(keys):
    value = Decimal("-1.2340000000000000000000000000000000000001E+2000")
    with localcontext(Context(prec=3, capitals=0, Emax=5, Emin=-5)):
        data = keys.encode_one(value)
        (again,) = keys.decode(data)
        nan = keys.decode(keys.encode_one(Decimal("-sNaN12")))[0]
    assert str(again) == str(value) and str(nan) == "-sNaN12"
    assert keys.encode_one(value) == data


@pytest.mark.parametrize("name", TWINS)
@given(n=uint64s, rest=st.binary(max_size=4))
def test_unsigned_integers_come_back(name, n, rest):
    keys = twin(name, "keys")
    data = keys.encode_uint(n)
    assert keys.decode_uint(data + rest) == (n, len(data))
    assert keys.decode_uint(rest + data, len(rest)) == (n, len(rest) + len(data))


@given(n=uint64s, other=uint64s)
def test_unsigned_integers_are_ordered_prefix_free_and_the_same_in_both_twins(n, other):
    compiled, pure = twin("compiled", "keys"), twin("pure", "keys")
    left, right = compiled.encode_uint(n), compiled.encode_uint(other)
    assert (left < right) == (n < other)
    assert n == other or not right.startswith(left)
    assert left == pure.encode_uint(n)


@pytest.mark.parametrize(
    "n, size",
    [
        (0, 1),
        (127, 1),
        (128, 2),
        (16511, 2),
        (16512, 3),
        (2113663, 3),
        (2113664, 4),
        (270549119, 4),
        (270549120, 5),
        (34630287487, 5),
        (34630287488, 6),
        (2**40, 7),
        (2**48, 8),
        (2**64 - 1, 9),
    ],
)
def test_unsigned_integers_have_their_documented_sizes(keys, n, size):
    assert len(keys.encode_uint(n)) == size
    assert keys.decode_uint(keys.encode_uint(n)) == (n, size)


@pytest.mark.parametrize("n", [-1, 2**64])
def test_unsigned_integers_out_of_range_are_refused(keys, n):
    with pytest.raises(OverflowError):
        keys.encode_uint(n)


@pytest.mark.parametrize("call", ["decode", "decode_one", "decode_uint"])
@pytest.mark.parametrize("data", [None, "text", bytearray(b"\x10"), memoryview(b"\x10")])
def test_only_bytes_are_decoded(keys, call, data):
    with pytest.raises(TypeError):
        getattr(keys, call)(data)


@pytest.mark.parametrize("position", [-1, 2])
def test_positions_outside_the_key_are_reported(keys, position):
    for call in (keys.decode_one, keys.decode_uint):
        with pytest.raises(CorruptRecordError):
            call(b"\x10", position)


@pytest.mark.parametrize("values", [None, [1], "a", 5])
def test_encode_takes_a_tuple(keys, values):
    with pytest.raises(TypeError):
        keys.encode(values)


def test_short_keys_stay_the_same_object(keys):
    key = b"x" * 48
    assert keys.shorten(key, 64) is key


@given(
    left=st.binary(min_size=30, max_size=90),
    right=st.binary(min_size=30, max_size=90),
    common=st.binary(max_size=60),
)
def test_long_keys_are_cut_in_order_and_stay_distinct(left, right, common):
    for name in TWINS:
        keys = twin(name, "keys")
        one, two = keys.encode_one(common + left), keys.encode_one(common + right)
        short_one, short_two = keys.shorten(one, 64), keys.shorten(two, 64)
        assert len(short_one) <= 64
        if one[:48] != two[:48]:
            assert (short_one < short_two) == (one < two)
        if one != two:
            assert short_one != short_two
            assert not short_one.startswith(short_two) and not short_two.startswith(short_one)


def test_a_limit_with_no_room_for_order_is_refused(keys):
    with pytest.raises(ValueError, match="at least 32"):
        keys.shorten(b"x" * 100, 31)


def test_both_twins_shorten_alike():
    assert twin("compiled", "keys").shorten(b"x" * 100, 40) == twin("pure", "keys").shorten(b"x" * 100, 40)


def test_not_a_number_keeps_its_bits(keys):
    for bits in (0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001):
        value = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
        assert struct.pack(">d", keys.decode(keys.encode_one(value))[0]) == bits.to_bytes(8, "big")

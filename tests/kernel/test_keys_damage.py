"""Bytes that no encoder wrote: each is the one key of its values or a CorruptRecordError."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_values import TWINS, exact, key_values, twin

from perdure.errors import CorruptRecordError


@pytest.fixture(params=TWINS, scope="module")
def keys(request):
    return twin(request.param, "keys")


def outcome(keys, data):
    try:
        values = keys.decode(data)
    except CorruptRecordError:
        return "damaged"
    return exact(values)


def big(value):
    return struct.pack(">d", value).hex()


def fraction(value):
    raw = struct.pack(">d", value)
    return bytes([raw[0] + 8]).hex() + raw[1:].hex()


DAMAGED = {
    "unknown kind": "05",
    "end without a tuple": "00",
    "last kind": "ff",
    "gap between the signs": "7f",
    "text without an end": "c461",
    "text with an escape cut short": "c40100",
    "text with an unknown escape": "c4010300",
    "text that is not UTF-8": "c4c32800",
    "bytes without an end": "c861",
    "tuple without an end": "e482",
    "tuple nested too deep": "e4" * 201 + "00" * 201,
    "tuple nested far too deep": "e4" * 1_000_000,
    "uuid cut short": "d8" + "00" * 15,
    "object id with a lead that does not exist": "e0fc",
    "object id cut short": "e0c000",
    "object id not in its only form": "e0f80000000000",
    "object id not in its only form, longest": "e0fb00ffffffffffffff",
    "enum member without an index": "dc05",
    "number cut short": "a2",
    "number longer than needed": "b6000001",
    "negative zero as int": "7d",
    "number that is nothing": "8300",
    "number that is an int twice": "8301",
    "true as 2": "8702",
    "negative true": "7cfd",
    "fraction cut short": "83" + fraction(0.5),
    "fraction that is whole": "85" + fraction(2.0) + "03",
    "fraction of another whole part": "83" + fraction(1.5) + "03",
    "fraction beyond the floats": "8378ffffffffffffff03",
    "decimal exponent that does not fit": "850402",
    "decimal of a billion digits": "8504f077359400",
    "decimal digits cut short": "83" + fraction(0.1) + "08",
    "decimal digits that are none": "83" + fraction(0.1) + "0801" + "ff",
    "decimal digits of another number": "83" + fraction(0.1) + "08" + "00" + "ff" + "1500" + "0401",
    "big float below 2**64": "bd" + big(5.0) + "03",
    "big float that is infinite": "bd" + big(float("inf")) + "03",
    "big float that is no number": "bd" + big(float("nan")) + "03",
    "big decimal that is no number": "bd" + big(float("nan")) + "0400",
    "big negative float": "bd" + big(-1e300) + "03",
    "big int of a billion digits": "bd" + big(1.7976931348623157e308) + "08" + "01f039000000" + "0b00" + "01",
    "infinity of an unknown type": "be09",
    "nan of an unknown type": "2009",
    "nan that is a number": "2003" + big(1.0),
    "decimal nan that is a number": "20043100",
    "decimal nan without an end": "20044e614e",
    "decimal nan that is not decimal": "2004ff00",
    "date of month 0": "cc" + (2024 << 9 | 1).to_bytes(3, "big").hex(),
    "datetime of minute 60": "ce0fd021" + (60 << 27).to_bytes(5, "big").hex(),
    "time of hour 24": "d2" + (24 << 33).to_bytes(5, "big").hex(),
    "aware time before midnight": "d4" + "00" * 8 + (86_400_000_000).to_bytes(5, "big").hex() + "00",
    "aware datetime beyond year 9999": "d0" + "7f" * 8 + (86_400_000_000).to_bytes(5, "big").hex() + "00",
    "aware datetime with an offset of a day": "d000" + "ff" * 7 + "00" * 5 + "00",
    "aware datetime of an unknown zone": "d000"
    + "10" * 7
    + (86_400_000_000).to_bytes(5, "big").hex()
    + "040161",
    "aware datetime of an unknown zone kind": "d000"
    + "10" * 7
    + (86_400_000_000).to_bytes(5, "big").hex()
    + "06",
    "zone name that is not UTF-8": "d000" + "10" * 7 + (86_400_000_000).to_bytes(5, "big").hex() + "0201ff",
    "zone name cut short": "d000" + "10" * 7 + (86_400_000_000).to_bytes(5, "big").hex() + "0205",
    "time span of a day and more": "d6" + "00" * 4 + (86_400_000_000).to_bytes(5, "big").hex(),
    "time span too long": "d6" + "ffffffff" + "00" * 5,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_reported(keys, name):
    with pytest.raises(CorruptRecordError, match="damaged key at byte"):
        keys.decode(bytes.fromhex(DAMAGED[name]))


@given(data=st.binary(max_size=40))
def test_both_twins_agree_on_any_bytes(data):
    assert outcome(twin("compiled", "keys"), data) == outcome(twin("pure", "keys"), data)


@given(value=key_values, seed=st.integers(0, 2**32))
def test_both_twins_agree_on_damaged_keys(value, seed):
    compiled, pure = twin("compiled", "keys"), twin("pure", "keys")
    source = random.Random(seed)
    data = bytearray(compiled.encode_one(value))
    for _ in range(source.randint(1, 3)):
        index = source.randrange(len(data) + 1)
        data[index : index + source.randint(0, 2)] = bytes(
            source.randrange(256) for _ in range(source.randint(0, 2))
        )
    assert outcome(compiled, bytes(data)) == outcome(pure, bytes(data))


@given(value=key_values, seed=st.integers(0, 2**32))
def test_a_damaged_key_that_decodes_is_the_only_key_of_its_values(value, seed):
    keys = twin("compiled", "keys")
    source = random.Random(seed)
    data = bytearray(keys.encode_one(value))
    data[source.randrange(len(data))] = source.randrange(256)
    try:
        values = keys.decode(bytes(data))
    except CorruptRecordError:
        return
    if b"Europe" not in data and b"/" not in data and b"UTC" not in data:
        assert keys.encode(values) == data


@given(value=key_values)
def test_every_cut_of_a_key_is_reported(value):
    keys = twin("compiled", "keys")
    data = keys.encode_one(value)
    for end in range(len(data)):
        with pytest.raises(CorruptRecordError):
            keys.decode_one(data[:end])


@given(data=st.binary(max_size=12))
def test_both_twins_agree_on_unsigned_integers(data):
    answers = []
    for name in TWINS:
        keys = twin(name, "keys")
        try:
            answers.append(keys.decode_uint(data))
        except CorruptRecordError:
            answers.append(None)
    assert answers[0] == answers[1]
    if answers[0]:
        assert twin("compiled", "keys").encode_uint(answers[0][0]) == data[: answers[0][1]]

"""Bytes that no encoder wrote: each is a value or a CorruptRecordError, never anything else."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_values import TWINS, exact, twin, values

from perdure.errors import CorruptRecordError


@pytest.fixture(params=TWINS, scope="module")
def codec(request):
    return twin(request.param, "codec")


def outcome(codec, data):
    """What decoding gives: the exact value, or the word for damage."""
    try:
        return exact(codec.decode_value(data, lambda code, payload: (code, payload)))
    except CorruptRecordError:
        return "damaged"


def record_outcome(codec, data):
    try:
        shape_id, references, offset = codec.decode_header(data)
        fields = codec.decode_values(
            data, offset, list(range(len(references))), lambda code, payload: (code, payload)
        )
    except CorruptRecordError:
        return "damaged"
    assert codec.list_references(data) == references
    return shape_id, [(r.oid, r.class_id, r.weak) for r in references], exact(fields)


DAMAGED = {
    "nothing": "",
    "int cut short": "c900",
    "big int cut short": "d003ffff",
    "big int of an impossible length": "d0ffffffffffffffff7f",
    "text cut short": "45616263",
    "long text cut short": "d14061",
    "text that is not UTF-8": "42c328",
    "overlong UTF-8": "42c080",
    "surrogate in ordinary text": "43eda080",
    "surrogate text that is not UTF-8": "d202c328",
    "bytes cut short": "8401",
    "bytes of an impossible length": "d3ffffffffffffffffff01",
    "float cut short": "c300000000000000",
    "short float cut short": "c6000000",
    "complex cut short": "c4" + "00" * 15,
    "tuple cut short": "a200",
    "long tuple of an impossible count": "d5ffffffffffffffffff01",
    "list of an impossible count": "d68080808010",
    "dict of an impossible count": "d7020102",
    "dict without its last value": "d70101",
    "dict key not hashable": "d701d60001",
    "dict key not hashable inside a tuple": "d701a1d60001",
    "dict key twice": "d70201000101",
    "dict key twice in another type": "d7020100c201",
    "set member not hashable": "d801d600",
    "set member twice": "d8020101",
    "signalling NaN as set member": "d801da04734e614e",
    "decimal that is no number": "da03616263",
    "decimal with a space": "da022031",
    "decimal with an underscore": "da03315f30",
    "decimal in other digits": "da02d9a1",
    "decimal written otherwise": "da023031",
    "empty decimal": "da00",
    "decimal beyond every exponent": "da17" + b"1E+99999999999999999999".hex(),
    "date of month 0": "db" + (2024 << 9 | 0 << 5 | 1).to_bytes(3, "little").hex(),
    "date of 30 February": "db" + (2024 << 9 | 2 << 5 | 30).to_bytes(3, "little").hex(),
    "date of year 0": "db" + (0 << 9 | 2 << 5 | 3).to_bytes(3, "little").hex(),
    "date of year 10000": "db" + (10000 << 9 | 2 << 5 | 3).to_bytes(3, "little").hex(),
    "time of hour 31": "dc" + (31 << 35).to_bytes(5, "little").hex(),
    "time of minute 60": "dc" + (60 << 29).to_bytes(5, "little").hex(),
    "time of microsecond 1000000": "dc" + (1_000_000 << 3).to_bytes(5, "little").hex(),
    "zone with an offset of a day": "dc0100000000" + "8080f6ba870a",
    "zone that nobody knows": "dc0200000000" + "4141",
    "zone outside the directory": "dc0200000000" + f"{0x40 + 12:02x}" + b"../../passwd".hex(),
    "zone name that is no text": "dc020000000001",
    "zone name that is a time with a zone name": "dc0200000000" * 100_000,
    "time span too long": "de" + "80a8d6b907" + "0000",
    "time span with a second too many": "de00" + "80a305" + "00",
    "time span with a microsecond too many": "de0000" + "c0843d",
    "uuid cut short": "df" + "00" * 15,
    "range without a step": "e0000000",
    "range of texts": "e0404040",
    "range of ranges": "e0" * 100_000,
    "reference in a plain value": "c5",
    "unknown tags": "c7",
    "unknown tag": "e2",
    "last tag": "ff",
    "varint without an end": "d180",
    "varint of eleven bytes": "d1" + "80" * 10 + "01",
    "varint beyond 64 bits": "d1" + "ff" * 9 + "02",
    "varint with a needless byte": "d18100",
    "left over bytes": "0000",
    "nested too deep": "a1" * 201 + "00",
    "nested far too deep": "a1" * 1_000_000,
    "lists nested far too deep": "d601" * 500_000,
    "dicts nested far too deep": "d70100" * 300_000,
    "extensions nested far too deep": "e101" * 500_000,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_reported(codec, name):
    data = bytes.fromhex(DAMAGED[name])
    with pytest.raises(CorruptRecordError, match="damaged record at byte"):
        codec.decode_value(data, lambda code, payload: payload)


DAMAGED_RECORDS = {
    "nothing": "",
    "shape only": "05",
    "table cut short": "050102",
    "table of an impossible count": "05ffffffffffffffffff01",
    "class id cut short": "05010280",
    "fewer references than the table": "05010202",
    "more references than the table": "0500c5",
    "value cut short": "050041",
}


@pytest.mark.parametrize("name", DAMAGED_RECORDS)
def test_damaged_records_are_reported(codec, name):
    assert record_outcome(codec, bytes.fromhex(DAMAGED_RECORDS[name])) == "damaged"


@pytest.mark.parametrize("offset", [-1, 4, 2**40])
def test_an_offset_outside_the_record_is_reported(codec, offset):
    with pytest.raises(CorruptRecordError):
        codec.decode_values(b"\x00\x00\x00", offset, [], None)


def test_extensions_where_none_are_expected_are_reported(codec):
    with pytest.raises(CorruptRecordError, match="extension 7"):
        codec.decode_value(codec.encode_value(codec.Extension(7, None)))


def test_a_long_claim_of_items_takes_no_memory(codec):
    import tracemalloc

    data = b"\xd6\x80\x80\x04" * 150 + b"\x00" * 65_536
    tracemalloc.start()
    with pytest.raises(CorruptRecordError):
        codec.decode_value(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@given(data=st.binary(max_size=60))
def test_both_twins_agree_on_any_bytes(data):
    compiled, pure = twin("compiled", "codec"), twin("pure", "codec")
    assert outcome(compiled, data) == outcome(pure, data)
    assert record_outcome(compiled, data) == record_outcome(pure, data)


@given(value=values, seed=st.integers(0, 2**32))
def test_both_twins_agree_on_damaged_values(value, seed):
    compiled, pure = twin("compiled", "codec"), twin("pure", "codec")
    source = random.Random(seed)
    data = bytearray(compiled.encode_value(value))
    for _ in range(source.randint(1, 3)):
        index = source.randrange(len(data) + 1)
        match source.randrange(4):
            case 0:
                data[index:index] = bytes([source.randrange(256)])
            case 1:
                del data[index : index + source.randint(1, 4)]
            case 2:
                data[index : index + 1] = bytes([source.randrange(256)])
            case 3:
                data[index:index] = data[source.randrange(len(data) + 1) :][:5]
        if not data:
            break
    assert outcome(compiled, bytes(data)) == outcome(pure, bytes(data))


@given(value=values)
def test_every_cut_of_a_value_is_reported(value):
    compiled = twin("compiled", "codec")
    data = compiled.encode_value(value)
    for end in range(0, len(data), max(1, len(data) // 40)):
        assert outcome(compiled, data[:end]) == "damaged"


@given(data=st.binary(max_size=60))
def test_whatever_decodes_encodes_to_a_fixed_point(data):
    codec = twin("compiled", "codec")
    try:
        value = codec.decode_value(data)
    except CorruptRecordError:
        return
    again = codec.encode_value(value)
    assert codec.encode_value(codec.decode_value(again)) == again

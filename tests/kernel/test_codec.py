import copy
import pickle
import sys
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Context, Decimal, localcontext
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_values import TWINS, exact, twin, uint64s, values

from perdure.errors import CorruptRecordError


@pytest.fixture(params=TWINS, scope="module")
def codec(request):
    return twin(request.param, "codec")


class Box:
    """A value that no codec knows."""

    def __init__(self, content):
        self.content = content


class OwnZone(tzinfo):
    def utcoffset(self, moment):
        return timedelta(hours=1)


def refuse(value):
    raise AssertionError(f"{value!r} went to refer")


@pytest.mark.parametrize("name", TWINS)
@given(value=values)
def test_every_value_comes_back_the_same_to_the_bit(name, value):
    codec = twin(name, "codec")
    assert exact(codec.decode_value(codec.encode_value(value))) == exact(value)


@given(value=values)
def test_both_twins_write_the_same_bytes(value):
    compiled, pure = twin("compiled", "codec"), twin("pure", "codec")
    data = compiled.encode_value(value)
    assert pure.encode_value(value) == data
    assert exact(pure.decode_value(data)) == exact(compiled.decode_value(data))


@pytest.mark.parametrize("name", TWINS)
@given(
    shape_id=uint64s,
    fields=st.lists(values, max_size=5),
    table=st.lists(st.tuples(uint64s, st.integers(0, 2**63 - 1), st.booleans()), max_size=6),
)
def test_a_record_gives_back_its_shape_references_and_values(name, shape_id, fields, table):
    codec = twin(name, "codec")
    references = [codec.Reference(*entry) for entry in table]
    boxes = [Box(reference) for reference in references]
    stored = [*fields, boxes, {"inside": tuple(boxes)}]
    data = codec.encode_record(shape_id, stored, lambda box: box.content)
    expected = references + references
    assert codec.list_references(data) == expected
    assert codec.reference_count(data) == len(expected)
    found, listed, offset = codec.decode_header(data)
    assert (found, listed) == (shape_id, expected)
    objects = [object() for _ in expected]
    decoded = codec.decode_values(data, offset, objects, None)
    assert exact(decoded[:-2]) == exact(fields)
    assert decoded[-2] == objects[: len(boxes)]
    assert decoded[-1] == {"inside": tuple(objects[len(boxes) :])}


@given(
    table=st.lists(st.tuples(uint64s, st.integers(0, 2**63 - 1), st.booleans()), max_size=6),
    fields=st.lists(values, max_size=3),
)
def test_both_twins_write_the_same_record(table, fields):
    made = []
    for name in TWINS:
        codec = twin(name, "codec")
        boxes = [Box(codec.Reference(*entry)) for entry in table]
        made.append(codec.encode_record(9, [*fields, boxes], lambda box: box.content))
    assert made[0] == made[1]


def test_a_reference_takes_one_byte_among_the_values(codec):
    data = codec.encode_record(1, [Box(codec.Reference(5, 3))] * 2, lambda box: box.content)
    assert data.hex() == "01020a060006c5c5"


def test_small_records_are_small(codec):
    assert len(codec.encode_record(3, [12, "abc", True], refuse)) == 2 + 1 + 4 + 1


def test_references_may_stand_in_payloads_and_as_values(codec):
    reference = codec.Reference(4, 5, True)
    data = codec.encode_record(
        0, [Box(1), reference], lambda box: codec.Extension(8, [reference, box.content])
    )
    _, references, offset = codec.decode_header(data)
    assert references == [reference, reference]
    assert codec.decode_values(data, offset, ["a", "b"], lambda code, payload: (code, payload)) == [
        (8, ["a", 1]),
        "b",
    ]


def test_an_error_of_refer_passes_through_and_leaves_the_codec_usable(codec):
    error = LookupError("no such thing")

    def refer(value):
        raise error

    with pytest.raises(LookupError) as caught:
        codec.encode_record(1, ["x" * 10_000, [Box(1)]], refer)
    assert caught.value is error
    assert codec.encode_record(1, [5], refer) == b"\x01\x00\x05"


def test_an_error_of_extend_passes_through(codec):
    data = codec.encode_record(1, [codec.Extension(1, None)], None)

    def extend(code, payload):
        raise KeyError(code)

    with pytest.raises(KeyError):
        codec.decode_values(data, 2, [], extend)


@pytest.mark.parametrize("answer", [None, 5, (1, 2, False)])
def test_refer_must_answer_a_reference_or_extension(codec, answer):
    with pytest.raises(TypeError, match="refer must return"):
        codec.encode_record(1, [Box(1)], lambda box: answer)


def test_foreign_values_without_refer_are_refused(codec):
    with pytest.raises(TypeError, match="Box cannot be stored"):
        codec.encode_value(Box(1))
    with pytest.raises(TypeError, match="encode a record"):
        codec.encode_value(codec.Reference(1, 2))


def subclass(base):
    return type("Own", (base,), {})


FOREIGN = [
    subclass(int)(5),
    subclass(str)("a"),
    subclass(float)(1.5),
    subclass(bytes)(b"a"),
    subclass(list)([1]),
    subclass(tuple)((1,)),
    subclass(dict)(a=1),
    subclass(set)({1}),
    subclass(frozenset)({1}),
    subclass(bytearray)(b"a"),
    subclass(complex)(1j),
    subclass(Decimal)(1),
    subclass(datetime)(2024, 1, 1),
    subclass(time)(1),
    subclass(timedelta)(1),
    datetime(2024, 1, 1, tzinfo=OwnZone()),
    time(1, tzinfo=OwnZone()),
    datetime(2024, 1, 1, tzinfo=subclass(ZoneInfo)("UTC")),
    object(),
    Ellipsis,
    len,
]


@pytest.mark.parametrize("value", FOREIGN, ids=range(len(FOREIGN)))
def test_only_exact_types_are_native(codec, value):
    asked = []

    def refer(found):
        asked.append(found)
        return codec.Extension(1, "stand-in")

    assert codec.decode_value(codec.encode_value(value, refer), lambda code, payload: payload) == "stand-in"
    assert asked == [value] and asked[0] is value


def test_a_zone_read_from_a_file_without_a_key_goes_to_refer(codec):
    import importlib.resources

    with (importlib.resources.files("tzdata") / "zoneinfo" / "Europe" / "Berlin").open("rb") as file:
        zone = ZoneInfo.from_file(file)
    with pytest.raises(TypeError, match="datetime cannot be stored"):
        codec.encode_value(datetime(2024, 1, 1, tzinfo=zone))


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {1: v}, lambda v: ((v,),)])
def test_nesting_beyond_the_limit_is_a_clear_error(codec, wrap):
    value = None
    for _ in range(5000):
        value = wrap(value)
    with pytest.raises(ValueError, match="more than 200 deep"):
        codec.encode_value(value)


def test_nesting_up_to_the_limit_works(codec):
    value = []
    for _ in range(codec.MAX_DEPTH - 1):
        value = [value]
    data = codec.encode_value(value)
    assert codec.decode_value(data) == value
    with pytest.raises(ValueError, match="deep"):
        codec.encode_value([value])
    with pytest.raises(CorruptRecordError, match="too deep"):
        codec.decode_value(codec.encode_value([])[:1] + b"\x01" + data)


def test_a_list_that_contains_itself_is_a_clear_error(codec):
    value = []
    value.append(value)
    with pytest.raises(ValueError, match="contain themselves"):
        codec.encode_value(value)


def test_extensions_count_as_nesting(codec):
    with pytest.raises(ValueError, match="deep"):
        codec.encode_value(Box(1), lambda box: codec.Extension(1, Box(1)))


def test_equal_sets_are_equal_bytes(codec):
    numbers = [str(n) for n in range(100)]
    forward, backward = set(), set()
    for number in numbers:
        forward.add(number)
    for number in reversed(numbers):
        backward.add(number)
    assert codec.encode_value(forward) == codec.encode_value(backward)


def test_equal_sets_of_references_are_equal_records(codec):
    references = [codec.Reference(n // 2, n % 2, n % 3 == 0) for n in range(20)]
    expected = sorted(references, key=lambda one: (one.oid, one.class_id, one.weak))
    records = set()
    for _ in range(5):
        boxes = [Box(reference) for reference in references]
        nested = frozenset((box, "text") for box in boxes)
        data = codec.encode_record(1, [Box(references[5]), {*boxes, 7, "a"}, nested], lambda box: box.content)
        assert codec.list_references(data) == [references[5], *expected, *expected]
        records.add(data)
    assert len(records) == 1


def test_a_sorted_set_still_gives_each_member_its_own_object(codec):
    boxes = [Box(codec.Reference(n, 1)) for n in (9, 3, 5)]
    names = {3: "three", 5: "five", 9: "nine"}
    members = {(box, f"of {names[box.content.oid]}") for box in boxes}
    data = codec.encode_record(1, [members, boxes[0]], lambda box: box.content)
    _, references, offset = codec.decode_header(data)
    found = codec.decode_values(data, offset, [names[one.oid] for one in references], None)
    assert found == [{(name, f"of {name}") for name in names.values()}, "nine"]


@pytest.mark.parametrize(
    "make", [lambda box: [box, 1, 2], lambda box: {box: 1, 2: 3}, lambda box: {box, 1, 2}]
)
def test_a_container_changed_by_refer_is_noticed(codec, make):
    box = Box(None)
    container = make(box)

    def refer(value):
        container.clear()
        return codec.Extension(1, None)

    with pytest.raises(RuntimeError, match="changed size"):
        codec.encode_value(container, refer)


def test_decimals_do_not_depend_on_the_context(codec):
    value = Decimal("-1.2340000000000000000000000000000000000001E+2000")
    with localcontext(Context(prec=3, capitals=0, Emax=5, Emin=-5)):
        data = codec.encode_value(value)
        again = codec.decode_value(data)
    assert str(again) == str(value)
    assert codec.encode_value(value) == data


def test_a_reference_is_a_value(codec):
    reference = codec.Reference(1, 2, True)
    assert reference == codec.Reference(oid=1, class_id=2, weak=True)
    assert reference != codec.Reference(1, 2, False) and reference != (1, 2, True)
    assert hash(reference) == hash(codec.Reference(1, 2, True))
    assert repr(reference) == "Reference(oid=1, class_id=2, weak=True)"
    assert (reference.oid, reference.class_id, reference.weak) == (1, 2, True)
    assert copy.copy(reference) == pickle.loads(pickle.dumps(reference)) == reference


def test_an_extension_is_a_value(codec):
    extension = codec.Extension(1, ["a"])
    assert extension == codec.Extension(code=1, payload=["a"])
    assert extension != codec.Extension(2, ["a"]) and extension != (1, ["a"])
    assert hash(codec.Extension(1, "a")) == hash(codec.Extension(1, "a"))
    assert repr(extension) == "Extension(code=1, payload=['a'])"
    assert pickle.loads(pickle.dumps(extension)) == extension


@pytest.mark.parametrize("oid, class_id", [(-1, 0), (2**64, 0), (0, -1), (0, 2**63)])
def test_ids_out_of_range_are_refused(codec, oid, class_id):
    with pytest.raises(OverflowError):
        codec.Reference(oid, class_id)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_shape_ids_and_codes_out_of_range_are_refused(codec, number):
    with pytest.raises(OverflowError):
        codec.encode_record(number, [], None)
    with pytest.raises(OverflowError):
        codec.Extension(number, None)


@pytest.mark.parametrize("call", ["decode_header", "list_references", "reference_count", "decode_value"])
@pytest.mark.parametrize("data", [None, "text", bytearray(b"\x00"), memoryview(b"\x00")])
def test_only_bytes_are_decoded(codec, call, data):
    with pytest.raises(TypeError):
        getattr(codec, call)(data)


def test_encoding_holds_no_memory_back(codec):
    marker = Box(1)
    before = sys.getrefcount(marker)
    for _ in range(50):
        with pytest.raises(TypeError):
            codec.encode_value([["x" * 1000, marker]])
        codec.decode_value(
            codec.encode_value(marker, lambda box: codec.Extension(1, b"x" * 5000)), lambda c, p: p
        )
    assert sys.getrefcount(marker) == before


def test_utc_comes_back_as_the_one_utc(codec):
    assert codec.decode_value(codec.encode_value(datetime(2024, 1, 1, tzinfo=UTC))).tzinfo is UTC

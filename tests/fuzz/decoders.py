"""Coverage-guided fuzzing of the kernel: `python tests/fuzz/decoders.py TARGET CORPUS [OPTION...]`.

TARGET is keys, values, records, graphs or differences; the options are libFuzzer's. Coverage is measured in the pure
twins, whose decisions are those of the compiled modules; every input goes through both, and their answers must agree.
A finding ends the run and leaves its input in a file.
"""

import collections
import itertools
import math
import sys
from decimal import Decimal
from pathlib import Path

import atheris

# First of all, since what is already imported cannot be instrumented.
with atheris.instrument_imports(include=["perdure.kernel"]):
    from perdure.kernel._pure import codec as pure_codec
    from perdure.kernel._pure import durable as pure_durable
    from perdure.kernel._pure import embedding as pure_embedding
    from perdure.kernel._pure import keys as pure_keys
    from perdure.kernel._pure import records as pure_records

import seeds

import graphs
import perdure.kernel.codec as compiled_codec
import perdure.kernel.durable as compiled_durable
import perdure.kernel.embedding as compiled_embedding
import perdure.kernel.keys as compiled_keys
import perdure.kernel.records as compiled_records
from perdure.errors import CorruptRecordError

DAMAGED = object()


def answer(decode, *arguments):
    """The decoded value, or DAMAGED; every other exception is a finding."""
    try:
        return decode(*arguments)
    except CorruptRecordError:
        return DAMAGED


def agree(data, found, expected, encoders):
    """Both twins refuse, or both find the same value; gives its bytes, or None where it was refused."""
    if (found is DAMAGED) != (expected is DAMAGED):
        raise AssertionError(f"one twin refuses {data.hex()}: compiled {found!r}, pure {expected!r}")
    if found is DAMAGED:
        return None
    written = [encode(found) for encode in encoders] + [encode(expected) for encode in encoders]
    if len(set(written)) != 1:
        raise AssertionError(f"{data.hex()} is {found!r} and {expected!r}: {[one.hex() for one in written]}")
    return written[0]


def fuzz_keys(data):
    found, expected = answer(compiled_keys.decode, data), answer(pure_keys.decode, data)
    again = agree(data, found, expected, (compiled_keys.encode, pure_keys.encode))
    # A zone's offset is looked up in the time zone database again, and may differ from the stored one.
    if again is not None and again != data and "ZoneInfo" not in repr(found):
        raise AssertionError(f"{data.hex()} is not the only key of {found!r}")
    if answer(compiled_keys.decode_uint, data) != answer(pure_keys.decode_uint, data):
        raise AssertionError(f"the twins read different integers from {data.hex()}")
    if found is not DAMAGED:
        check_order(found)
        canonical = compiled_keys.canonical(found)
        if compiled_keys.encode(compiled_keys.canonical(canonical)) != compiled_keys.encode(canonical):
            raise AssertionError(f"canonical does not stand still for {found!r}")


RECENT = collections.deque(maxlen=8)


def is_number(value):
    if type(value) is Decimal:
        return not value.is_nan()
    return type(value) in (bool, int) or (type(value) is float and not math.isnan(value))


def check_order(values):
    """The numbers of this key and of some before it are in numeric order."""
    numbers = [value for value in values[:8] if is_number(value)]
    for value, other in itertools.product(numbers, [*numbers, *RECENT]):
        if value < other and compiled_keys.encode_one(value) >= compiled_keys.encode_one(other):
            raise AssertionError(f"{value!r} comes after {other!r}")
        if other < value and compiled_keys.encode_one(other) >= compiled_keys.encode_one(value):
            raise AssertionError(f"{other!r} comes after {value!r}")
    RECENT.extend(numbers)


def fuzz_values(data):
    found = answer(compiled_codec.decode_value, data, compiled_codec.Extension)
    expected = answer(pure_codec.decode_value, data, pure_codec.Extension)
    again = agree(data, found, expected, (encode_value,))
    if again is None:
        return
    if encode_value(compiled_codec.decode_value(again, compiled_codec.Extension)) != again:
        raise AssertionError(f"{data.hex()} does not come back the same: {found!r}")


def encode_value(value):
    """The value by the twin that its extensions, if any, belong to; without extensions by both."""
    written = []
    for codec in (compiled_codec, pure_codec):
        try:
            written.append(codec.encode_value(value))
        except TypeError:
            continue
    if not written or written[0] != written[-1]:
        raise AssertionError(f"the twins write {value!r} differently")
    return written[0]


def read_record(codec, data):
    shape_id, references, offset = codec.decode_header(data)
    return shape_id, codec.decode_values(data, offset, references, codec.Extension)


def fuzz_records(data):
    found, expected = answer(read_record, compiled_codec, data), answer(read_record, pure_codec, data)
    if (found is DAMAGED) != (expected is DAMAGED):
        raise AssertionError(f"one twin refuses {data.hex()}: compiled {found!r}, pure {expected!r}")
    if found is DAMAGED:
        return
    written = compiled_codec.encode_record(*found, None)
    if written != pure_codec.encode_record(*expected, None):
        raise AssertionError(f"{data.hex()} is {found!r} and {expected!r}")
    if compiled_codec.encode_record(*read_record(compiled_codec, written), None) != written:
        raise AssertionError(f"{data.hex()} does not come back the same: {found!r}")
    entries = [(one.oid, one.class_id, one.weak) for one in compiled_codec.list_references(data)]
    if entries != [(one.oid, one.class_id, one.weak) for one in pure_codec.list_references(data)]:
        raise AssertionError(f"the twins list different references of {data.hex()}")


GRAPHS = (
    graphs.Graphs(compiled_durable, compiled_records, compiled_codec),
    graphs.Graphs(pure_durable, pure_records, pure_codec),
)


def fuzz_graphs(data):
    found, expected = [answer(one.read, data) for one in GRAPHS]
    if found is not expected and found != expected:
        raise AssertionError(f"{data.hex()} is {found!r} and {expected!r}")


def fuzz_differences(data):
    """Two bytes say how long the dictionary is that follows, and how many bytes the differences make."""
    long, size, rest = data[:1], int.from_bytes(data[1:2]) * 4, data[2:]
    dictionary, told = rest[: int.from_bytes(long)], rest[int.from_bytes(long) :]
    found = answer(compiled_embedding.follow, dictionary, told, size)
    expected = answer(pure_embedding.follow, dictionary, told, size)
    if found is not expected and found != expected:
        raise AssertionError(f"{data.hex()} is {found!r} and {expected!r}")
    again = [one.Alike(dictionary).differences(told) for one in (compiled_embedding, pure_embedding)]
    if again[0] != again[1] or compiled_embedding.follow(dictionary, again[0], len(told)) != told:
        raise AssertionError(f"the differences of {told.hex()} from {dictionary.hex()} do not lead back")


TARGETS = {
    "keys": fuzz_keys,
    "values": fuzz_values,
    "records": fuzz_records,
    "graphs": fuzz_graphs,
    "differences": fuzz_differences,
}


def main():
    target, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(seeds.make(target)):
        (corpus / f"seed-{index:03}").write_bytes(data)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()

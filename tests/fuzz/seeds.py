"""What the fuzzer starts from: one input or more for every kind and tag."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import graphs
from perdure.kernel import codec, keys

EAST = timezone(timedelta(hours=5, microseconds=1))
SCALARS = [
    *(None, True, False, 0, 63, 64, -16, -17, 2063, 70_000, 133_136, 2**40, -(2**62), 2**63, 2**64 + 1),
    *(0.0, -0.0, 1.0, 1.5, -0.1, 1e300, float("inf"), float("nan"), 1 + 2j),
    *map(Decimal, ["1.00", "-0", "19.99", "1E+30", "-1E-400", "1E+999", "Infinity", "-sNaN12"]),
    *("", "text", "\0\1é", "\ud800", "x" * 70, b"", b"\0\1\xff", b"y" * 40),
    *(date(2024, 2, 29), datetime(2024, 2, 29, 12, 30, 1, 250, fold=1), datetime.max.replace(tzinfo=UTC)),
    *(datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2024, 7, 1, tzinfo=EAST)),
    *(time(23, 59, 59, 999_999), time(1, tzinfo=EAST), time(1, tzinfo=timezone(timedelta(hours=-2), "name"))),
    *(timedelta(-5, 3, 1), UUID(int=2**127 + 5)),
]
NESTED = [
    *((), (1, "a", None), tuple(range(20)), [1, [2, []]], {"a": 1, (1, 2): [3]}, {1, "a"}, frozenset({(1,)})),
    *(range(1, 10, 2), range(2**70, 0, -(2**65)), bytearray(b"abc")),
    *(codec.Extension(1, "p"), [codec.Extension(2**60, (codec.Extension(0, None), 1))]),
]
REFERENCES = [codec.Reference(5, 3), codec.Reference(2**64 - 1, 2**63 - 1, True), codec.Reference(4, 3)]


def make(target):
    """The seeds of one target, as bytes."""
    if target == "keys":
        values = [*SCALARS, keys.EnumKey(3, 2**40), keys.ObjectId(100_000), ("a", (1, (None, 1.5)), ())]
        numbers = [value for value in SCALARS if type(value) in (bool, int, float, Decimal)]
        several = [("a", 5, keys.ObjectId(2**60)), *zip(numbers, numbers[1:], numbers[2:], strict=False)]
        return [keys.encode_one(value) for value in values] + [keys.encode(group) for group in several]
    if target == "graphs":
        return graphs.seeds()
    if target == "differences":
        told = [b"\0\x0d\0", b"\0\4\0\1\x32\6\4", b"\0\5\x10\5 one!", b"\0\x0d\0\0\x0d\x19" * 3]
        return [bytes([13, size]) + b"one two three" + one for size, one in zip((3, 3, 2, 20), told, strict=True)]
    if target == "values":
        return [codec.encode_value(value) for value in SCALARS + NESTED]
    records = [[value] for value in SCALARS[::4] + NESTED] + [[], REFERENCES, [{"a": REFERENCES}, 1, "b"]]
    return [codec.encode_record(shape, values, None) for shape, values in enumerate(records)]

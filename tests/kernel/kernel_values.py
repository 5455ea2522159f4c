"""Values for the kernel's tests: hypothesis strategies, exact comparison, and both twins of each module."""

import importlib
import math
import struct
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from perdure import kernel
from perdure.kernel._keyparts import EnumKey, ObjectId

TWINS = ("compiled", "pure")


def twin(name, module):
    chosen = {one: getattr(kernel, one) for one in kernel.__all__[1:]}
    try:
        return importlib.import_module(f"perdure.kernel.{'_pure.' if name == 'pure' else ''}{module}")
    finally:
        # The import binds the compiled module, and those that it imports, in the package, where a pure run has its own.
        for one, its_module in chosen.items():
            setattr(kernel, one, its_module)


def exact(value):
    """What must be equal for two values to be the same: type, every bit, order of dicts, names of zones."""
    kind = type(value)
    if kind is float:
        return kind, struct.pack("<d", value)
    if kind is complex:
        return kind, exact(value.real), exact(value.imag)
    if kind is Decimal:
        return kind, str(value)
    if kind in (tuple, list):
        return kind, [exact(item) for item in value]
    if kind is dict:
        return kind, [(exact(key), exact(item)) for key, item in value.items()]
    if kind in (set, frozenset):
        return kind, sorted((exact(item) for item in value), key=repr)
    if kind in (datetime, time):
        zone = value.tzinfo
        name = zone.key if type(zone) is ZoneInfo else repr(zone)
        return kind, value.replace(tzinfo=None), value.fold, type(zone), name
    if kind is range:
        return kind, value.start, value.stop, value.step
    return kind, value


integers = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.builds(
        lambda power, step, sign: sign * (2**power + step),
        st.integers(0, 1100),
        st.integers(-2, 2),
        st.sampled_from((1, -1)),
    )
)
nans = st.builds(
    lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0],
    st.integers(0x7FF0000000000001, 0x7FFFFFFFFFFFFFFF) | st.integers(0xFFF0000000000001, 0xFFFFFFFFFFFFFFFF),
)
floats = st.floats() | st.floats(width=32) | st.integers(-(2**66), 2**66).map(float) | nans
decimals = (
    st.decimals()
    | st.builds(
        lambda sign, digits, exponent: Decimal((sign, tuple(digits), exponent)),
        st.integers(0, 1),
        st.lists(st.integers(0, 9), min_size=1, max_size=40),
        st.integers(-60, 60) | st.integers(-5000, 5000),
    )
    | st.floats(allow_nan=False).map(Decimal)
    | integers.map(Decimal)
    | st.sampled_from([Decimal("sNaN77"), Decimal("-NaN5"), Decimal("1E+999999999"), Decimal("-0E-7")])
)
texts = (
    st.text()
    | st.text(st.characters(codec=None, categories=None), max_size=8)
    | st.text("\0\1\2a", max_size=70)
)
binaries = st.binary(max_size=80) | st.lists(st.sampled_from([0, 1, 2, 255]), max_size=8).map(bytes)
offsets = st.integers(-86_399_999_999, 86_399_999_999).map(
    lambda us: timedelta(microseconds=us)
) | st.integers(-23, 23).map(lambda hours: timedelta(hours=hours))
zones = (
    st.just(UTC)
    | offsets.map(timezone)
    | st.builds(timezone, offsets, texts)
    | st.sampled_from(["Europe/Berlin", "UTC", "America/St_Johns", "Asia/Kathmandu"]).map(ZoneInfo)
)
folds = st.integers(0, 1)


def _fold(value, fold):
    return value.replace(fold=fold)


aware_datetimes = st.builds(
    lambda value, zone, fold: value.replace(tzinfo=zone, fold=fold), st.datetimes(), zones, folds
)
datetimes = st.builds(_fold, st.datetimes(), folds) | aware_datetimes
times = st.builds(_fold, st.times(), folds) | st.builds(
    lambda value, zone, fold: value.replace(tzinfo=zone, fold=fold), st.times(), zones, folds
)
moments = st.dates() | datetimes | times | st.timedeltas()
ranges = st.builds(range, integers, integers, integers.filter(bool))
complexes = st.complex_numbers() | st.builds(complex, floats, floats)
plain_scalars = (
    st.none()
    | st.booleans()
    | integers
    | floats
    | complexes
    | texts
    | binaries
    | decimals
    | moments
    | st.uuids()
    | ranges
)


def hashable(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True


hashables = st.recursive(
    plain_scalars.filter(hashable),
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=6,
)
values = st.recursive(
    plain_scalars | binaries.map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.lists(inner, max_size=20).map(tuple)
        | st.dictionaries(hashables, inner, max_size=6)
        | st.sets(hashables, max_size=6)
        | st.frozensets(hashables, max_size=6)
    ),
    max_leaves=20,
)

uint64s = (
    st.integers(0, 2**64 - 1)
    | st.integers(0, 70000)
    | st.builds(
        lambda power, step: max(0, min(2**64 - 1, 2**power + step)),
        st.integers(0, 64),
        st.integers(-200, 200),
    )
)
numbers = st.booleans() | integers | floats | decimals
key_scalars = (
    st.none()
    | numbers
    | complexes
    | texts
    | binaries
    | moments
    | st.uuids()
    | uint64s.map(ObjectId)
    | st.builds(EnumKey, uint64s, uint64s)
)
key_values = st.recursive(key_scalars, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=6)


def is_nan(value):
    return value.is_nan() if type(value) is Decimal else type(value) is float and math.isnan(value)

"""Ordered keys: values as bytes whose order is the values' order.

Kinds in order: None, numbers (NaN first; then bool, int, float and Decimal in one exact numeric order),
complex, str, bytes, date, datetime (naive, then aware), time (naive, then aware), timedelta, UUID, enum
members, object ids, tuples. Exact types only; `TypeError` for anything else. Each value's bytes are
prefix-free (none starts with another's) and decode to the same value of the same type. Equal numbers of
different types are neighbours: 1 < 1.0 < 2. Inside a tuple that neighbourhood is decided before the next item
is compared: (1, 'b') < (1.0, 'a').

>>> encode((1,)) < encode((1.5,)) < encode((2, "x")) < encode(("a",))
True
>>> decode(encode((1.5, "a")))
(1.5, 'a')
"""

from perdure.kernel._keyparts import EnumKey as EnumKey
from perdure.kernel._keyparts import ObjectId as ObjectId

def encode(values: tuple[object, ...]) -> bytes:
    """The values one after another.

    Prefix-free among tuples of one length; for keys of mixed lengths that must be prefix-free, nest the
    tuple: `encode((values,))`. An int or Decimal of more than 100,000 digits, or tuples nested deeper than
    200, are a `ValueError`; an id beyond 0..2**64-1 is an `OverflowError`.
    """

def encode_one(value: object) -> bytes:
    """`encode((value,))`, faster."""

def decode(data: bytes) -> tuple[object, ...]:
    """The values of a whole key; `CorruptRecordError` for bytes that are no key."""

def decode_one(data: bytes, position: int = 0) -> tuple[object, int]:
    """The one value that starts at `position`, and the position after it."""

def canonical(value: object) -> object:
    """The one value that stands for all that equal `value`: equal dictionary keys become the same key.

    Bools, whole floats and whole Decimals become int; a Decimal that equals a float becomes it, other
    Decimals lose zeros at their end; a complex number without imaginary part becomes its real part; aware
    datetimes and times become UTC where that changes no equality. Also inside tuples.

    >>> canonical((True, Decimal("0.50")))
    (1, 0.5)
    """

def encode_uint(n: int) -> bytes:
    """0 <= `n` < 2**64 in 1 to 9 bytes, ordered and prefix-free: 1 byte to 127, 2 to 16,511, 3 to 2,113,663."""

def decode_uint(data: bytes, position: int = 0) -> tuple[int, int]:
    """The integer at `position`, and the position after it."""

def shorten(key: bytes, limit: int) -> bytes:
    """A key of at most `limit` bytes (32 or more).

    Keys up to `limit - 16` bytes are returned as they are (the same object). Longer ones are cut to that and a 16-byte
    hash of the whole key follows: still prefix-free, in order up to the cut; among keys that agree up to the cut
    the order is the hash's.
    """

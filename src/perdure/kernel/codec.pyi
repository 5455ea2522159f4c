"""Values and records as compact tagged bytes. Never pickle, never code execution.

Any bytes decode to a value or raise `CorruptRecordError`. Native types, exact (subclasses are not native):
None, bool, int, float, complex, str, bytes, bytearray, Decimal, date, time, datetime, timedelta, UUID, range,
tuple, list, dict, set, frozenset. A time zone is native when it is a `datetime.timezone` or a
`zoneinfo.ZoneInfo` with a key. Every other value goes to `refer`. A record is one object's shape id, its
table of references, and its field values:

>>> data = encode_record(7, ["Ada", 36], refer)
>>> shape_id, references, offset = decode_header(data)
>>> decode_values(data, offset, [], extend)
['Ada', 36]
"""

from collections.abc import Callable, Sequence
from typing import final

MAX_DEPTH: int
"""How deep containers and extensions may be nested (200)."""

@final
class Reference:
    """A reference to an object: its id (0..2**64-1), its class id (0..2**63-1), and whether it is weak."""

    @property
    def oid(self) -> int: ...
    @property
    def class_id(self) -> int: ...
    @property
    def weak(self) -> bool: ...
    def __init__(self, oid: int, class_id: int, weak: bool = False) -> None: ...

@final
class Extension:
    """A value that the codec does not know: a code (0..2**64-1) and a value that stands for it."""

    @property
    def code(self) -> int: ...
    @property
    def payload(self) -> object: ...
    def __init__(self, code: int, payload: object) -> None: ...

def encode_record(
    shape_id: int, values: Sequence[object], refer: Callable[[object], Reference | Extension] | None
) -> bytes:
    """A record of `values` (0 <= `shape_id` < 2**64).

    `refer` is asked for every value that is not native; an error it raises passes through. `Reference` and
    `Extension` instances may also stand among the values, or inside a payload, themselves. `ValueError` for
    values nested deeper than `MAX_DEPTH`, `TypeError` for a foreign value when `refer` is None.
    """

def decode_header(data: bytes) -> tuple[int, list[Reference], int]:
    """Shape id, the table of references, and the offset of the values, for `decode_values`."""

def decode_values(
    data: bytes, offset: int, objects: Sequence[object], extend: Callable[[int, object], object] | None
) -> list[object]:
    """All values from `offset` to the end of `data`.

    `objects[i]` stands for the i-th reference of the table: pass as many as the table has. `extend(code,
    payload)` gives the value of an extension; an error that it raises passes through.
    """

def list_references(data: bytes) -> list[Reference]:
    """The references of a record, without decoding its values."""

def reference_count(data: bytes) -> int:
    """How many references a record has, without decoding them."""

def encode_value(value: object, refer: Callable[[object], Reference | Extension] | None = None) -> bytes:
    """One value without references; `refer` may answer an `Extension` for a foreign value.

    >>> decode_value(encode_value([1, None]))
    [1, None]
    """

def decode_value(data: bytes, extend: Callable[[int, object], object] | None = None) -> object:
    """The value that `encode_value` wrote; `CorruptRecordError` for anything else."""

"""Value kinds that upper layers teach the codec: enum members, classes, paths, references to other databases.

Each has a fixed code, so that a stored payload always finds its reader; nothing in a payload is executed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from perdure.errors import CorruptRecordError
from perdure.kernel import codec

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["find_extension", "read_extension", "register_extension"]

Encode = Callable[["Connection | None", Any], object]
Decode = Callable[["Connection | None", Any], object]

_by_type: dict[type, tuple[int, Encode]] = {}
_by_code: dict[int, Decode] = {}


def register_extension(code: int, kind: type, encode: Encode, decode: Decode) -> None:
    """Teach the codec values of type `kind` (and its subclasses).

    `encode(connection, value)` gives a payload of plain values; `decode(connection, payload)` gives the value
    back. `code` is 1 to 127 and never reused; the register is in `docs/format.md`.
    """
    known = _by_code.setdefault(code, decode)
    if known is not decode:
        raise ValueError(f"extension code {code} is taken")
    _by_type[kind] = (code, encode)


def find_extension(connection: Connection | None, value: object) -> codec.Extension | None:
    """The stored form of a value of a registered kind, or None for any other."""
    for kind in type(value).__mro__:
        found = _by_type.get(kind)
        if found is not None:
            return codec.Extension(found[0], found[1](connection, value))
    return None


def read_extension(connection: Connection | None, code: int, payload: object) -> object:
    """The value of a stored payload."""
    decode = _by_code.get(code)
    if decode is None:
        raise CorruptRecordError(f"a record uses extension {code}, which this release does not know")
    return decode(connection, payload)

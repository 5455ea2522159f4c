"""Which account may do what with which fields of a class: kept in the catalog of a database, as ordinary pending work.

An entry is what one account has of one class, by its identity: the names of fields, each with a mask of operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

from perdure.errors import CorruptRecordError
from perdure.kernel import codec, durable, keys
from perdure.session import Connection
from perdure.storage import spaces

__all__ = [
    "OPERATIONS", "allows", "forget_live", "governing", "mask_of", "masks_of", "note_live", "put_masks",
    "rename_masks",
]  # fmt: skip

OPERATIONS: Final = (durable.CREATE, durable.READ, durable.UPDATE, durable.DELETE)
_BITS = {operation: 1 << index for index, operation in enumerate(OPERATIONS)}
_CATALOG = spaces.CATALOG.id
_KEY = b"m"
_MOST = 4096
"""Entries that are remembered, so that accounts without number do not fill the memory."""

_live: dict[int, Connection] = {}
"""Database uuid → the connection in which its grants are made: what holds there holds for its snapshots, too."""


def note_live(connection: Connection) -> None:
    """Make a connection the one whose grants hold for all objects of its database."""
    _live[connection.database.uuid] = connection


def forget_live() -> None:
    """Forget what `note_live` noted: the workspace was closed."""
    _live.clear()


def governing(connection: Connection) -> Connection:
    """The connection whose grants hold for the objects of another one of the same database.

    A snapshot shows what was, but who may see it is what is granted now: what was taken away stays so.
    """
    found = _live.get(connection.database.uuid)
    return connection if found is None or found.closed else found


class _Read:
    """The grants that a connection has read, as long as neither its state nor they change."""

    __slots__ = ("masks", "rollbacks", "state")

    def __init__(self, connection: Connection) -> None:
        self.state = connection.state
        self.rollbacks = connection.rollbacks
        self.masks: dict[tuple[str, int], dict[str, int]] = {}


def _key(identity: str, account: int) -> bytes:
    return _KEY + keys.encode((identity, account))


def mask_of(operations: Iterable[str]) -> int:
    """The mask of operations, each one of `OPERATIONS`."""
    return sum({_BITS[operation] for operation in operations})


def allows(mask: int, operation: str) -> bool:
    """Whether a mask has an operation."""
    return bool(mask & _BITS[operation])


def masks_of(connection: Connection, identity: str, account: int) -> Mapping[str, int]:
    """What an account was granted of a class: a mask of operations for each field."""
    read: _Read | None = connection.grants
    if read is not None and read.state == connection.state and read.rollbacks == connection.rollbacks:
        found = read.masks.get((identity, account))
        if found is not None:
            return found
    with connection.lock:
        if read is None or read.state != connection.state or read.rollbacks != connection.rollbacks:
            read = connection.grants = _Read(connection)
        if len(read.masks) >= _MOST:
            read.masks.clear()
        found = read.masks[identity, account] = _decode(connection.read(_CATALOG, _key(identity, account)))
        return found


def _decode(data: bytes | None) -> dict[str, int]:
    if data is None:
        return {}
    found = codec.decode_value(data)
    if not isinstance(found, dict) or not all(type(mask) is int for mask in found.values()):
        raise CorruptRecordError("damaged grants of fields")
    return cast("dict[str, int]", found)


def rename_masks(connection: Connection, identity: str, old: str, new: str) -> None:
    """Let each account have for a field `new` of a class what it had for `old`, and nothing else."""
    with connection.lock:
        end = bytes([_KEY[0] + 1])
        for key, data in list(connection.scan(_CATALOG, _KEY, end)):
            masks = _decode(data) if keys.decode(key[1:])[0] == identity else {}
            if old in masks or new in masks:
                kept = {name: mask for name, mask in masks.items() if name not in (old, new)}
                renamed = {new: masks[old]} if old in masks else {}
                connection.overlay.put(_CATALOG, key, codec.encode_value({**kept, **renamed}))
                connection.mutations += 1
        connection.grants = None


def put_masks(connection: Connection, identity: str, account: int, masks: Mapping[str, int]) -> None:
    """Replace what an account was granted of these fields of a class, in the running transaction."""
    with connection.lock:
        present = {**masks_of(connection, identity, account), **masks}
        connection.overlay.put(_CATALOG, _key(identity, account), codec.encode_value(present))
        connection.mutations += 1
        connection.grants = None

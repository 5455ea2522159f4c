"""Finding what reference counts cannot: unreachable cycles, and objects that nothing holds any more.

Mark and sweep over the newest state. Roots and objects with regular tags are where reachability starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from pyroaring import BitMap64

from perdure.errors import ReadOnlyError
from perdure.kernel import codec, keys, records
from perdure.session.builtin import FIRST_FREE_ID, builtin_class
from perdure.session.tagging import decode_row
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection
    from perdure.session.database import Database

__all__ = ["collect_garbage"]

_RECORDS = spaces.RECORDS
_BATCH = 4096


def collect_garbage(database: Database) -> int:
    """Drop unreachable objects in one commit; how many there were.

    Objects that Python code holds in a connection of this process stay, with what they refer to. A commit of
    another transaction meanwhile makes it fail with `ConflictError`; run it again then.
    """
    if database.read_only:
        raise ReadOnlyError(f"{database.name} is open for reading only")
    connection = database.connect()
    try:
        live = _mark(connection, _starts(connection, database))
        dead = [oid for oid in _all_objects(connection) if oid not in live]
        for start in range(0, len(dead), _BATCH):
            connection.lifetime.drop_all(dead[start : start + _BATCH])
        connection.commit(description="pack: unreachable objects")
        return len(dead)
    finally:
        connection.close()


def _all_objects(connection: Connection) -> Iterable[int]:
    return (keys.decode_uint(key)[0] for key, _ in connection.scan(_RECORDS))


def _starts(connection: Connection, database: Database) -> list[int]:
    found = [cast(int, codec.decode_value(value)) for _, value in connection.scan(spaces.CATALOG, b"r", b"s")]
    for key, value in connection.scan(spaces.OBJECT_TAGS):
        if not all(decode_row(value).values()):
            found.append(keys.decode_uint(key)[0])
    for other in database.connections():
        weak = other.weak_targets()
        found.extend(oid for oid in list(other.objects) if other.is_kept(oid, weak.get(oid, ())))
    return found


def _mark(connection: Connection, starts: list[int]) -> BitMap64:
    live = BitMap64()
    waiting = starts
    while waiting:
        fresh = sorted({oid for oid in waiting if oid not in live})
        waiting = []
        for start in range(0, len(fresh), _BATCH):
            part = fresh[start : start + _BATCH]
            live.update(part)
            found = connection.read_many(_RECORDS, [keys.encode_uint(oid) for oid in part])
            for oid, data in zip(part, found, strict=True):
                if data is not None:
                    waiting.extend(_held(connection, oid, data))
                elif (root := connection.locate(oid)) is not None:
                    waiting.append(root)
    return live


def _held(connection: Connection, oid: int, data: bytes) -> Iterable[int]:
    yield from (reference.oid for reference in codec.list_references(data) if not reference.weak)
    shape_id = records.shape_id_of(data)
    if shape_id < FIRST_FREE_ID:
        held = getattr(builtin_class(shape_id), "_perdure_held_", None)
        if held is not None:
            yield from held(connection, oid)

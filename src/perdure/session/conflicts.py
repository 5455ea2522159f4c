"""Telling which object a conflict is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import ConflictError
from perdure.kernel import durable, keys
from perdure.session.roots import ROOT
from perdure.storage import Batch, merge, spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["describe_key", "explained"]

_OBJECTS = {
    spaces.RECORDS.id: "",
    spaces.ENTRIES.id: "an entry of ",
    spaces.OBJECT_TAGS.id: "the tags of ",
    spaces.REFCOUNTS.id: "the references to ",
    spaces.COUNTERS.id: "the size of ",
}


def describe_key(connection: Connection, space: int, key: bytes) -> str:
    """What a key belongs to, for messages; reads nothing."""
    what = _OBJECTS.get(space)
    if what is None:
        if space == spaces.CATALOG and key[:1] == ROOT:
            return f"{keys.decode(key[1:])[0]!r} of {connection.database.name}"
        if space == spaces.INTERNED:
            return f"the object of an interned value of {connection.database.name}"
        return f"the {spaces.SPACES[space]!r} key 0x{key.hex()} of {connection.database.name}"
    oid = keys.decode_uint(key)[0]
    known = connection.objects.get(oid) or connection.overlay.dropped.get(oid)
    return f"{what}{durable.describe(known) if known is not None else f'object #{oid}'} of {connection.database.name}"


def explained(connection: Connection, batch: Batch, error: ConflictError) -> ConflictError:
    """The error of a batch that was refused, with the object named that another commit changed."""
    found = _find_broken(connection, batch)
    if found is None:
        return error
    space, key, what = found
    return type(error)(f"{describe_key(connection, space, key)} {what} by another commit; try again")


def _find_broken(connection: Connection, batch: Batch) -> tuple[int, bytes, str] | None:
    """The first key of a batch that another commit changed, or condition that does not hold in the newest state."""
    before = connection.view
    with connection.database.storage.view() as now:
        for space, puts in batch.puts.items():
            for key in sorted(puts) if spaces.SPACES[space].versioned else ():
                if now.get(space, key) != before.get(space, key):
                    return space, key, "was changed"
        for space, needed in batch.required.items():
            for key in sorted(needed):
                if now.get(space, key) is None and before.get(space, key) is not None:
                    return space, key, "was deleted"
        for space, read in batch.reads.items():
            for key in sorted(read):
                if now.get(space, key) != before.get(space, key):
                    return space, key, "was changed"
        for space, counters in batch.expected.items():
            for key, value in counters.items():
                stored = now.get(space, key)
                if (merge.counter_value(stored) if stored else 0) != value:
                    return space, key, "were changed"
    return None

"""Objects that were deleted leave the managed indexes."""

from __future__ import annotations

from perdure.declared.stored import declares_indexes, managed_entries
from perdure.query import entries
from perdure.session import FIRST_FREE_ID, Connection, observe_drops

__all__: list[str] = []


def _dropped(connection: Connection, dropped: list[tuple[int, int]]) -> None:
    if not declares_indexes(connection):
        return
    members: dict[int, list[int]] = {}
    for oid, shape_id in dropped:
        if shape_id >= FIRST_FREE_ID:
            class_id = connection.catalog.shape(shape_id).entry.class_id
            for _, index_oid in managed_entries(connection, class_id).indexes:
                members.setdefault(index_oid, []).append(oid)
    for index_oid, oids in members.items():
        entries.remove_members(connection, index_oid, oids)


observe_drops(_dropped)

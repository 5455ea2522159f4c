"""The stored objects of a class: found by their type tags, or by a look at all records where they have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.kernel import keys, records
from perdure.session.builtin import FIRST_FREE_ID
from perdure.session.tagging import class_tag
from perdure.storage import spaces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.session.connection import Connection

__all__ = ["count_instances", "instance_ids"]


def instance_ids(connection: Connection, class_id: int) -> list[int]:
    """The ids of the stored objects of exactly one class of the database; flushed changes included."""
    connection.flush()
    if connection.catalog.entry(class_id).typed:
        chunks = connection.postings.of(class_tag(class_id)).items()
        return [chunk << 16 | low for chunk, members in chunks for low in members]
    return list(_scanned(connection, class_id))


def count_instances(connection: Connection, class_id: int) -> int:
    """How many they are."""
    connection.flush()
    if connection.catalog.entry(class_id).typed:
        return sum(map(len, connection.postings.of(class_tag(class_id)).values()))
    return sum(1 for _ in _scanned(connection, class_id))


def _scanned(connection: Connection, class_id: int) -> Iterator[int]:
    for key, data in connection.scan(spaces.RECORDS.id):
        shape_id = records.shape_id_of(data)
        if shape_id >= FIRST_FREE_ID and connection.catalog.shape(shape_id).entry.class_id == class_id:
            yield keys.decode_uint(key)[0]

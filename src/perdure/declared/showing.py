"""Telling queries which fields the tags and indexes that they use are kept up for."""

from __future__ import annotations

from perdure.declared.stored import declaring_identities, kept_for, managed_entries
from perdure.query.shown import set_field_source
from perdure.session import Connection

__all__: list[str] = []


class _Kept:
    """See `perdure.query.shown.FieldSource`."""

    def tag_fields(self, connection: Connection, class_id: int) -> tuple[str, ...]:
        """The fields whose values are tags of the objects of a class."""
        return managed_entries(connection, class_id).tags

    def indexed_field(self, connection: Connection, index_oid: int) -> tuple[str, frozenset[int]] | None:
        """The field that an index is kept up for, and the ids of the classes that are in it."""
        for identity in declaring_identities(connection):
            for name, oid in kept_for(connection, identity).indexes:
                if oid == index_oid:
                    return name, connection.catalog.with_derived(set(connection.catalog.ids_of(identity)))
        return None


set_field_source(_Kept())

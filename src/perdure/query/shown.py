"""What a query would show of protected fields: asked before it is worked out, decided by rights alone, never by data.

Tags and index entries that are kept up for a field tell what it has. So a query by tags is for those who may read each
tag field of the protected classes that it can find objects of, and one by the index of a field for those who may
read that field. Which tag came from a field is not looked at: whether there is one would tell it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from perdure.query.expression import (
    Allowed,
    And,
    ClassTagged,
    Elsewhere,
    LeadingTags,
    Node,
    OfType,
    Range,
    Sorted,
    Split,
    Tagged,
    Within,
    parts,
)
from perdure.security import check_readable
from perdure.session import Connection

__all__ = ["FieldSource", "check_explained", "check_index", "check_shown", "check_tags", "set_field_source"]


class FieldSource(Protocol):
    """Tells what is kept up for fields; the layer above that does it installs itself here."""

    def tag_fields(self, connection: Connection, class_id: int) -> Sequence[str]:
        """The fields whose values are tags of the objects of a class."""

    def indexed_field(self, connection: Connection, index_oid: int) -> tuple[str, frozenset[int]] | None:
        """The field that an index is kept up for, and the ids of the classes that are in it."""


_source: FieldSource | None = None


def set_field_source(source: FieldSource) -> None:
    """Make `source` the one that is asked what is kept up for fields."""
    global _source
    _source = source


def check_shown(node: Node, connection: Connection) -> None:
    """Raise `PermissionError` when what a query finds would tell of fields that the running context may not read."""
    if connection.catalog.protection.class_ids():
        _Check(connection, typed=True).node(node, None)


def check_explained(node: Node, connection: Connection) -> None:
    """The same of the sizes of its parts, each of which counts objects of all classes."""
    if connection.catalog.protection.class_ids():
        _Check(connection, typed=False).node(node, None)


def check_tags(connection: Connection, cls: type) -> None:
    """The same of the tags of objects of exactly one class."""
    if connection.catalog.protection.class_ids():
        entry = connection.catalog.find_entry(cls)
        if entry is not None:
            _check_tag_fields(connection, [entry.class_id])


def check_index(connection: Connection, index_oid: int) -> None:
    """The same of an index."""
    _check_index(connection, index_oid, None)


class _Check:
    """One pass over an expression; `typed`: only classes that the types in it allow are looked at."""

    def __init__(self, connection: Connection, *, typed: bool) -> None:
        self._connection = connection
        self._typed = typed

    def node(self, node: Node, found: frozenset[int] | None) -> None:
        """Check a part of which only objects of the classes `found` come through, of any for None."""
        found = self._among(node, found)
        match node:
            case Tagged() | ClassTagged() | LeadingTags():
                self._tags(found)
            case Range():
                _check_index(self._connection, node.index_oid, found)
            case Sorted():
                where = self._connection if node.where is None else node.where
                _check_index(where, node.index_oid, found if where is self._connection else None)
            case Elsewhere():
                _Check(node.connection, typed=self._typed).node(node.node, None)
                return
            case Allowed():
                self.node(node.node, found)
        for part in parts(node):
            self.node(part, found)

    def _tags(self, found: frozenset[int] | None) -> None:
        protected = self._connection.catalog.protection.class_ids()
        _check_tag_fields(self._connection, protected if found is None else protected & found)

    def _among(self, node: Node, found: frozenset[int] | None) -> frozenset[int] | None:
        """The classes of the objects that a node finds, of those in `found`."""
        for cls in _types(node) if self._typed else ():
            family = self._connection.catalog.family(cls)
            found = family if found is None else found & family
        return found


def _types(node: Node) -> list[type]:
    """The types that all objects that a node finds are of."""
    match node:
        case OfType():
            return [node.cls]
        case And():
            return [cls for member in node.members for cls in _types(member)]
        case Within() | Split() | Sorted():
            return _types(node.source)
    source: Node | None = getattr(node, "source", None)
    return [] if source is None else _types(source)


def _check_tag_fields(connection: Connection, class_ids: Iterable[int]) -> None:
    if _source is not None:
        for class_id in class_ids:
            for name in _source.tag_fields(connection, class_id):
                check_readable(connection, connection.catalog.class_of(class_id), name, "a query by tags")


def _check_index(connection: Connection, index_oid: int, found: frozenset[int] | None) -> None:
    protected = connection.catalog.protection.class_ids()
    kept = _source.indexed_field(connection, index_oid) if protected and _source is not None else None
    if kept is not None:
        name, members = kept
        for class_id in protected & (members if found is None else members & found):
            check_readable(connection, connection.catalog.class_of(class_id), name, "the index of a field")

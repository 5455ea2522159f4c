"""Composite tags: elements in order that are one tag, and queries by the leading ones.

The key of a composite tag is `keys.encode((5, elements))`: the elements are one flat tuple, each by its kind and parts.
Since the tuple has an end, no key begins with another one; since its values have ends, keys begin alike exactly when
the elements do. Classes are named by identity, so that a class is the same element in every database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from perdure.errors import CorruptRecordError
from perdure.kernel import keys
from perdure.query.expression import LeadingTags
from perdure.query.labels import (
    CLASS,
    COMPOSITE,
    ENUM,
    OBJECT,
    TEXT,
    Tag,
    read_parts,
    register_reader,
    shown,
    single_tag,
    to_tag,
)
from perdure.session import Connection

__all__ = ["CompositeTag", "TagPrefix", "as_tag", "tag_prefix"]

_SIZES = {TEXT: 1, ENUM: 2, OBJECT: 2, CLASS: 1}
"""How many parts an element of a kind has."""


@dataclass(frozen=True, slots=True, repr=False)
class CompositeTag(Tag):
    """Two or more elements, in order, as one tag; made by `as_tag`. Equal ones are the same tag.

    `items` has the elements, as `as_tag` takes them: str, enum values, and a `Tag` for each object and class.
    """

    items: tuple[object, ...] = field(default=(), compare=False)

    def key(self, connection: Connection) -> bytes:
        """See `Tag.key`."""
        for item in self.items:
            if isinstance(item, Tag) and item.cls is not None:
                connection.catalog.entry_for(item.cls)
        return keys.encode((self.kind, *self.parts))

    def databases(self) -> set[object]:
        """See `Tag.databases`."""
        return {database for item in self.items if isinstance(item, Tag) for database in item.databases()}

    def __repr__(self) -> str:
        return f"CompositeTag{self.items!r}"


@dataclass(frozen=True, slots=True, repr=False)
class TagPrefix:
    """What `tag_prefix` returns: a criterion of `find`. `items` has the leading elements."""

    _elements: tuple[object, ...]
    items: tuple[object, ...] = field(compare=False)

    def node(self) -> LeadingTags:
        """What has such a tag."""
        return LeadingTags(keys.encode((COMPOSITE, self._elements)))

    def __repr__(self) -> str:
        return f"tag_prefix({', '.join(map(repr, self.items))})"


def as_tag(*items: object) -> Tag:
    """The tag that stands for an object or a class, or the composite tag of two or more elements.

    It stays usable when the objects are gone, and does not keep them. Elements are str, enum values, memo objects, memo
    classes, and tags of objects and classes; they may come in one tuple. A composite tag is one tag: it is neither
    found by its elements nor do objects with these have it; order and number of the elements count.

    Raises `TypeError` for anything else, also for a composite tag or tuple within another.

    >>> tags(note).add(as_tag(author), as_tag("GRANT-READ", workspace, user))  # doctest: +SKIP
    >>> find(as_tag("GRANT-READ", workspace, user))  # doctest: +SKIP
    """
    if len(items) == 1 and not isinstance(items[0], tuple):
        tag = single_tag(items[0])
        if tag is None:
            raise TypeError(f"as_tag takes a memo object, a memo class, or several elements, not {shown(items[0])}")
        return tag
    given = cast("tuple[object, ...]", items[0]) if len(items) == 1 else items
    if len(given) < 2:
        raise TypeError(f"as_tag takes a memo object, a memo class, or two or more elements, not {len(given)} elements")
    elements, shown_items = _elements(given, "as_tag")
    return CompositeTag(COMPOSITE, (elements,), None, shown_items)


def tag_prefix(*items: object) -> TagPrefix:
    """A criterion of `find`: what has any composite tag that begins with these elements, or consists of them.

    Elements are those of `as_tag`, one or more. Raises `TypeError` for anything else.

    >>> find(Document, tag_prefix("GRANT-READ", workspace))  # doctest: +SKIP
    """
    if not items:
        raise TypeError("tag_prefix takes at least one leading element of composite tags")
    return TagPrefix(*_elements(items, "tag_prefix"))


def _elements(items: tuple[object, ...], name: str) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """The elements as one flat tuple of plain values, and as a user knows them."""
    flat: list[object] = []
    found: list[object] = []
    for item in items:
        if isinstance(item, str):
            text = str.__str__(item)
            flat += (TEXT, text)
            found.append(text)
            continue
        tag = single_tag(item) if isinstance(item, type) else to_tag(item)
        if not isinstance(tag, Tag) or tag.kind not in _SIZES:
            raise TypeError(
                f"unable to interpret {shown(item)} as an element of {name}: use str, enum values, memo objects, "
                "memo classes and their tags; composite tags cannot be nested"
            )
        flat += (tag.kind, *tag.parts)
        found.append(item if tag.kind == ENUM else tag)
    return tuple(flat), tuple(found)


def _read(connection: Connection, parts: tuple[Any, ...]) -> CompositeTag:
    (flat,) = parts
    items: list[object] = []
    position = 0
    while position < len(flat):
        kind = flat[position]
        if kind not in _SIZES:
            raise CorruptRecordError(f"damaged composite tag: unknown kind {kind!r} of an element")
        end = position + 1 + _SIZES[kind]
        items.append(_read_item(connection, kind, flat[position + 1 : end]))
        position = end
    return CompositeTag(COMPOSITE, parts, None, tuple(items))


def _read_item(connection: Connection, kind: int, parts: tuple[Any, ...]) -> object:
    if kind != CLASS:
        return read_parts(connection, kind, parts)
    ids = connection.catalog.ids_of(parts[0])
    return Tag(CLASS, parts, connection.class_of(ids[0]) if ids else None)


register_reader(COMPOSITE, _read)

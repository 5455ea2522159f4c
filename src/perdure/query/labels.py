"""Tags as values: what may be a tag, and the key under which it is stored.

A key is `keys.encode((kind, ...))`: 1 text, 2 enum and value name, 3 database uuid and object id, 4 class id,
5 a tuple: the elements of a composite tag. Kind 0 is the type tag of the session.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from perdure.errors import QueryError
from perdure.kernel import durable, identity, keys
from perdure.query.context import identified, is_memo, is_memo_class
from perdure.query.expression import ClassTagged, Node, Tagged
from perdure.session import Connection, identity_of

__all__ = [
    "CLASS",
    "COMPOSITE",
    "ENUM",
    "OBJECT",
    "TEXT",
    "Tag",
    "is_type_key",
    "known_target",
    "read_key",
    "read_parts",
    "register_label",
    "register_target",
    "shown",
    "single_tag",
    "text_key",
    "to_tag",
]

TEXT, ENUM, OBJECT, CLASS, COMPOSITE = 1, 2, 3, 4, 5
_KNOWN_LIMIT = 1 << 16

known: dict[str, bytes] = {}
"""Keys of texts used lately."""
_labels: dict[type, Callable[[Any], tuple[str, str]]] = {}
_targets: dict[type, Callable[[Any], tuple[int, int]]] = {}
_readers: dict[int, Callable[[Connection, tuple[Any, ...]], object]] = {}


@dataclass(frozen=True, slots=True, repr=False)
class Tag:
    """A tag other than a text: an object, a class or an enum value. Equal ones are the same tag."""

    kind: int
    parts: tuple[object, ...]
    cls: type[durable.Durable] | None = field(default=None, compare=False)

    def key(self, connection: Connection) -> bytes:
        """The key to store the tag under; a class that the database does not know becomes known."""
        if self.cls is None:
            return keys.encode((self.kind, *self.parts))
        return class_key(connection.catalog.entry_for(self.cls).class_id)

    def keys(self, connection: Connection) -> list[bytes]:
        """All keys that mean the tag: a class that two processes met at once has two ids."""
        if self.cls is None:
            return [keys.encode((self.kind, *self.parts))]
        return [class_key(class_id) for class_id in connection.catalog.ids_of(cast(str, self.parts[0]))]

    def databases(self) -> set[object]:
        """The uuids of the databases of the objects in the tag."""
        return {self.parts[0]} if self.kind == OBJECT else set()

    def node(self) -> Node:
        """What has the tag."""
        if self.cls is None:
            return Tagged(keys.encode((self.kind, *self.parts)))
        return ClassTagged(cast(str, self.parts[0]), self.cls)

    def __repr__(self) -> str:
        if self.kind == OBJECT:
            database, oid = cast("tuple[int, int]", self.parts)
            return f"<Tag of the object {identity.uuid_text(database, oid)}>"
        if self.kind == CLASS:
            return f"<Tag of the class {self.parts[0]}>"
        return f"<Tag {'.'.join(map(str, self.parts))}>"


def class_key(class_id: int) -> bytes:
    """The key of a class as tag."""
    return keys.encode((CLASS, class_id))


def text_key(text: str) -> bytes:
    """The key of a text."""
    key = known.get(text)
    if key is None:
        if type(text) is not str:
            return keys.encode((TEXT, str.__str__(text)))
        if len(known) >= _KNOWN_LIMIT:
            known.clear()
        key = known[text] = keys.encode((TEXT, text))
    return key


def single_tag(item: object) -> Tag | None:
    """The tag that stands for an object or a class; None for anything else."""
    if isinstance(item, type):
        return Tag(CLASS, (identity_of(item),), item) if is_memo_class(item) else None
    if is_memo(item):
        connection, oid = identified(cast(durable.Durable, item))
        return Tag(OBJECT, (connection.database.uuid, oid))
    target = known_target(item)
    return None if target is None else Tag(OBJECT, target)


def to_tag(value: object) -> bytes | Tag | None:
    """The tag that `value` means: a text's key, or a `Tag`; None when it is no tag."""
    if isinstance(value, str):
        return text_key(value)
    if isinstance(value, Tag):
        return value
    if is_memo(value):
        return single_tag(value)
    for kind in type(value).__mro__:
        label = _labels.get(kind)
        if label is not None:
            return Tag(ENUM, label(value))
    target = known_target(value)
    return None if target is None else Tag(OBJECT, target)


def known_target(value: object) -> tuple[int, int] | None:
    """Database uuid and object id of what a registered stand-in for an object points to."""
    for kind in type(value).__mro__:
        found = _targets.get(kind)
        if found is not None:
            return found(value)
    return None


def register_label(kind: type, names: Callable[[Any], tuple[str, str]]) -> None:
    """Make the values of type `kind` tags: `names(value)` gives the names of enum and value."""
    _labels[kind] = names


def register_target(kind: type, target: Callable[[Any], tuple[int, int]]) -> None:
    """Let values of type `kind` stand for objects: `target(value)` gives database uuid and object id."""
    _targets[kind] = target


def register_reader(kind: int, read: Callable[[Connection, tuple[Any, ...]], object]) -> None:
    """Say how the parts of a key of `kind` become the value that the user knows."""
    _readers[kind] = read


def is_type_key(key: bytes) -> bool:
    """Whether the key is a type tag, which objects have by themselves."""
    return keys.decode_one(key)[0] == 0


def read_key(connection: Connection, key: bytes) -> object:
    """The tag of a stored key: a str, an enum value or a `Tag`."""
    kind, *parts = keys.decode(key)
    if kind == CLASS:
        cls = connection.class_of(cast(int, parts[0]))
        return Tag(CLASS, (identity_of(cls),), cls)
    return read_parts(connection, cast(int, kind), tuple(parts))


def read_parts(connection: Connection, kind: int, parts: tuple[Any, ...]) -> object:
    """The tag of a kind other than a class with these parts."""
    if kind == TEXT:
        return parts[0]
    reader = _readers.get(kind)
    return Tag(kind, parts) if reader is None else reader(connection, parts)


def shown(value: object) -> str:
    """A short description of a bad argument, for messages."""
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    text = object.__repr__(value) if isinstance(value, durable.Durable) else repr(value)
    if len(text) > 60:
        text = f"{text[:57]}..."
    return f"{text} of type {type(value).__name__}"


def refuse(value: object) -> QueryError:
    """The error for what cannot be a tag."""
    return QueryError(f"unable to interpret {shown(value)} as a tag")

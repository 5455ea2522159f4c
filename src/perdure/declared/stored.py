"""The declarations that a database knows: what is kept up as tags and indexes there, whatever the classes say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, cast
from weakref import WeakSet

from perdure.declared.declarations import stored_classes
from perdure.errors import CorruptRecordError
from perdure.kernel import codec, keys
from perdure.session import ClassEntry, Connection, identity_of
from perdure.storage import spaces

__all__ = [
    "NOTHING",
    "Kept",
    "Managed",
    "declares_indexes",
    "declaring_identities",
    "ever_kept",
    "kept_for",
    "managed_entries",
    "managed_in",
    "managed_names",
    "put_kept",
    "ready",
    "settled",
    "unsettle",
]

_CATALOG = spaces.CATALOG.id
_KEY, _END = b"f", b"g"


class Kept(NamedTuple):
    """What a database keeps up for the fields that one class declared: tag fields, and the index of each field."""

    tags: tuple[str, ...] = ()
    indexes: tuple[tuple[str, int], ...] = ()


NOTHING = Kept()
ever_kept: set[str] = set()
"""Identities of classes for which a database of this process keeps something up, or did."""
managed_names: set[str] = set()
"""Names of the fields that are declared or kept up anywhere: others need no look at what their class declares."""


class Managed(NamedTuple):
    """What is kept up for the instances of a class, with what its bases declared."""

    tags: tuple[str, ...]
    indexes: tuple[tuple[str, int], ...]
    by_name: dict[str, tuple[bool, int]]
    """Name of a field → whether it is a tag field, and the object id of its index or 0."""


def _key(identity: str) -> bytes:
    return _KEY + keys.encode((identity,))


@lru_cache(maxsize=1024)
def _decode(data: bytes) -> Kept:
    try:
        tags, indexes = cast(Any, codec.decode_value(data))
        return Kept(tuple(tags), tuple((str(name), int(oid)) for name, oid in indexes))
    except (TypeError, ValueError) as error:
        raise CorruptRecordError(f"damaged declaration of fields: {error}") from error


class _Read:
    """Declarations of one connection, as long as neither its state nor they change."""

    def __init__(self, connection: Connection) -> None:
        self.state = connection.state
        self.rollbacks = connection.rollbacks
        self.kept: dict[str, Kept] = {}
        self.managed: dict[object, Managed] = {}
        self.settled: set[object] = set()
        self.ready: dict[type, Managed] = {}
        self.indexing: bool | None = None


_reads: WeakSet[_Read] = WeakSet()


def _read(connection: Connection) -> _Read:
    found: _Read | None = connection.declarations
    if found is None or found.state != connection.view.state or found.rollbacks != connection.rollbacks:
        found = connection.declarations = _Read(connection)
        _reads.add(found)
    return found


def settled(connection: Connection) -> set[object]:
    """The classes whose declarations are known to be the stored ones, in a tuple: with those below; to be added to."""
    return _read(connection).settled


def kept_for(connection: Connection, identity: str) -> Kept:
    """What is kept up for what the class of an identity declared."""
    known = _read(connection).kept
    found = known.get(identity)
    if found is None:
        data = connection.read(_CATALOG, _key(identity))
        found = known[identity] = NOTHING if data is None else _decode(data)
    return found


def put_kept(connection: Connection, identity: str, kept: Kept) -> None:
    """Change what is kept up for a class, in the running transaction."""
    connection.overlay.put(_CATALOG, _key(identity), codec.encode_value((kept.tags, kept.indexes)))
    connection.declarations = None
    managed_names.update(kept.tags, (name for name, _ in kept.indexes))
    ever_kept.add(identity)


def ready(connection: Connection) -> dict[type, Managed]:
    """What is kept up for those classes for which that needs no more looking at; to be added to."""
    return _read(connection).ready


def unsettle() -> None:
    """Forget which classes are settled: one was defined or declared anew."""
    for read in list(_reads):
        read.settled.clear()
        read.ready.clear()


def declares_indexes(connection: Connection) -> bool:
    """Whether any index is kept up."""
    read = _read(connection)
    if read.indexing is None:
        read.indexing = any(kept_for(connection, identity).indexes for identity in declaring_identities(connection))
    return read.indexing


def declaring_identities(connection: Connection) -> Iterator[str]:
    """The classes for which anything was ever kept up."""
    for key, _ in connection.scan(_CATALOG, _KEY, _END):
        yield cast(str, keys.decode(key[1:])[0])


def managed_in(connection: Connection, cls: type) -> Managed:
    """What is kept up for the instances of a class of this process."""
    known = _read(connection).managed
    found = known.get(cls)
    if found is None:
        found = known[cls] = _combined(connection, [identity_of(base) for base in stored_classes(cls)])
    return found


def managed_entries(connection: Connection, class_id: int) -> Managed:
    """What is kept up for the instances of a class of the database, which this process may not have."""
    known = _read(connection).managed
    found = known.get(class_id)
    if found is None:
        found = known[class_id] = _combined(connection, _ancestry(connection, connection.catalog.entry(class_id)))
    return found


def _ancestry(connection: Connection, entry: ClassEntry) -> list[str]:
    """The identities of a class and of its bases, the most basic one first."""
    found: dict[str, None] = {}
    for class_id in entry.bases:
        found.update(dict.fromkeys(_ancestry(connection, connection.catalog.entry(class_id))))
    found[entry.identity] = None
    return list(found)


def _combined(connection: Connection, identities: list[str]) -> Managed:
    kept = [kept_for(connection, identity) for identity in identities]
    tags = tuple(dict.fromkeys(name for one in kept for name in one.tags))
    indexes = tuple(dict(pair for one in reversed(kept) for pair in one.indexes).items())
    found = dict(indexes)
    return Managed(tags, indexes, {name: (name in tags, found.get(name, 0)) for name in (*tags, *found)})

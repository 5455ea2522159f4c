"""Keys of dicts and elements of sets: how they are found in memory, and the bytes that stand for them on disk.

Python's equality decides: 1, 1.0 and True are one key. Durable objects are keys by identity, durable tuples by
content, all NaNs are one key. In memory most keys stand for themselves; one with an object in it stands as a
`HeldKey`, which never asks the object's own `__eq__` or `__hash__`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from perdure.collections.comparing import is_content
from perdure.collections.convert import convert
from perdure.kernel import codec, durable, keys
from perdure.session import find_extension

if TYPE_CHECKING:
    from perdure.session import Connection

__all__ = ["HeldKey", "UnknownKey", "entry_key", "hot_key", "original_key"]

KEY_BYTES_MAX = 400
"""Longer keys are cut and hashed; the entry then keeps the key itself."""

_PLAIN = frozenset({str, int, bytes, bool, type(None), dt.date, dt.datetime, dt.time, dt.timedelta, UUID, range})
_UNEQUAL = frozenset({float, complex, Decimal})  # kinds with values that do not equal themselves
_OBJECT, _NAN = object(), object()
_FROZENSET, _RANGE = keys.EnumKey(0, 1), keys.EnumKey(0, 2)


class UnknownKey(LookupError):
    """The key holds an object that is not stored, so it is in no stored collection."""


class HeldKey:
    """What stands in memory for a key that cannot be trusted with its own equality."""

    __slots__ = ("_hash", "identity", "original")

    def __init__(self, identity: object, original: object) -> None:
        self.identity = identity
        self.original = original
        self._hash = hash(identity)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return type(other) is HeldKey and self.identity == other.identity


def original_key(hot: object) -> object:
    """The key that a hot key stands for."""
    return hot.original if type(hot) is HeldKey else hot


def hot_key(key: object) -> object:
    """The form of `key` in a hot dictionary; TypeError when it is not hashable."""
    kind = type(key)
    if kind in _PLAIN:
        return key
    if kind in _UNEQUAL:
        hash(key)
        return key if key == key else HeldKey((_NAN,), key)  # noqa: PLR0124
    if kind is tuple:
        return _hot_tuple(key)  # type: ignore[arg-type]
    if isinstance(key, durable.Durable):
        return _hot_object(key)
    hash(key)
    if kind is frozenset:
        parts = frozenset(map(hot_key, key))  # type: ignore[call-overload]
        return HeldKey(parts, key) if any(type(part) is HeldKey for part in parts) else key
    return key


def _hot_tuple(key: tuple[object, ...]) -> object:
    parts = [hot_key(item) for item in key]
    originals = tuple([original_key(part) for part in parts])
    if any(type(part) is HeldKey for part in parts):
        return HeldKey(tuple(parts), originals)
    return originals


def _hot_object(key: durable.Durable) -> object:
    if not is_content(key):
        if durable.is_transient(key):
            key = _stored(key)
        return HeldKey((_OBJECT, id(key)), key)
    if type(key).__hash__ is None:
        raise TypeError(f"unhashable type: '{type(key).__name__}'")
    return _hot_tuple(tuple(key))  # type: ignore[arg-type]


def _stored(key: durable.Durable) -> durable.Durable:
    """The one stored object for an interned one, so that equal ones are one key; any other object as it is."""
    connection: Any = durable.owner_of(key) or durable.get_ambient()
    if not cast(Any, key)._perdure_interned_ or connection is None or not connection.writable:
        return key
    with connection.lock:
        connection.add(key)
        return cast(durable.Durable, connection.interning.find(key))


def storable_key(hot: object) -> object:
    """The hot key to put in a collection; TypeError when it cannot be stored."""
    if type(hot) in _PLAIN:
        return convert(hot)
    original = original_key(hot)
    if isinstance(original, durable.Durable) and durable.is_transient(original):
        raise TypeError(f"{durable.describe(original)} is immutable and not stored yet; give materialized(...) of it")
    stored = convert(original)
    return hot if stored is original else hot_key(stored)


class _Rewriting:
    """A key in terms of what `perdure.kernel.keys` knows."""

    def __init__(self, connection: Connection, adding: bool) -> None:
        self.connection = connection
        self.adding = adding
        self.changed = False

    def rewrite(self, key: Any) -> object:
        kind = type(key)
        if kind is tuple:
            return tuple([self.rewrite(item) for item in key])
        if kind in _UNEQUAL or (kind in _PLAIN and kind is not range):
            return key
        self.changed = True
        if isinstance(key, durable.Durable):
            return self.identify(key)
        if kind is range:
            return (_RANGE, len(key), key[0] if key else 0, key.step if len(key) > 1 else 0)
        if kind is frozenset:
            parts = sorted(keys.encode_one(keys.canonical(self.rewrite(item))) for item in key)
            return (_FROZENSET, *parts)
        return self.extend(key)

    def extend(self, key: Any) -> object:
        """A key of a registered kind: as the number or text that it also is, else by its payload."""
        if isinstance(key, int):
            return int(key)
        if isinstance(key, str):
            return str.__str__(key)
        found = find_extension(self.connection, key)
        if found is None:
            raise TypeError(f"a key of type {type(key).__module__}.{type(key).__qualname__} cannot be stored")
        return (keys.EnumKey(found.code, 0), codec.encode_value(found.payload))

    def identify(self, obj: durable.Durable) -> object:
        owner = durable.owner_of(obj)
        if owner is self.connection and durable.oid_of(obj):
            return keys.ObjectId(durable.oid_of(obj))
        if owner is not None and owner.database is not self.connection.database:
            found = find_extension(self.connection, obj)
            if found is not None:  # an address: database, id and the name that the database had
                return (keys.EnumKey(found.code, 0), *cast("tuple[object, ...]", found.payload)[:2])
        if not self.adding:
            raise UnknownKey(durable.describe(obj))
        return keys.ObjectId(self.connection.add(obj))


def entry_key(connection: Connection, hot: object, *, adding: bool = False) -> tuple[bytes, bool]:
    """The key bytes of an entry, and whether they decode to the key itself.

    `adding` gives new objects in the key their ids; without it they raise UnknownKey.
    """
    kind = type(hot)
    if kind is str or kind is int or kind is bytes:
        whole = keys.encode_one(hot)
        exact = True
    else:
        rewriting = _Rewriting(connection, adding)
        native = rewriting.rewrite(original_key(hot))
        canonical = keys.canonical(native)
        whole = keys.encode_one(canonical)
        exact = not rewriting.changed and (canonical is native or keys.encode_one(native) == whole)
    short = keys.shorten(whole, KEY_BYTES_MAX)
    return short, exact and short is whole

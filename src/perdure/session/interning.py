"""Interned objects: one object for each content of a class, found by that content.

The space INTERNED maps a digest of class and content to the object id. It holds nothing: an entry goes with its object,
and one whose object is gone is passed over. Two commits that intern the same content at once conflict on its key.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import ObjectError, PerdureError, ReferenceError
from perdure.kernel import codec, durable, embedding, keys
from perdure.session.classes import identity_of
from perdure.session.extensions import find_extension
from perdure.session.weak import Forwarding
from perdure.storage import spaces

if TYPE_CHECKING:
    from perdure.session.embedding import Embedding

__all__ = ["Interning", "content_of"]

_INTERNED = spaces.INTERNED.id
_KEPT = 1 << 17
_CLASS_BYTES, _CONTENT_BYTES = 6, 16


def content_of(obj: durable.Durable) -> bytes:
    """Bytes that are equal for objects of one class with equal content.

    Raises `RuntimeError` when the object refers to one that is not interned.
    """
    return embedding.content(obj, _foreign)


def _foreign(value: Any) -> codec.Extension:
    """The form of a value that the codec does not know."""
    if isinstance(value, durable.Durable | Forwarding):
        target = value._perdure_aim_() if isinstance(value, Forwarding) else value
        raise ObjectError(
            f"an interned object cannot hold a reference to {durable.describe(target)}: only values and other "
            f"interned objects"
        )
    found = find_extension(None, value)
    if found is None:
        raise TypeError(f"a value of type {type(value).__module__}.{type(value).__qualname__} cannot be stored")
    return found


@lru_cache(maxsize=1024)
def class_prefix(identity: str) -> bytes:
    """How the keys of the interned objects of a class begin."""
    return hashlib.blake2b(identity.encode(), digest_size=_CLASS_BYTES).digest()


class Interning:
    """The interned objects of one connection."""

    def __init__(self, connection: Embedding) -> None:
        self._connection = connection
        self._known: dict[bytes, int] = {}

    content = staticmethod(content_of)

    def find_loaded(self, obj: durable.Durable) -> durable.Durable | None:
        """`find` for what was looked up before and is loaded; needs no lock."""
        return embedding.find_known(obj, self._known, self._connection.objects, _foreign)

    def find(self, obj: durable.Durable) -> durable.Durable | None:
        """The stored object with the content of `obj`, which from here on stands for it; None when there is none."""
        same = cast(Any, obj)._perdure_same_
        alive = same is not None and durable.oid_of(same) and durable.state_of(same) != durable.DEAD
        if alive and durable.owner_of(same) is self._connection:
            return cast(durable.Durable, same)
        found = self.find_content(content_of(obj), type(obj))
        if found is not None:
            self.bind(obj, found)
        return found

    def bind(self, obj: durable.Durable, same: durable.Durable) -> None:
        """Let `obj` stand for the equal object `same`, and keep that alive."""
        cast(Any, obj)._perdure_same_ = same

    def find_content(self, content: bytes, cls: type) -> durable.Durable | None:
        """The stored object of a class with that content, or None."""
        connection = self._connection
        oid = self._known.get(content)
        if oid is None:
            stored = connection.read(_INTERNED, self._key(cls, content))
            if stored is None:
                return None
            oid = keys.decode_uint(stored)[0]
            self._keep(content, oid)
        found = connection.objects.get(oid)
        if found is None or durable.state_of(found) <= durable.GHOST:
            try:
                found = connection.get(oid)
            except ReferenceError:
                self._known.pop(content, None)
                return None
        return found

    def register(self, content: bytes, oid: int) -> None:
        """Make an object the one with its content."""
        obj = self._connection.objects[oid]
        self._connection.overlay.put(_INTERNED, self._key(type(obj), content), keys.encode_uint(oid))
        self._keep(content, oid)

    def _keep(self, content: bytes, oid: int) -> None:
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[content] = oid

    def _key(self, cls: type, content: bytes) -> bytes:
        return class_prefix(identity_of(cls)) + hashlib.blake2b(content, digest_size=_CONTENT_BYTES).digest()

    def dropping(self, oids: list[int]) -> None:
        """Remove the entries of interned objects that are about to be dropped; they can still be read."""
        connection = self._connection
        self._known.clear()
        lost: set[int] = set()
        for oid in oids:
            try:
                obj = connection.get(oid)
                key = self._key(type(obj), content_of(obj))
            except (PerdureError, ReferenceError):
                lost.add(oid)
                continue
            if connection.read(_INTERNED, key) == keys.encode_uint(oid):
                connection.overlay.put(_INTERNED, key, None)
        if lost:  # what they were made of is gone already
            for key, value in list(connection.scan(_INTERNED)):
                if keys.decode_uint(value)[0] in lost:
                    connection.overlay.put(_INTERNED, key, None)

    def forget(self) -> None:
        """Other commits, or a rollback, may have changed what is interned."""
        self._known.clear()

    def count(self, identity: str) -> int:
        """How many objects of the class of an identity are interned, those that wait for a commit included."""
        connection, prefix = self._connection, class_prefix(identity)
        with connection.lock:
            connection.flush()
            return sum(1 for _ in connection.scan(_INTERNED, prefix, prefix + b"\xff" * (_CONTENT_BYTES + 1)))

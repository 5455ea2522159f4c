"""Adding and removing tags: the tag manager."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from perdure.errors import QueryError, ReadOnlyError
from perdure.errors import ReferenceError as DeadReferenceError
from perdure.kernel import changes, durable
from perdure.query.context import connection_of, current_connection, is_memo
from perdure.query.labels import Tag, is_type_key, read_key, refuse, shown, to_tag
from perdure.query.ordering import distinct_ids
from perdure.query.result import Query
from perdure.query.shown import check_tags
from perdure.session import Connection

__all__ = ["ObjectTagManager", "tags", "tags_of"]

Key = bytes | Tag
changes.TAGGABLE.add(Query)
_TEXTS_KEPT = 1 << 14
_TEXT_ONLY = {str}
_BYTES_ONLY = {bytes}


class ObjectTagManager(changes.Tagger):
    """Changes the tags of some objects; made by `tags`.

    Each call of `add` or `remove` is all or nothing. Changes are part of the running transaction: queries see
    them at once, other processes after the commit.
    """

    __slots__ = ()

    def _check(self, target: object) -> None:
        if isinstance(target, Query):
            _ = target.node  # a predicate refuses
        elif not is_memo(target):
            raise QueryError(f"tags takes memo objects or object queries, not {shown(target)}")
        changes.TAGGABLE.add(type(target))

    def _add(self, tags: tuple[Any, ...]) -> None:
        keys = _keys(tags)
        self._change(keys, add=True)
        if {*map(type, tags)} == _TEXT_ONLY:
            if len(changes.TEXTS) >= _TEXTS_KEPT:
                changes.TEXTS.clear()
            changes.TEXTS[tags] = cast("tuple[bytes, ...]", keys)

    def remove(self, *tags: object) -> None:
        """Remove tags, given as for `add`. A tag that is not there changes nothing."""
        self._change(_keys(tags), add=False)

    def __iadd__(self, tags: object) -> ObjectTagManager:
        self.add(tags)
        return self

    def __isub__(self, tags: object) -> ObjectTagManager:
        self.remove(tags)
        return self

    def _change(self, keys: tuple[Key, ...], *, add: bool) -> None:
        passive = self._passive and add
        queries = [target for target in self._targets if isinstance(target, Query)]
        objects = self._targets if not queries else [one for one in self._targets if not isinstance(one, Query)]
        if not self._targets:
            current_connection()
        if not keys:
            return
        owners = [_writable(obj) for obj in objects]
        for query in queries:
            _check_writable(query.connection, "what a query finds")
        if passive:
            for owner in {*owners, *[query.connection for query in queries]}:
                _check_passive(owner, keys)
        found = [distinct_ids(*query.evaluate()) for query in queries]
        plain = {*map(type, keys)} == _BYTES_ONLY
        for obj, owner in zip(objects, owners, strict=True):
            resolved = cast("tuple[bytes, ...]", keys) if plain else _resolve(owner, keys, add)
            owner.tagging.change(obj, resolved, add, passive)
        for query, oids in zip(queries, found, strict=True):
            query.connection.tagging.change_all(oids, _resolve(query.connection, keys, add), add, passive)


def _writable(obj: durable.Durable) -> Connection:
    owner = connection_of(obj)
    if durable.state_of(obj) == durable.DEAD:
        raise DeadReferenceError(f"{durable.describe(obj)} was deleted and cannot be tagged")
    if not owner.writable:
        _check_writable(owner, durable.describe(obj))
    return owner


def _check_writable(owner: Connection, what: str) -> None:
    if not owner.writable:
        raise ReadOnlyError(f"cannot tag {what}: {owner.database.name} is open for reading")


def _check_passive(owner: Connection, keys: tuple[Key, ...]) -> None:
    """Refuse passive tags that are objects of other databases."""
    for key in keys:
        if isinstance(key, Tag) and key.databases() - {owner.database.uuid}:
            raise QueryError(f"an object of another prefix can be a regular tag only, not a passive one: {key!r}")


def _resolve(owner: Connection, keys: tuple[Key, ...], add: bool) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for key in keys:
        if isinstance(key, bytes):
            found.append(key)
        elif add:
            found.append(key.key(owner))
        else:
            found.extend(key.keys(owner))
    return tuple(found)


def _keys(tags: tuple[object, ...]) -> tuple[Key, ...]:
    found: list[Key] = []
    for value in tags:
        tag = to_tag(value)
        if tag is not None:
            found.append(tag)
        elif isinstance(value, Iterable) and not isinstance(value, type | bytes | bytearray | memoryview):
            found.extend(map(_one_key, value))
        else:
            raise refuse(value)
    return tuple(found)


def _one_key(value: object) -> Key:
    tag = to_tag(value)
    if tag is None:
        raise refuse(value)
    return tag


tags = ObjectTagManager
"""`tags(*objects, passive=False)` is the manager of the tags of these objects, or of all that a query finds.

>>> tags(note).add("urgent", "home")  # doctest: +SKIP
>>> tags(note).remove("urgent")  # doctest: +SKIP
"""


def tags_of(obj: Any) -> list[object]:
    """The tags of an object in the order in which they were added, passive ones last; type tags are left out.

    >>> tags_of(note)  # doctest: +SKIP
    ['urgent', 'home']
    """
    if not is_memo(obj):
        raise QueryError(f"tags_of takes a memo object, not {shown(obj)}")
    connection = connection_of(obj)
    with connection.lock:
        connection.flush()
        check_tags(connection, type(obj))
        row = connection.tagging.row(durable.oid_of(obj))
        return [read_key(connection, key) for key in row if not is_type_key(key)]

"""Comparison of objects by content, also of two versions of one object, and what is known of an object."""

from __future__ import annotations

from typing import Any

from perdure.collections import ByteArray, Dict, List, Set, Tuple
from perdure.kernel import durable, embedded, keys
from perdure.model import Memo, scope, uuid
from perdure.model.base import field_dict
from perdure.query.evaluation import Evaluation
from perdure.query.finding import expression_of
from perdure.security import readable_fields
from perdure.session import Forwarding, is_protected
from perdure.storage import spaces

__all__ = ["compare", "describe", "get_address", "get_type"]


def compare(obj_1: Any, obj_2: Any, tags: Any = None) -> bool:
    """Whether two memo objects are of one type and have equal fields, all the way down.

    With `tags`, each of these must be on both objects or on none. The objects may be versions from snapshots.
    Raises `TypeError` for anything but memo objects.
    """
    for obj in (obj_1, obj_2):
        if not isinstance(obj, Memo):
            raise TypeError(f"compare takes memo objects, not {type(obj).__name__}")
    if not _Comparison().equal(obj_1, obj_2):
        return False
    return all(_has(obj_1, tag) == _has(obj_2, tag) for tag in tags or ())


def _has(obj: Memo, tag: object) -> bool:
    connection = scope.connection_of(obj)
    plan = Evaluation(connection).plan(expression_of(connection, (tag,)))
    return plan.contains(durable.oid_of(obj))


_DEEP = (durable.Durable, tuple, embedded.EmbeddedDict, embedded.EmbeddedSet)


class _Comparison:
    """One comparison; pairs met again on the way down count as equal."""

    def __init__(self) -> None:
        self._met: set[tuple[int, int]] = set()

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two values are equal in content."""
        if isinstance(one, Forwarding):
            one = one.target
        if isinstance(other, Forwarding):
            other = other.target
        if one is other:
            return True
        if type(one) is not type(other) or not isinstance(one, _DEEP):
            return bool(one == other)
        pair = (id(one), id(other))
        if pair in self._met:
            return True
        self._met.add(pair)
        return self._equal_content(one, other)

    def _equal_content(self, one: Any, other: Any) -> bool:
        if isinstance(one, Memo):
            return self._equal_dicts(field_dict(one), field_dict(other))
        if isinstance(one, tuple | List | Tuple | ByteArray):
            return len(one) == len(other) and all(map(self.equal, one, other))
        if isinstance(one, Dict | embedded.EmbeddedDict):
            return self._equal_dicts(_by_key(one.items()), _by_key(other.items()))
        if isinstance(one, embedded.EmbeddedSet):
            return self._equal_members(list(one), list(other))
        if isinstance(one, Set):
            return {_key(item) for item in one} == {_key(item) for item in other}
        return bool(one == other)

    def _equal_members(self, one: list[Any], other: list[Any]) -> bool:
        """Whether each member of a set has its equal in the other."""
        for member in one:
            found = next((index for index, value in enumerate(other) if self.equal(member, value)), None)
            if found is None:
                return False
            del other[found]
        return not other

    def _equal_dicts(self, one: dict[Any, Any], other: dict[Any, Any]) -> bool:
        return one.keys() == other.keys() and all(self.equal(value, other[key]) for key, value in one.items())


def _by_key(items: Any) -> dict[Any, Any]:
    return {_key(key): value for key, value in items}


def _key(value: Any) -> Any:
    """A key or element, the same for all versions of an object."""
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    return (Memo, uuid(value)) if isinstance(value, Memo) else value


_UNREADABLE = "?"


def describe(obj: Any, /) -> dict[str, Any]:
    """What is known of a memo object, for debugging: `uuid`, `type`, `size_of` (its record, in bytes), `field_layout`,
    `protected_fields` (whether they are) and then `field_offset_range`, the number of fields known of its class.

    The layout has the types of the fields by name: under `pos_vt` when the object finds them by position, under
    `kv_index` when it has so many that it looks them up by name; `index_vt` is empty here. A protected field that may
    not be read has the type `?`, and then the size is 0.

    Raises `TypeError` for anything but a memo object.
    """
    if not isinstance(obj, Memo):
        raise TypeError(f"describe takes a memo object, not {type(obj).__name__}")
    connection = scope.connection_of(obj)
    identity = uuid(obj)
    readable = readable_fields(obj)
    kinds = {name: type(readable[name]).__name__ if name in readable else _UNREADABLE for name in durable.fields(obj)}
    protected = is_protected(type(obj), connection.catalog)
    with connection.lock:
        connection.flush()
        record = connection.read(spaces.RECORDS.id, keys.encode_uint(durable.oid_of(obj))) or b""
    return {
        "uuid": identity,
        "type": f"{type(obj).__module__}.{type(obj).__qualname__}",
        "size_of": len(record) if len(readable) == len(kinds) else 0,
        "protected_fields": protected,
        "field_offset_range": len(durable.layout_for(type(obj)).names) if protected else 0,
        "field_layout": {
            "pos_vt": {} if durable.is_wide(obj) else kinds,
            "index_vt": {},
            "kv_index": kinds if durable.is_wide(obj) else {},
        },
    }


def get_address(obj: Any, /) -> int:
    """The number of an object in its prefix."""
    if not isinstance(obj, durable.Durable):
        raise TypeError(f"get_address takes a durable object, not {type(obj).__name__}")
    connection = scope.connection_of(obj)
    return durable.oid_of(obj) or connection.add(obj)


def get_type(obj: Any, /) -> type:
    """The class of a durable object."""
    if not isinstance(obj, durable.Durable):
        raise TypeError(f"get_type takes a durable object, not {type(obj).__name__}")
    return type(obj)

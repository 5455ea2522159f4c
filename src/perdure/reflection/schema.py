"""The fields that objects of a class really have, and the types of their values."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from perdure.collections import ByteArray, Dict, List, Set, Tuple
from perdure.declared import instances
from perdure.kernel import durable
from perdure.model import Memo, MemoBase, scope
from perdure.model.memo import is_memo_class
from perdure.security import is_visible, readable_fields
from perdure.session import Connection, Forwarding, StandIn, identity_of

__all__ = ["get_schema", "schema_of"]

_PLAIN: dict[type, type] = {List: list, Dict: dict, Set: set, Tuple: tuple, ByteArray: bytearray}


def get_schema(cls: type, /) -> dict[str, dict[str, Any]]:
    """What fields the stored objects of a class have now: for each `primary_type` and `all_types`.

    The primary type is the most frequent one; None counts only when there is no other. References to objects are
    reported as `MemoBase`, durable collections as Python's. Every object is read that may be seen. Of protected
    fields, those that the running context may read count; a field that it may not read of any object has no types.

    Raises `TypeError` for what is no memo class.

    >>> perdure.get_schema(Task)  # doctest: +SKIP
    {'title': {'primary_type': <class 'str'>, 'all_types': [<class 'str'>]}}
    """
    if not is_memo_class(cls):
        raise TypeError(f"get_schema takes a memo class, not {cls!r}")
    connection = scope.named(cast(Any, cls)._perdure_prefix_)
    return schema_of(connection, identity_of(cls))


def schema_of(connection: Connection, identity: str) -> dict[str, dict[str, Any]]:
    """The schema of the objects of the class with an identity in one connection."""
    found: dict[str, Counter[type]] = {}
    with connection.lock:
        connection.flush()
        gone = set(connection.lifetime.orphans())
        for entry in connection.catalog.entries():
            for obj in instances(connection, entry.class_id) if entry.identity == identity else ():
                if durable.oid_of(obj) not in gone and is_visible(obj):
                    _count_types(found, obj)
    return {name: _described(types) for name, types in found.items()}


def _count_types(found: dict[str, Counter[type]], obj: durable.Durable) -> None:
    """Count the types of the fields of an object: of those that may not be read the names alone."""
    for name in durable.fields(obj):
        found.setdefault(name, Counter())
    for name, value in readable_fields(obj).items():
        found[name][_type_of(value)] += 1


def _type_of(value: object) -> type:
    if isinstance(value, Memo | StandIn | Forwarding):
        return MemoBase
    return _PLAIN.get(type(value), type(value))


def _described(types: Counter[type]) -> dict[str, Any]:
    known = [kind for kind, _ in types.most_common() if kind is not type(None)]
    return {"primary_type": known[0] if known else type(None), "all_types": [kind for kind, _ in types.most_common()]}

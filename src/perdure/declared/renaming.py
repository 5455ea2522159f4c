"""Renaming a field of stored objects."""

from __future__ import annotations

from typing import Any, cast

from perdure.declared.declarations import rename_declared, stored_classes
from perdure.declared.migrating import attach, instances, root_name
from perdure.declared.stored import Kept, kept_for, put_kept
from perdure.errors import ImmutableError, ObjectError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.memo import is_memo_class
from perdure.security import rename_masks
from perdure.session import Connection, delete_root, identity_of, set_root

__all__ = ["rename_field"]


def rename_field(class_obj: type, from_name: str, to_name: str, raise_if_missing: bool = True, /) -> None:
    """Give a field of all stored instances of a class, and of those below it, another name.

    Tags and indexes that are kept up for the field go with it, and the rights that accounts have to it; the class
    declares the new name from now on. Renaming again what was renamed does nothing. Objects made later have the fields
    that they are given.

    Raises `TypeError` for what is no memo class, `RuntimeError` when no instance ever had the field (unless
    `raise_if_missing` is False), or when one has a field of the new name, too, or the class is immutable; then
    nothing is changed.

    >>> perdure.rename_field(Task, "titel", "title")  # doctest: +SKIP
    """
    if not is_memo_class(class_obj):
        raise TypeError(f"rename_field takes a memo class, not {class_obj!r}")
    for name in (from_name, to_name):
        if not isinstance(name, str):
            raise TypeError(f"a field is named by a str, not {type(name).__name__}")
        if durable.is_volatile(name):
            raise ObjectError(f"{name} is never stored, so it cannot be renamed or a new name")
    if class_obj._perdure_immutable_:  # type: ignore[attr-defined]
        name = class_obj.__qualname__
        raise ImmutableError(f"a field of the immutable {name} cannot be renamed, since its objects never change")
    connection = scope.named(cast(Any, class_obj)._perdure_prefix_, write=True)
    with connection.lock:
        attach(class_obj, connection)
        savepoint = connection.savepoint()
        try:
            _rename(connection, class_obj, from_name, to_name, raise_if_missing)
        except BaseException:
            savepoint.rollback()
            raise
        savepoint.release()
    rename_declared(class_obj, from_name, to_name)


def _rename(connection: Connection, cls: type, old: str, new: str, raise_if_missing: bool) -> None:
    catalog = connection.catalog
    family = sorted(catalog.family(cls)) if catalog.find_entry(cls) is not None else []
    if not any(old in shape.names for shape in list(catalog.shapes.values()) if shape.entry.class_id in family):
        if raise_if_missing:
            raise ObjectError(f"no object of {cls.__qualname__} in {scope.name_of(connection)} has a field {old!r}")
        return
    if old == new:
        return
    for class_id in family:
        for obj in instances(connection, class_id):
            _rename_in(obj, old, new)
        rename_masks(connection, catalog.entry(class_id).identity, old, new)
    for base in stored_classes(cls):
        _rename_kept(connection, identity_of(base), old, new)


def _rename_in(obj: durable.Durable, old: str, new: str) -> None:
    fields = durable.fields(obj)
    if old not in fields:
        return
    if new in fields:
        raise ObjectError(f"{durable.describe(obj)} has both {old!r} and {new!r}; delete one of them first")
    durable.mark_dirty(obj)
    weak = obj._perdure_weak_ or frozenset()
    if old in weak:
        obj._perdure_weak_ = weak - {old} | {new}
    durable.set_field(obj, new, fields[old])
    durable.remove_field(obj, old)


def _rename_kept(connection: Connection, identity: str, old: str, new: str) -> None:
    """Let what is kept up for the field go by its new name."""
    kept = kept_for(connection, identity)
    tags = tuple(new if name == old else name for name in kept.tags)
    indexes = tuple((new if name == old else name, oid) for name, oid in kept.indexes)
    if (tags, indexes) == kept:
        return
    for name, oid in kept.indexes:
        if name == old:
            set_root(connection, root_name(identity, new), connection.get(oid))
            delete_root(connection, root_name(identity, old))
    put_kept(connection, identity, Kept(tags, indexes))

"""Bringing what a database keeps up for declared fields to what the classes declare."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from perdure.declared.declarations import Declared, declared_by, known_classes, latest, stored_classes
from perdure.declared.managed_index import ManagedIndex
from perdure.declared.stored import (
    NOTHING,
    Kept,
    Managed,
    kept_for,
    managed_entries,
    managed_in,
    put_kept,
    ready,
    settled,
)
from perdure.declared.values import MISSING, check_tag_value, field_of, tag_keys
from perdure.errors import MigrateError, ObjectError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.memo import is_memo_class
from perdure.session import Connection, count_instances, delete_root, identity_of, instance_ids, set_root

__all__ = ["attach", "attach_family", "attached", "index_by_oid", "instances", "migrate", "root_name"]

_AT_ONCE = 1000


def root_name(identity: str, field: str) -> str:
    """The root that holds the managed index of a field."""
    return f"index:{identity}:{field}"


def index_by_oid(connection: Connection, oid: int) -> ManagedIndex:
    """A managed index of a connection."""
    return cast(ManagedIndex, connection.get(oid))


def attached(connection: Connection, cls: type, *, strict: bool = False) -> Managed:
    """What is kept up for the instances of a class, after `attach`."""
    found = ready(connection).get(cls)
    if found is None:
        attach(cls, connection, strict=strict)
        found = managed_in(connection, cls)
        if cls in settled(connection):
            ready(connection)[cls] = found
    return found


def attach(cls: type, connection: Connection, *, strict: bool = False) -> None:
    """Migrate a class and its bases if their declarations are not the stored ones, unless that is to be asked for.

    `strict`: raise `MigrateError` then, instead of going on with the stored ones.
    """
    known = settled(connection)
    if cls in known or not connection.writable:
        return
    with connection.lock:
        pending = _pending(connection, cls)
        if pending:
            if not scope.migrates(connection):
                if strict:
                    raise MigrateError(
                        f"the declared fields of {pending[0].__qualname__} are not those stored in "
                        f"{scope.name_of(connection)}; call migrate({pending[0].__qualname__})"
                    )
                return
            _migrate_all(connection, pending)
        settled(connection).add(cls)


def attach_family(cls: type, connection: Connection) -> None:
    """`attach` for a class and all that derive from it: a query for it finds the objects of them all.

    What has no objects here waits for the first one: a query alone stores nothing then, which in a prefix of several
    writers would conflict with what another one stores.
    """
    known = settled(connection)
    if (cls,) in known or not connection.writable:
        return
    waits = False
    for derived in known_classes():
        if derived not in known and (issubclass(derived, cls) or derived is latest(cls)):
            if any(_concerns_objects(connection, base) for base in _pending(connection, derived)):
                attach(derived, connection)
            waits = waits or derived not in known
    if not waits:
        known.add((cls,))


def _concerns_objects(connection: Connection, cls: type) -> bool:
    """Whether anything is kept up for a class whose declaration is not the stored one, or would be on applying that."""
    if kept_for(connection, identity_of(cls)) != NOTHING:
        return True
    catalog = connection.catalog
    connection.flush()
    ids = catalog.family(cls) if catalog.find_entry(cls) is not None else ()
    return any(not catalog.entry(class_id).typed or count_instances(connection, class_id) for class_id in ids)


def migrate(memo_type: type, /) -> None:
    """Apply the declared fields of a class, and of its bases, to its stored objects in its prefix or the current one.

    Needed only where `no_auto_migrate` was given; else it happens by itself. Raises `TypeError` for what is no
    memo class, `RuntimeError` when a stored value cannot be a tag or key; then nothing is changed.

    >>> perdure.migrate(Task)  # doctest: +SKIP
    """
    if not is_memo_class(memo_type):
        raise TypeError(f"migrate takes a memo class, not {memo_type!r}")
    connection = scope.named(cast(Any, memo_type)._perdure_prefix_, write=True)
    with connection.lock:
        _migrate_all(connection, _pending(connection, memo_type))


def _pending(connection: Connection, cls: type) -> list[type[durable.Durable]]:
    """Of a class and its bases those whose declarations are not the stored ones, in their newest definitions."""
    return [base for base in map(latest, stored_classes(cls)) if _is_pending(connection, base)]


def _is_pending(connection: Connection, cls: type) -> bool:
    declared, kept = declared_by(cls), kept_for(connection, identity_of(cls))
    return {*declared.tags} != {*kept.tags} or {*declared.indexes} != {name for name, _ in kept.indexes}


def _migrate_all(connection: Connection, classes: list[type[durable.Durable]]) -> None:
    if not classes:
        return
    savepoint = connection.savepoint()
    try:
        for cls in classes:
            _Migration(connection, cls).run()
    except BaseException as error:
        savepoint.rollback()
        if isinstance(error, RuntimeError) or not isinstance(error, Exception):
            raise
        raise ObjectError(f"the declared fields of {classes[0].__qualname__} cannot be migrated: {error}") from error
    savepoint.release()


class _Migration:
    """One change of what is kept up for what one class declares, with the objects of it and of those below it."""

    def __init__(self, connection: Connection, cls: type[durable.Durable]) -> None:
        self._connection = connection
        self._cls = cls
        self._identity = identity_of(cls)
        self._before = kept_for(connection, self._identity)
        self._declared: Declared = declared_by(cls)

    def run(self) -> None:
        """Change everything; the caller undoes it when this fails."""
        connection = self._connection
        family = self._family()
        old = {class_id: managed_entries(connection, class_id) for class_id in family}
        kept = dict(self._before.indexes)
        made = {name: ManagedIndex() for name in self._declared.indexes if name not in kept}
        for name, index in made.items():
            set_root(connection, root_name(self._identity, name), index)
            kept[name] = durable.oid_of(index)
        indexes = tuple((name, kept[name]) for name in self._declared.indexes)
        put_kept(connection, self._identity, Kept(self._declared.tags, indexes))
        if made or self._declared.tags != self._before.tags:
            for class_id in family:
                self._fill(class_id, old[class_id], made)
        for name, oid in self._before.indexes:
            if name not in self._declared.indexes:
                self._remove_index(name, oid)
        connection.flush()

    def _family(self) -> list[int]:
        """The class ids of the class and of those below it; none when the database has never seen it."""
        catalog = self._connection.catalog
        return sorted(catalog.family(self._cls)) if catalog.find_entry(self._cls) is not None else []

    def _fill(self, class_id: int, old: Managed, made: dict[str, ManagedIndex]) -> None:
        connection = self._connection
        new = managed_entries(connection, class_id)
        for obj in instances(connection, class_id):
            if old.tags != new.tags:
                before, after = (tag_keys(connection, obj, names) for names in (old.tags, self._checked(obj, new.tags)))
                gone, come = [key for key in before if key not in after], [key for key in after if key not in before]
                if gone:
                    connection.tagging.change(obj, gone, False)
                if come:
                    connection.tagging.change(obj, come, True, passive=True)
            for name, index in made.items():
                value = field_of(obj, name)
                if value is not MISSING:
                    index._perdure_file_(obj, value, add=True)

    def _checked(self, obj: durable.Durable, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            value = field_of(obj, name)
            if value is not MISSING:
                try:
                    check_tag_value(type(obj), name, value)
                except TypeError as error:
                    raise ObjectError(f"{durable.describe(obj)} cannot be migrated: {error}") from None
        return names

    def _remove_index(self, name: str, oid: int) -> None:
        delete_root(self._connection, root_name(self._identity, name))
        self._connection.flush()
        self._connection.lifetime.drop(oid)


def instances(connection: Connection, class_id: int) -> Iterator[durable.Durable]:
    """The stored objects of exactly one class of the database, loaded; flushed changes included."""
    oids = iter(instance_ids(connection, class_id))
    while part := list(islice(oids, _AT_ONCE)):
        for obj in connection.prefetch(part):
            durable.load(obj)
            yield obj
        connection.flush()  # what the caller has changed of these need not be held any more

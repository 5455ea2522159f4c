"""Field references: `fields_of(Task).due` names a field of a class; and the managed index of a field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast
from weakref import WeakKeyDictionary

from perdure.declared.declarations import declared_by, effective, stored_classes
from perdure.declared.managed_index import ManagedIndex
from perdure.declared.migrating import attach, index_by_oid
from perdure.declared.stored import managed_in
from perdure.errors import MigrateError, ObjectError, WorkspaceError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.memo import is_memo_class
from perdure.session import Connection

__all__ = ["FieldNamespace", "FieldReference", "fields_of", "index_in", "index_of"]


class FieldReference:
    """A field of a memo class, as `fields_of(cls).name` gives it; the same object each time."""

    __slots__ = ("__weakref__", "_cls", "_name")

    def __init__(self, cls: type, name: str) -> None:
        self._cls = cls
        self._name = name

    def __repr__(self) -> str:
        return f"<field {self._cls.__qualname__}.{self._name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled")


class FieldNamespace:
    """The fields of a memo class: declared ones as attributes, any by `namespace["name"]`; made by `fields_of`."""

    __slots__ = ("__weakref__", "_cls", "_known")

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._known: dict[str, FieldReference] = {}

    def __getattr__(self, name: str) -> FieldReference:
        declared = effective(self._cls)
        if name not in declared.tags and name not in declared.indexes:
            raise AttributeError(f"{self._cls.__qualname__} declares no field {name!r}")
        return _refer(self._cls, name)

    def __getitem__(self, name: str) -> FieldReference:
        if not isinstance(name, str):
            raise TypeError(f"a field is named by a str, not {type(name).__name__}")
        if durable.is_volatile(name):
            raise ObjectError(f"{name} is no persistent name: fields that begin so are never stored")
        return _refer(self._cls, name)

    def __dir__(self) -> list[str]:
        declared = effective(self._cls)
        return sorted({*declared.tags, *declared.indexes})

    def __repr__(self) -> str:
        return f"<fields of {self._cls.__qualname__}: {', '.join(dir(self))}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled")


_namespaces: WeakKeyDictionary[type, FieldNamespace] = WeakKeyDictionary()


def fields_of(memo_type: type, /) -> Any:
    """The fields of a memo class as a namespace, for naming one without a text: `fields_of(Task).due`.

    Attributes are the declared fields; `fields_of(Task)["any"]` names a field that is not declared. Raises
    `TypeError` for what is no memo class.

    >>> perdure.index_of(perdure.fields_of(Task).due)  # doctest: +SKIP
    """
    if not is_memo_class(memo_type):
        raise TypeError(f"fields_of takes a memo type, not {memo_type!r}")
    found = _namespaces.get(memo_type)
    if found is None:
        found = _namespaces.setdefault(memo_type, FieldNamespace(memo_type))
    return found


def _refer(cls: type, name: str) -> FieldReference:
    """The reference of a field: an inherited one is that of the class that declares it."""
    owners = [base for base in stored_classes(cls) if _declares(base, name)]
    namespace = cast(FieldNamespace, fields_of(owners[0] if owners else cls))
    return namespace._known.setdefault(name, FieldReference(namespace._cls, name))


def _declares(cls: type, name: str) -> bool:
    declared = declared_by(cls)
    return name in declared.tags or name in declared.indexes


def index_of(memo_type: Any, field_name: str | None = None, /, *, prefix: str | None = None) -> ManagedIndex:
    """The index that is kept up for an indexed field, given as class and name or as a reference of `fields_of`.

    It is the one of `prefix`, by default of the class's prefix or the current one, and holds the objects of the
    declaring class and of those that derive from it. It is read-only.

    Raises `RuntimeError` when the field is not declared as indexed, or `prefix` is not open; `TypeError` for other
    arguments; `MigrateError` when the declaration is not applied yet and `no_auto_migrate` was given.

    >>> due = perdure.index_of(Task, "due")  # doctest: +SKIP
    >>> list(due.sort(perdure.find(Task)))  # doctest: +SKIP
    """
    cls, name = _asked(memo_type, field_name)
    if name not in effective(cls).indexes:
        known = name in effective(cls).tags
        what = "is not an indexed field" if known else "is not an indexed field: Unknown field"
        raise ObjectError(f"{cls.__qualname__}.{name} {what}; declare it with indexed_fields({name!r})")
    connection = _connection(cls, prefix)
    attach(cls, connection)
    found = dict(managed_in(connection, cls).indexes).get(name)
    if found is None:
        if not connection.writable:
            raise WorkspaceError(f"{scope.name_of(connection)} is open for reading and has no index of {name} yet")
        raise MigrateError(f"the index of {cls.__qualname__}.{name} is not made yet; call migrate({cls.__qualname__})")
    return index_by_oid(connection, found)


def index_in(
    connection_at: Callable[[Connection], Connection], memo_type: Any, field_name: str | None, prefix: str | None
) -> ManagedIndex:
    """`index_of` where `connection_at(live connection)` gives the connection to look in, which is at a past state."""
    cls, name = _asked(memo_type, field_name)
    connection = connection_at(_connection(cls, prefix))
    found = dict(managed_in(connection, cls).indexes).get(name)
    if found is None:
        where = f"{connection.database.name} at state {connection.state}"
        raise ObjectError(f"{cls.__qualname__}.{name} is not an indexed field in {where}")
    return index_by_oid(connection, found)


def _asked(memo_type: Any, field_name: Any) -> tuple[type, str]:
    if isinstance(memo_type, FieldReference):
        if field_name is not None:
            raise TypeError("index_of with a field reference does not accept a field_name")
        return memo_type._cls, memo_type._name
    if not is_memo_class(memo_type):
        raise TypeError(f"index_of takes a memo type or a field of one, not {memo_type!r}")
    if not isinstance(field_name, str):
        raise TypeError(f"field_name must be a string, not {type(field_name).__name__}")
    return memo_type, field_name


def _connection(cls: type, prefix: str | None) -> Connection:
    if prefix is None:
        return scope.named(cast(Any, cls)._perdure_prefix_)
    if not scope.is_open(prefix):
        raise WorkspaceError(f"Prefix is not open: {prefix}")
    return scope.named(prefix)

"""The memo classes that a prefix knows, also those that this process cannot import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from perdure.errors import BadPrefixError, ObjectError
from perdure.kernel import durable
from perdure.model import Memo, scope
from perdure.model.creation import singleton_root
from perdure.model.identity import parse_uuid, uuid_of_address
from perdure.model.memo import is_memo_class
from perdure.model.protecting import reset_protection
from perdure.model.weak import Address
from perdure.query import Query, find_in, register_class_source
from perdure.reflection.callables import MethodInfo, methods_of
from perdure.reflection.schema import schema_of
from perdure.security import is_visible, visible_ids
from perdure.session import PROTECTED, ClassEntry, Connection, StandIn, get_root, instance_ids, is_protected
from perdure.workspace import PrefixMetaData

__all__ = [
    "AttributeInfo",
    "ClassObject",
    "MemoMetaClass",
    "get_attributes",
    "get_memo_class",
    "get_memo_classes",
    "get_type_info",
    "get_type_stats",
]

_CLASS_BIT = 1 << 55
"""Set in the id part of a class's uuid, so that it is no object's."""
_FLAGS = ("singleton", "no_default_tags", "access_control", "immutable", "intern", PROTECTED)


class ClassObject:
    """A class as a prefix knows it; in `find` it stands for its type, also where that cannot be imported."""

    def __init__(self, connection: Connection, entry: ClassEntry) -> None:
        self._connection = connection
        self._entry = entry

    def _perdure_connection_(self) -> Connection:
        return self._connection

    def stored_type(self) -> type[durable.Durable]:
        """The Python type, or what stands in for it."""
        return self._connection.catalog.class_of(self._entry.class_id)

    def type(self) -> Any:
        """The Python type. Raises `perdure.ClassNotFoundError` when it cannot be imported here."""
        found = self.stored_type()
        if issubclass(found, StandIn):
            raise found._perdure_error_(found)  # type: ignore[arg-type]
        return found

    def type_exists(self) -> bool:
        """Whether the Python type can be imported here."""
        return not issubclass(self.stored_type(), StandIn)

    def is_known_type(self) -> bool:
        """See `type_exists`."""
        return self.type_exists()

    def type_info(self) -> dict[str, Any]:
        """Name, module, identity, class uuid, prefix and flags."""
        entry = self._entry
        return {
            "name": entry.qualname,
            "module": entry.module,
            "identity": entry.identity,
            "uuid": _uuid_of(self._connection, entry),
            "prefix": scope.name_of(self._connection),
            **self.get_type_flags(),
        }

    def get_attributes(self) -> list[tuple[str, int]]:
        """The fields that objects of the class have or had, with their positions."""
        return _attributes(self._connection, self._entry.identity)

    def get_type_flags(self) -> dict[str, bool]:
        """The options of `memo` that were given; `protect_fields` also when it was once, or to a base."""
        flags = {flag: bool(self._entry.flags.get(flag)) for flag in _FLAGS}
        return flags | {PROTECTED: is_protected(self.stored_type(), self._connection.catalog)}

    def reset_protect_fields(self) -> None:
        """See `perdure.reset_protect_fields`."""
        reset_protection(self._connection, self.stored_type())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClassObject):
            return NotImplemented
        return _uuid_of(self._connection, self._entry) == _uuid_of(other._connection, other._entry)

    def __hash__(self) -> int:
        return hash(self._entry.class_id)

    def __repr__(self) -> str:
        return f"<class object {self._entry.module}.{self._entry.qualname}>"


register_class_source(ClassObject, lambda found: (found._connection, found.stored_type()))


@dataclass(frozen=True)
class AttributeInfo:
    """A field of a class: its name, and the class."""

    name: str
    metaclass: MemoMetaClass = field(compare=False, repr=False)


@dataclass(frozen=True, repr=False)
class MemoMetaClass:
    """What a prefix knows of a class; it can be pickled and used in another process that opens the prefix.

    Two are equal when they are of the same class of the same prefix.
    """

    class_uuid: str
    name: str = field(compare=False)
    """Module and qualified name, with a point."""
    module: str = field(compare=False)
    type_flags: dict[str, bool] = field(compare=False)
    instance_uuid: str | None = field(compare=False, default=None)
    """The uuid of the instance of a singleton class."""

    def _perdure_connection_(self) -> Connection:
        return _find_entry(self.class_uuid)[0]

    @property
    def is_singleton(self) -> bool:
        """Whether it is a singleton class."""
        return self.type_flags["singleton"]

    def get_class(self) -> ClassObject:
        """The class as its prefix knows it, for `find`."""
        return ClassObject(*_find_entry(self.class_uuid))

    def type_exists(self) -> bool:
        """Whether the Python type can be imported here."""
        return self.get_class().type_exists()

    def get_type(self) -> Any:
        """The Python type. Raises `perdure.ClassNotFoundError` when it cannot be imported here."""
        return self.get_class().type()

    def get_instance(self) -> Any:
        """The instance of a singleton class. Raises `RuntimeError` when there is none."""
        connection, entry = _find_entry(self.class_uuid)
        found = _singleton(connection, entry)
        if found is None:
            raise ObjectError(f"{self.name} has no singleton instance")
        return found

    def get_attributes(self, include_properties: bool = False) -> list[AttributeInfo]:
        """The fields that objects of the class have or had; with `include_properties`, its properties, too."""
        names = dict.fromkeys(name for name, _ in self.get_class().get_attributes())
        if include_properties and self.type_exists():
            names.update(dict.fromkeys(property_names(self.get_type())))
        return [AttributeInfo(name, self) for name in names]

    def get_methods(self) -> list[MethodInfo]:
        """The public methods of the class."""
        return methods_of(self.get_type(), self)

    def get_schema(self) -> dict[str, dict[str, Any]]:
        """See `perdure.get_schema`."""
        connection, entry = _find_entry(self.class_uuid)
        return schema_of(connection, entry.identity)

    def all(self, snapshot: Any = None, as_memo_base: bool = False) -> Query[Any]:
        """A query for all instances, on the newest state or in a snapshot.

        It works for classes that cannot be imported, too: stored fields of such objects can be read. That is also what
        `as_memo_base` asks for elsewhere; here it changes nothing.
        """
        found = self.get_class()
        if snapshot is not None:
            return cast("Query[Any]", snapshot.find(found))
        return find_in(found._connection, found)

    def get_instance_count(self) -> int:
        """How many objects of exactly this class there are; of a restricted one, how many can be seen."""
        connection, entry = _find_entry(self.class_uuid)
        return len(_instance_ids(connection, entry.identity))

    def __str__(self) -> str:
        return f"{self.name} ({self.class_uuid})"

    __repr__ = __str__

    def __hash__(self) -> int:
        return hash(self.class_uuid)


def property_names(cls: type) -> list[str]:
    """The public properties of a class."""
    return [name for name in dir(cls) if not name.startswith("_") and isinstance(getattr(cls, name, None), property)]


def _uuid_of(connection: Connection, entry: ClassEntry) -> str:
    return uuid_of_address(Address(connection.database.uuid, _CLASS_BIT | entry.class_id, ""))


def _singleton(connection: Connection, entry: ClassEntry) -> durable.Durable | None:
    """The instance of a singleton class, if it can be seen."""
    found = get_root(connection, singleton_root(entry.identity))
    return found if found is None or is_visible(found) else None


def _describe(connection: Connection, entry: ClassEntry) -> MemoMetaClass:
    instance = _singleton(connection, entry) if entry.flags.get("singleton") else None
    return MemoMetaClass(
        _uuid_of(connection, entry),
        f"{entry.module}.{entry.qualname}",
        entry.module,
        ClassObject(connection, entry).get_type_flags(),
        None if instance is None else uuid_of_address(Address(connection.database.uuid, durable.oid_of(instance), "")),
    )


def _find_entry(class_uuid: str) -> tuple[Connection, ClassEntry]:
    database, number = parse_uuid(class_uuid)
    if not number & _CLASS_BIT:
        raise ObjectError(f"{class_uuid} is the uuid of an object, not of a class")
    connection = scope.holding(database)
    return connection, connection.catalog.entry(number & ~_CLASS_BIT)


def _is_memo_entry(connection: Connection, entry: ClassEntry) -> bool:
    found = connection.catalog.class_of(entry.class_id)
    return issubclass(found, StandIn) or is_memo_class(found)


def get_memo_classes(prefix: Any = None) -> Iterator[MemoMetaClass]:
    """The memo classes that a prefix knows; given by name, as `PrefixMetaData`, or the current one.

    Raises `perdure.BadPrefixError` when name and uuid of the metadata are those of different prefixes.

    >>> [found.name for found in perdure.get_memo_classes()]  # doctest: +SKIP
    ['shop.Order', 'shop.Customer']
    """
    connection = _connection_of(prefix)
    connection.flush()
    met: set[str] = set()
    for entry in connection.catalog.entries():
        if entry.identity not in met and _is_memo_entry(connection, entry):
            met.add(entry.identity)
            yield _describe(connection, entry)


def _connection_of(prefix: Any) -> Connection:
    if isinstance(prefix, PrefixMetaData):
        name, number = cast("tuple[str | None, int | None]", prefix)
        if name is None and number is not None:
            return scope.holding(number)
        found = scope.named(name)
        if number is not None and found.database.uuid != number:
            raise BadPrefixError(f"the prefix {name} has the uuid {found.database.uuid}, not {number}")
        return found
    if prefix is not None and not isinstance(prefix, str):
        raise TypeError(f"a prefix is given by name or PrefixMetaData, not {type(prefix).__name__}")
    return scope.named(prefix)


def get_memo_class(arg: Any, /) -> MemoMetaClass:
    """What is known of a class, given by its uuid or by one of its objects.

    Raises `RuntimeError` for a uuid that is none of a class, `TypeError` for anything else.
    """
    if isinstance(arg, str):
        return _describe(*_find_entry(arg))
    if not isinstance(arg, Memo | StandIn):
        raise TypeError(f"get_memo_class takes the uuid of a class or a memo object, not {type(arg).__name__}")
    connection = scope.connection_of(arg)
    connection.flush()
    return _describe(connection, connection.catalog.entry_for(type(arg)))


# -- types -------------------------------------------------------------------------------------------------


def _of_type(cls: Any, prefix: str | None = None) -> tuple[Connection, ClassEntry]:
    """A prefix and what it knows of a type."""
    if isinstance(cls, ClassObject):
        return cls._connection, cls._entry
    if not is_memo_class(cls):
        raise TypeError(f"a memo class is needed, not {cls!r}")
    connection = scope.named(prefix if prefix is not None else cls._perdure_prefix_)
    connection.flush()
    entry = connection.catalog.find_entry(cls)
    if entry is None:
        raise ObjectError(f"Class not found: {scope.name_of(connection)} has no objects of {cls.__qualname__}")
    return connection, entry


def _attributes(connection: Connection, identity: str) -> list[tuple[str, int]]:
    connection.flush()
    shapes = sorted(connection.catalog.shapes.items())
    names = dict.fromkeys(name for _, shape in shapes if shape.entry.identity == identity for name in shape.names)
    return [(name, position) for position, name in enumerate(names)]


def _instance_ids(connection: Connection, identity: str) -> list[int]:
    """The objects of exactly one class that can be seen. Raises `PermissionError` when nothing says which."""
    ids = connection.catalog.ids_of(identity)
    found = [oid for class_id in ids for oid in instance_ids(connection, class_id)]
    restricted = not connection.catalog.restricted_ids().isdisjoint(ids)
    return visible_ids(connection, identity, found, restricted=restricted)


def get_attributes(cls: Any, /) -> list[tuple[str, int]]:
    """The fields that objects of a memo class have or had in its prefix, with their positions.

    Raises `TypeError` for what is no memo class, `RuntimeError` when the prefix has none of it.
    """
    connection, entry = _of_type(cls)
    return _attributes(connection, entry.identity)


def get_type_info(cls: Any, /) -> dict[str, Any]:
    """Name, module, identity, uuid, prefix and flags of a memo class. Errors as for `get_attributes`."""
    return ClassObject(*_of_type(cls)).type_info()


def get_type_stats(cls: Any, /, prefix: str | None = None) -> dict[str, Any]:
    """`get_type_info` with the number of instances and the fields, of a prefix or that of the class.

    Of an interned class also `content_index`, whose `size` is the number of contents that can be found. Errors as for
    `get_attributes`.
    """
    connection, entry = _of_type(cls, prefix)
    interned = {"content_index": {"size": connection.interning.count(entry.identity)}}
    return {
        **ClassObject(connection, entry).type_info(),
        "type_id": None if entry.identity == f"{entry.module}:{entry.qualname}" else entry.identity,
        "address": entry.class_id,
        "class_ref": entry.class_id,
        "fields": [name for name, _ in _attributes(connection, entry.identity)],
        "instances": len(_instance_ids(connection, entry.identity)),
        **(interned if entry.flags.get("intern") else {}),
    }

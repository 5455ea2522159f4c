"""Enums of the memo face: a name with a list of value names; the values are used as fields, keys and tags.

A prefix learns an enum when it is first used there, and from then on keeps to its list of names.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable
from typing import Any, cast

from perdure.errors import CorruptRecordError, ObjectError
from perdure.kernel import codec, keys
from perdure.model import scope
from perdure.session import Connection, Database, register_extension
from perdure.storage import spaces

__all__ = ["EnumType", "EnumValue", "enum", "is_enum", "is_enum_value"]

_VALUE, _TYPE = 4, 9
_CATALOG = spaces.CATALOG.id
_KEY = b"e"

_enums: dict[str, EnumType] = {}
_values: dict[tuple[str, str, bool, int], EnumValue] = {}


class EnumValue:
    """One name of an enum: equal to the same name of the same enum in every prefix, to nothing else; without order.

    Read from an object it is the value of the object's prefix, else that of the current prefix (or the enum's own).
    A value got while its enum could not be looked up or made in a prefix is a placeholder: equal to the real one and
    usable in the same way, with `???` in its repr.
    """

    __slots__ = ("__weakref__", "_database", "_enum", "_name", "_resolved")

    def __init__(self, enum_name: str, name: str, resolved: bool, database: int) -> None:
        self._enum = enum_name
        self._name = name
        self._resolved = resolved
        self._database = database

    @property
    def enum_name(self) -> str:
        """The name (or the `type_id`) of the enum."""
        return self._enum

    @property
    def name(self) -> str:
        """The name of the value."""
        return self._name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EnumValue):
            return NotImplemented
        return self._name == other._name and self._enum == other._enum

    def __hash__(self) -> int:
        return hash((self._enum, self._name))

    def __str__(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"<EnumValue {self._enum}.{self._name}{'' if self._resolved else ' ???'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return value_of, (self._enum, self._name, False)

    def _perdure_connection_(self) -> Connection:
        if self._database:
            return scope.holding(self._database)
        known = _enums.get(self._enum)
        return scope.named(known._prefix if known is not None else None)


def value_of(enum_name: str, name: str, resolved: bool = True, database: int = 0) -> EnumValue:
    """The one object that stands for a value in the database with that uuid; 0 is none in particular."""
    found = _values.get((enum_name, name, resolved, database))
    if found is None:
        made = EnumValue(enum_name, name, resolved, database)
        found = _values.setdefault((enum_name, name, resolved, database), made)
    return found


def translated(value: EnumValue, connection: Connection | None) -> EnumValue:
    """The value that a prefix has for one that may be of another prefix."""
    if connection is None or value._database == connection.database.uuid:
        return value
    return value_of(value._enum, value._name, value._resolved, connection.database.uuid)


def declared_names(enum_name: str) -> tuple[str, ...] | None:
    """The value names of an enum, in order; None when it is not defined in this process."""
    known = _enums.get(enum_name)
    return None if known is None else known._names


class EnumType:
    """An enum, made by `enum`: values by name (`Color.RED`, `Color["RED"]`) or position (`Color[0]`)."""

    __slots__ = ("__name__", "__weakref__", "_identity", "_names", "_prefix")

    def __init__(self, name: str, names: tuple[str, ...], prefix: str | None, identity: str) -> None:
        self.__name__ = name
        self._names = names
        self._prefix = prefix
        self._identity = identity

    def __getattr__(self, name: str) -> EnumValue:
        if name not in self._names:
            raise AttributeError(f"the enum {self.__name__} has no value {name!r}; it has {', '.join(self._names)}")
        return self._value(name)

    def __getitem__(self, position: str | int) -> EnumValue:
        if isinstance(position, str):
            if position not in self._names:
                raise KeyError(position)
            return self._value(position)
        return self._value(self._names[position])

    __iter__ = None
    __contains__ = None

    def __len__(self) -> int:
        return len(self._names)

    def values(self) -> tuple[EnumValue, ...]:
        """All values, in the order in which they were declared."""
        return tuple(map(self._value, self._names))

    def __repr__(self) -> str:
        return f"<Enum {self.__name__}: {', '.join(self._names)}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EnumType):
            return NotImplemented
        return (self._identity, self._names, self._prefix) == (other._identity, other._names, other._prefix)

    def __hash__(self) -> int:
        return hash((self._identity, self._names))

    def _perdure_connection_(self) -> Connection:
        if self._prefix is None:
            raise TypeError(f"the enum {self.__name__} belongs to no prefix")
        return scope.named(self._prefix, write=True)

    def _value(self, name: str) -> EnumValue:
        home = self._home()
        return value_of(self._identity, name, home is not None, 0 if home is None else home.database.uuid)

    def _home(self) -> Connection | None:
        """The prefix where it would be used, if that has the enum, or learns it now."""
        try:
            connection = scope.named(self._prefix, write=self._prefix is not None)
        except RuntimeError:
            return None
        return connection if _learn(connection, self) else None


def enum(
    name: Any = None,
    values: Iterable[str] | None = None,
    prefix: str | None = None,
    type_id: str | None = None,
) -> Any:
    """An enum `name` with these value names; used as a decorator (`@enum(values=[...])`) the class's name is its name.

    `prefix`: the prefix that it is kept in; by default each prefix that uses it has its own. `type_id`: an identity
    to keep when the name changes.

    Raises `TypeError` for names that are no str, `RuntimeError` when the prefix knows an enum of this name with
    other values.

    >>> Color = perdure.enum("Color", ["RED", "GREEN"])  # doctest: +SKIP
    """
    if name is not None and not isinstance(name, str | type):
        raise TypeError(f"enum: the name is a str, not {type(name).__name__}")
    if values is None or isinstance(values, str):
        raise TypeError("enum: values are a list of names")
    names = tuple(values)
    for one in names:
        if not isinstance(one, str):
            raise TypeError(f"enum: a value name is a str, not {type(one).__name__}")
    if len(set(names)) != len(names):
        raise ValueError(f"enum: a name is given twice in {names}")
    if name is None:
        return cast("Callable[[type], EnumType]", lambda cls: _define(cls.__name__, names, prefix, type_id))
    return _define(name if isinstance(name, str) else name.__name__, names, prefix, type_id)


def _define(name: str, names: tuple[str, ...], prefix: str | None, type_id: str | None) -> EnumType:
    made = EnumType(name, names, prefix, type_id or name)
    known = _enums.get(made._identity)
    if known == made:
        made = known
    made._home()
    _enums[made._identity] = made
    return made


def is_enum(value: Any, /) -> bool:
    """Whether `value` is an enum (not one of its values)."""
    return isinstance(value, EnumType)


def is_enum_value(value: Any, /) -> bool:
    """Whether `value` is a value of an enum, or a placeholder for one."""
    return isinstance(value, EnumValue)


# -- in a prefix -------------------------------------------------------------------------------------------


def _key(identity: str) -> bytes:
    return _KEY + keys.encode((identity,))


def _find(connection: Connection, identity: str) -> tuple[str, tuple[str, ...]] | None:
    """Name and value names of an enum that the connection knows."""
    data = connection.read(_CATALOG, _key(identity))
    if data is None:
        return None
    name, names = cast("tuple[str, tuple[str, ...]]", codec.decode_value(data))
    return name, names


_committed: weakref.WeakKeyDictionary[Database, dict[str, tuple[str, ...]]] = weakref.WeakKeyDictionary()
"""Enums that a database is known to have committed, which it never loses."""


def _learn(connection: Connection, definition: EnumType) -> bool:
    """Make the connection know an enum; whether it does. `RuntimeError` when it knows another one of that name."""
    if _committed.get(connection.database, {}).get(definition._identity) == definition._names:
        return True
    with connection.lock:
        found = _find(connection, definition._identity)
        if found is not None:
            if found[1] != definition._names:
                raise ObjectError(
                    f"the enum {definition.__name__} has the values {found[1]} in {scope.name_of(connection)}, "
                    f"which cannot be redefined as {definition._names}"
                )
            if connection.read_pending(_CATALOG, _key(definition._identity)) is None:
                _committed.setdefault(connection.database, {})[definition._identity] = found[1]
            return True
        if not connection.writable:
            return False
        stored = codec.encode_value((definition.__name__, definition._names))
        connection.overlay.put(_CATALOG, _key(definition._identity), stored)
        return True


def _encode_value(connection: Connection | None, value: EnumValue) -> object:
    definition = _enums.get(value._enum)
    if connection is not None and definition is not None:
        _mention(connection, definition)
    return value._enum, value._name


def _mention(connection: Connection, definition: EnumType) -> None:
    """Make the connection know an enum that is being stored, unless it knows one of that name."""
    if definition._identity not in _committed.get(connection.database, ()):
        with contextlib.suppress(ObjectError):
            _learn(connection, definition)


def _decode_value(connection: Connection | None, payload: object) -> object:
    if type(payload) is not tuple or [type(part) for part in payload] != [str, str]:
        raise CorruptRecordError(f"a stored enum value is damaged: {payload!r}")
    enum_name, name = payload
    return value_of(enum_name, name, database=0 if connection is None else connection.database.uuid)


def _encode_type(connection: Connection | None, value: EnumType) -> object:
    if connection is not None:
        _mention(connection, value)
    return value._identity, value.__name__, value._names, value._prefix


def _decode_type(connection: Connection | None, payload: object) -> object:
    if type(payload) is not tuple or len(payload) != 4 or type(payload[2]) is not tuple:
        raise CorruptRecordError(f"a stored enum is damaged: {payload!r}")
    identity, name, names, prefix = payload
    made = EnumType(name, names, prefix, identity)
    known = _enums.setdefault(identity, made)
    return known if known == made else made


register_extension(_VALUE, EnumValue, _encode_value, _decode_value)
register_extension(_TYPE, EnumType, _encode_type, _decode_type)

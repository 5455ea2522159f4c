"""How instances of memo classes come into being where that is more than calling the class.

An ordinary class needs nothing here: its instances go to the current prefix. Scoped classes choose the prefix,
singletons return the instance that exists.
"""

from __future__ import annotations

import inspect
from typing import Any, Protocol, TypeVar

from perdure.errors import ObjectError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.immutable import stored
from perdure.model.migrations import check_migrations, migrate
from perdure.security import exempting, is_visible
from perdure.session import Connection, delete_root, get_root, identity_of, set_root

__all__ = [
    "Factory",
    "chooses_prefix",
    "factory_for",
    "is_singleton_class",
    "materialized",
    "set_prefix",
    "singleton_of",
    "singleton_root",
    "stored_singleton",
]

_T = TypeVar("_T")


class Factory(Protocol):
    """Makes the instances of a class."""

    def create(self, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What calling `cls` returns."""


class _Found(BaseException):
    """Carries the prefix out of the `__init__` of an object that only asks for it."""

    def __init__(self, prefix: str | None) -> None:
        self.prefix = prefix


class _Plain:
    """For classes without `__init__`: they take no arguments."""

    def create(self, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if (args or kwargs) and cls.__init__ is object.__init__:  # type: ignore[misc]
            raise TypeError(f"{cls.__qualname__}() takes no arguments")
        return durable.construct(cls, args, kwargs)


class _First:
    """Checks before the first instance that the class is what the current prefix knows under its name."""

    def __init__(self, then: Factory | None) -> None:
        self.then = then

    def create(self, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        connection = durable.get_ambient()
        if isinstance(connection, Connection):
            connection.catalog.find_entry(cls)
            if cls.__dict__.get("_perdure_factory_") is self:
                cls._perdure_factory_ = self.then  # type: ignore[attr-defined]
        return durable.construct(cls, args, kwargs) if self.then is None else self.then.create(cls, args, kwargs)


class _Scoped:
    """For classes whose instances live in one named prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def create(self, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return construct_in(scope.named(self.prefix, write=True), cls, args, kwargs)


class _Singleton:
    """For classes with one instance a prefix."""

    def __init__(self, prefix: str | None) -> None:
        self.prefix = prefix

    def create(self, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        asked = _prefix_asked_for(cls, args, kwargs)
        connection = scope.named(self.prefix if asked is None else asked.prefix, write=True)
        with connection.lock:
            found = stored_singleton(cls, connection)
            if found is None:
                if not connection.writable:
                    connection.refuse_create(cls)
                found = construct_in(connection, cls, args, kwargs)
                set_root(connection, singleton_root(identity_of(cls)), found)
                return found
            if not is_visible(found):
                if not connection.writable:
                    connection.refuse_create(cls)  # as where there is none
                raise PermissionError(f"access to {cls.__qualname__} is controlled: it cannot be made here")
            if connection.writable:
                migrate(found, connection)
            return found


def factory_for(cls: type, *, prefix: str | None, singleton: bool) -> Factory:
    """The factory of a memo class."""
    if singleton:
        check_migrations(cls)
        return _Singleton(prefix)
    if prefix is not None:
        return _Scoped(prefix)
    return _First(_Plain() if cls.__init__ is object.__init__ else None)  # type: ignore[misc]


def construct_in(connection: Connection, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make an instance that belongs to `connection`, unless its `__init__` chooses another prefix."""
    if (args or kwargs) and cls.__init__ is object.__init__:  # type: ignore[misc]
        raise TypeError(f"{cls.__qualname__}() takes no arguments")
    return durable.construct(cls, args, kwargs, connection)


def singleton_root(identity: str) -> str:
    """The root that holds the instance of the singleton class with an identity."""
    return f"singleton:{identity}"


def stored_singleton(cls: type, connection: Connection) -> Any:
    """The instance of a singleton class that `connection` has, or None."""
    return get_root(connection, singleton_root(identity_of(cls)))


def singleton_of(cls: type, connection: Connection) -> Any:
    """The instance of a singleton class that the running context may see of what `connection` has, or None."""
    found = stored_singleton(cls, connection)
    return found if found is None or is_visible(found) else None


def is_the_singleton(obj: durable.Durable, connection: Connection) -> bool:
    """Whether an object is the one instance of its class, kept for that."""
    return is_singleton_class(type(obj)) and stored_singleton(type(obj), connection) is obj


def remove_singleton(obj: durable.Durable, connection: Connection) -> None:
    """Let the next call of the class make another instance, if `obj` is the one there is."""
    if is_the_singleton(obj, connection):
        delete_root(connection, singleton_root(identity_of(type(obj))))


def is_singleton_class(cls: type) -> bool:
    """Whether a class has one instance a prefix."""
    return bool(getattr(cls, "_perdure_flags_", {}).get("singleton"))


def materialized(obj: _T, /) -> _T:
    """The object in a form that can be used in full: inside of `__init__`, `self` gets its identity.

    An immutable object that is stored nowhere yet is stored now; of interned ones that are equal, all give the one
    that is stored. Anything else is returned as it is.

    >>> def __init__(self, project):
    ...     project.tasks.append(perdure.materialized(self))
    """
    if isinstance(obj, durable.Durable) and durable.is_transient(obj):
        return stored(obj)  # type: ignore[return-value]
    if isinstance(obj, durable.Durable) and durable.is_building(obj):
        connection = scope.connection_of(obj)
        with connection.lock:
            connection.add(obj)
    return obj


def set_prefix(obj: Any, prefix: str | None, /) -> None:
    """Choose the prefix of a new object: the first statement of its `__init__`. None is the current prefix.

    Raises `RuntimeError` when fields were assigned before, or when called outside of `__init__`.

    >>> def __init__(self, name, prefix=None):
    ...     perdure.set_prefix(self, prefix)
    ...     self.name = name
    """
    if not isinstance(obj, durable.Durable):
        raise TypeError(f"set_prefix takes a memo object, not {type(obj).__name__}")
    if prefix is not None and not isinstance(prefix, str):
        raise TypeError(f"set_prefix: prefix must be a str, not {type(prefix).__name__}")
    if id(obj) in _probes:
        raise _Found(prefix)
    if not durable.is_building(obj):
        raise ObjectError("object already initialized; set_prefix is for the first statement of __init__")
    if durable.mask_of(obj):
        raise ObjectError("set_prefix must be called before initializing any object members")
    durable.set_owner(obj, scope.named(prefix, write=True))


_probes: set[int] = set()
"""Ids of the objects on which `__init__` runs only to learn the prefix."""


def _prefix_asked_for(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Found | None:
    """The prefix that `__init__` would set, learned by running it up to there on an object that is thrown away.

    Arguments that are missing are None: the instance may exist, and then they do not matter.
    """
    if not chooses_prefix(cls):
        return None
    signature = inspect.signature(cls.__init__)
    probe = durable.Durable.__new__(cls)
    bound = signature.bind_partial(probe, *args, **kwargs)
    bound.apply_defaults()
    bound.arguments.update((name, None) for name in signature.parameters if name not in bound.arguments)
    _probes.add(id(probe))
    try:
        with exempting(probe):
            cls.__init__(*bound.args, **bound.kwargs)
    except _Found as found:
        return found
    finally:
        _probes.discard(id(probe))
    return None


def chooses_prefix(cls: type) -> bool:
    """Whether an `__init__` of a class or its bases may call `set_prefix`."""
    return any(_calls_set_prefix(base) for base in cls.__mro__)


def _calls_set_prefix(cls: type) -> bool:
    code = getattr(cls.__dict__.get("__init__"), "__code__", None)
    return code is not None and "set_prefix" in code.co_names

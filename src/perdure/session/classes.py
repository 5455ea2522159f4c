"""The durable classes of this process by identity, and stand-ins for those that cannot be imported.

The identity of a class is the string given as `id`, else `module:qualname`. It is what a database stores, once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, NoReturn
from weakref import WeakSet

from perdure.errors import ClassNotFoundError
from perdure.kernel import durable

__all__ = [
    "StandIn",
    "durable_bases",
    "family_of",
    "identity_of",
    "observe_definitions",
    "register_class",
    "resolve_class",
]

_registered: dict[str, type[durable.Durable]] = {}
_FROZEN = "_perdure_immutable_"
_observers: WeakSet[Any] = WeakSet()


def observe_definitions(observer: Any) -> None:
    """Call `observer.defined(cls)` whenever a class is defined, as long as something holds the observer."""
    _observers.add(observer)


def identity_of(cls: type) -> str:
    """The identity under which `cls` is stored."""
    own = cls.__dict__.get("_perdure_identity_")
    return own if isinstance(own, str) else f"{cls.__module__}:{cls.__qualname__}"


def register_class(cls: type[durable.Durable], *, replace: bool = True) -> None:
    """Make `cls` the class of its identity in this process; a redefinition replaces the earlier class."""
    if replace or identity_of(cls) not in _registered:
        _registered[identity_of(cls)] = cls
        for observer in list(_observers):
            observer.defined(cls)


def family_of(cls: type) -> Iterator[type]:
    """A class and all that derive from it, in this process; one is met again by each way that leads to it."""
    yield cls
    below: type
    for below in type.__subclasses__(cls):
        yield from family_of(below)


def is_redefinition(cls: type, earlier: type) -> bool:
    """Whether `cls` is another definition of the class `earlier`, whose objects can be its objects."""
    if cls is earlier or identity_of(cls) != identity_of(earlier):
        return False
    return issubclass(earlier, StandIn) or getattr(cls, _FROZEN, False) == getattr(earlier, _FROZEN, False)


def registered_class(identity: str) -> type[durable.Durable] | None:
    """The class of an identity as this process defined it last, if it did."""
    return _registered.get(identity)


def resolve_class(identity: str, module: str, qualname: str, *, imports: bool = True) -> type[durable.Durable]:
    """The class of an identity: registered, importable, or else a stand-in that tells why it is not.

    Without `imports`, its module is not imported for it.
    """
    found = _registered.get(identity)
    if found is not None:
        return found
    if not imports:
        return _stand_in(identity, module, qualname, "its module is not imported")
    try:
        target: Any = importlib.import_module(module)
        for part in qualname.split("."):
            target = getattr(target, part)
    except (ImportError, AttributeError, ValueError) as error:
        return _stand_in(identity, module, qualname, f"{type(error).__name__}: {error}")
    found = _registered.get(identity)
    if found is not None:
        return found
    if isinstance(target, type) and issubclass(target, durable.Durable) and identity_of(target) == identity:
        _registered[identity] = target
        return target
    return _stand_in(identity, module, qualname, f"{module}.{qualname} is no durable class of identity {identity!r}")


class _Fielded(durable.Durable):
    """Has the real `__dict__` of the instances."""


class StandIn(_Fielded):
    """An object whose class cannot be imported here.

    Its stored fields can be read as attributes, and it is stored again as it was. Using it in any other way
    raises `ClassNotFoundError` with the import that failed.
    """

    _perdure_missing_ = ("", "")
    _perdure_immutable_ = False

    def __setattr__(self, name: str, value: object) -> None:
        raise self._perdure_error_()

    def __delattr__(self, name: str) -> None:
        raise self._perdure_error_()

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return durable.visible_fields(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled or copied")

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        raise self._perdure_error_(f" and it has no stored field {name!r}")

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Raise `ClassNotFoundError`."""
        raise self._perdure_error_()

    def __repr__(self) -> str:
        return f"<stand-in for {self._perdure_missing_[0]} #{durable.oid_of(self)}>"

    def _perdure_error_(self, more: str = "") -> ClassNotFoundError:
        identity, reason = self._perdure_missing_
        return ClassNotFoundError(f"the class {identity} cannot be loaded here ({reason}){more}")


def _stand_in(identity: str, module: str, qualname: str, reason: str) -> type[StandIn]:
    members = {"_perdure_missing_": (identity, reason), "_perdure_identity_": identity, "__module__": module}
    return type(qualname.rpartition(".")[2], (StandIn,), members)


def durable_bases(cls: type[durable.Durable]) -> list[type[durable.Durable]]:
    """The nearest durable classes above `cls` that instances are stored under."""
    found: list[type[durable.Durable]] = []
    for base in cls.__mro__[1:]:
        if base in (durable.Durable, _Fielded, StandIn) or not issubclass(base, durable.Durable):
            continue
        if getattr(base, "_perdure_abstract_", None) is base or any(issubclass(one, base) for one in found):
            continue
        found.append(base)
    return found

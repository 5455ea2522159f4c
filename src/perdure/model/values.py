"""Values stored by name: classes, functions and modules, members of Python's enums, and paths.

A stored name is resolved by importing what it says and checking its kind. A name that cannot be resolved reads as an
`Unresolved` value, which is stored again as it was, so that the object that has it stays usable.
"""

from __future__ import annotations

import enum
import importlib
import pathlib
import types
from typing import Any

from perdure.errors import ClassNotFoundError, CorruptRecordError
from perdure.kernel import durable
from perdure.session import Connection, StandIn, identity_of, register_extension, resolve_class

__all__ = ["Unresolved"]

_CLASS, _FUNCTION, _MODULE, _MEMBER, _PATH = 1, 2, 3, 5, 6


class Unresolved:
    """A stored class, function, module or enum member that cannot be imported here.

    Using it raises `perdure.ClassNotFoundError` with the import that failed.
    """

    __slots__ = ("__weakref__", "_payload", "_reason")

    def __init__(self, payload: object, reason: str) -> None:
        self._payload = payload
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        raise ClassNotFoundError(f"{self._payload!r} cannot be loaded here: {self._reason}")

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Raise `ClassNotFoundError`."""
        raise ClassNotFoundError(f"{self._payload!r} cannot be loaded here: {self._reason}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._payload == self._payload

    def __hash__(self) -> int:
        return hash(self._payload)

    def __repr__(self) -> str:
        return f"<unresolved {self._payload!r}>"


def _import(module: str, qualname: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in qualname.split(".") if qualname else ():
        found = getattr(found, part)
    return found


def _resolve(module: str, qualname: str, kind: type | tuple[type, ...]) -> Any:
    """What a name says; `LookupError` with the reason when there is no such thing of that kind."""
    try:
        found = _import(module, qualname)
    except (ImportError, AttributeError, ValueError) as error:
        raise LookupError(f"{type(error).__name__}: {error}") from None
    if not isinstance(found, kind):
        raise LookupError(f"{module}.{qualname} is a {type(found).__qualname__}")
    return found


def _name_of(value: Any) -> tuple[str, str]:
    """Module and qualified name of a class or function. Raises `TypeError` when they do not lead back to it."""
    module, qualname = value.__module__, value.__qualname__
    try:
        found = _import(module, qualname)
    except (ImportError, AttributeError, ValueError):
        found = None
    if found is not value:
        raise TypeError(
            f"the {type(value).__name__} {module}.{qualname} is not what its name imports: it cannot be stored"
        )
    return module, qualname


def _encode_class(connection: Connection | None, value: type) -> object:
    if issubclass(value, durable.Durable):
        if issubclass(value, StandIn):
            raise TypeError(f"{value.__qualname__} stands in for a class that cannot be loaded here")
        return value.__module__, value.__qualname__, identity_of(value)
    return *_name_of(value), None


def _class(payload: object) -> Any:
    module, qualname, identity = _checked(payload, (str, str, (str, types.NoneType)))
    if identity is None:
        return _resolve(module, qualname, type)
    return resolve_class(identity, module, qualname)


def _function(payload: object) -> Any:
    module, qualname = _checked(payload, (str, str))
    return _resolve(module, qualname, types.FunctionType)


def _module(payload: object) -> Any:
    return _resolve(_checked((payload,), (str,))[0], "", types.ModuleType)


def _encode_module(connection: Connection | None, value: types.ModuleType) -> object:
    try:
        found = _import(value.__name__, "")
    except (ImportError, ValueError):
        found = None
    if found is not value:
        raise TypeError(f"the module {value.__name__} is not what that name imports")
    return value.__name__


def _encode_member(connection: Connection | None, value: enum.Enum) -> object:
    cls = type(value)
    if isinstance(value, enum.Flag):
        return *_name_of(cls), value.value
    return *_name_of(cls), value.name


def _member(payload: object) -> Any:
    module, qualname, member = _checked(payload, (str, str, (str, int)))
    cls = _resolve(module, qualname, enum.EnumMeta)
    try:
        return cls(member) if issubclass(cls, enum.Flag) else cls[member]
    except (KeyError, ValueError) as error:
        raise LookupError(f"{module}.{qualname} has no {member!r} ({type(error).__name__})") from None


_PATHS = (pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath)


def _encode_path(connection: Connection | None, value: pathlib.PurePath) -> object:
    if type(value) not in _PATHS:
        raise TypeError(f"a path of type {type(value).__qualname__} cannot be stored")
    return isinstance(value, pathlib.PureWindowsPath), isinstance(value, pathlib.Path), str(value)


def _decode_path(connection: Connection | None, payload: object) -> object:
    """The path; a pure one when it is a concrete path of another system."""
    windows, concrete, text = _checked(payload, (bool, bool, str))
    pure = pathlib.PureWindowsPath(text) if windows else pathlib.PurePosixPath(text)
    here = isinstance(pathlib.PurePath(), pathlib.PureWindowsPath)
    return pathlib.Path(text) if concrete and windows is here else pure


def _checked(payload: object, kinds: tuple[type | tuple[type, ...], ...]) -> Any:
    """The payload, if it is a tuple of values of these kinds."""
    if type(payload) is tuple and len(payload) == len(kinds) and all(map(isinstance, payload, kinds)):
        return payload
    raise CorruptRecordError(f"a stored name or path is damaged: {payload!r}")


def _register(code: int, kind: type, encode: Any, decode: Any) -> None:
    unresolved = type(f"Unresolved{code}", (Unresolved,), {"__slots__": ()})

    def read(connection: Connection | None, payload: object) -> object:
        try:
            return decode(payload)
        except LookupError as error:
            if isinstance(error, CorruptRecordError):
                raise
            return unresolved(payload, str(error))

    register_extension(code, kind, encode, read)
    register_extension(code, unresolved, lambda connection, value: value._payload, read)


_register(_CLASS, type, _encode_class, _class)
_register(_FUNCTION, types.FunctionType, lambda connection, value: _name_of(value), _function)
_register(_MODULE, types.ModuleType, _encode_module, _module)
_register(_MEMBER, enum.Enum, _encode_member, _member)
register_extension(_PATH, pathlib.PurePath, _encode_path, _decode_path)

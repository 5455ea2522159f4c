"""Class ids that are the same in every database: perdure's own durable types.

A built-in type has one shape, whose id is the class id; it stores a record of its own making through
`_perdure_store_` and `_perdure_restore_` instead of fields, so the catalog needs no entry for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from perdure.kernel import durable

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["FIRST_FREE_ID", "BuiltinType", "builtin_class", "builtin_id", "locate_builtins", "register_builtin"]

FIRST_FREE_ID = 64
"""Class and shape ids below this are built-in; databases give out ids from here on."""

_by_id: dict[int, type[durable.Durable]] = {}
_modules: dict[int, str] = {}
_T = TypeVar("_T", bound="type[durable.Durable]")


class BuiltinType(Protocol):
    """What a built-in durable type has besides being a `Durable`."""

    def _perdure_store_(self) -> list[object]:
        """The values of the record."""

    def _perdure_restore_(self, values: list[object]) -> None:
        """Set the state from the values of a record."""

    @staticmethod
    def _perdure_held_(connection: Connection, oid: int) -> Iterable[int]:
        """Ids that entries outside the record hold, once for each time; may be absent when there are none."""

    @staticmethod
    def _perdure_dropped_(connection: Connection, oid: int) -> None:
        """Release what the object keeps outside its record; it is being dropped."""


def register_builtin(class_id: int) -> Callable[[_T], _T]:
    """Class decorator: give a durable type its fixed class id (1 to 63).

    >>> @register_builtin(63)  # doctest: +SKIP
    ... class Thing(Durable): ...
    """
    if not 0 < class_id < FIRST_FREE_ID:
        raise ValueError(f"a built-in class id is 1 to {FIRST_FREE_ID - 1}, not {class_id}")

    def decorate(cls: _T) -> _T:
        if _by_id.setdefault(class_id, cls) is not cls:
            raise ValueError(f"class id {class_id} belongs to {_by_id[class_id].__name__}")
        cls._perdure_builtin_ = class_id  # type: ignore[attr-defined]
        return cls

    return decorate


def builtin_id(cls: type) -> int:
    """The fixed class id of `cls`, or 0 when it is no built-in type."""
    return cast(int, cls.__dict__.get("_perdure_builtin_", 0))


def locate_builtins(module: str, *class_ids: int) -> None:
    """Say which module registers these built-in types; it is imported when one of them is first met in a database."""
    _modules.update(dict.fromkeys(class_ids, module))


def builtin_class(class_id: int) -> type[durable.Durable] | None:
    """The built-in type of `class_id`, or None."""
    if class_id not in _by_id and class_id in _modules:
        import_module(_modules[class_id])
    return _by_id.get(class_id)

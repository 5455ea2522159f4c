"""Migrations of singletons: methods that give older stored instances the fields that they lack."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from perdure.errors import MigrateError
from perdure.kernel import durable
from perdure.security import exempting
from perdure.session import Connection

__all__ = ["check_migrations", "migrate", "migration"]

_F = TypeVar("_F", bound=Callable[..., Any])
_MARK = "_perdure_migration_"


def migration(method: _F, /) -> _F:
    """Mark a method of a singleton class as the one that assigns certain fields to an instance without them.

    It runs once when an instance that was stored before the fields were added is got through its constructor.

    >>> @perdure.memo(singleton=True)
    ... class Settings:
    ...     @perdure.migration
    ...     def add_colour(self):
    ...         self.colour = "blue"
    """
    setattr(method, _MARK, frozenset(_assigned(method)))
    return method


def _assigned(method: Callable[..., Any]) -> Iterator[str]:
    """Names of the attributes that a method assigns to its first argument."""
    code = method.__code__
    first = code.co_varnames[0] if code.co_argcount else None
    before: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname == "STORE_ATTR" and before is not None and _loads(before, first):
            yield instruction.argval
        before = instruction


def _loads(instruction: dis.Instruction, name: str | None) -> bool:
    loaded = instruction.argval
    return instruction.opname.startswith("LOAD_FAST") and (loaded[-1] if isinstance(loaded, tuple) else loaded) == name


def _migrations(cls: type) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            fields = getattr(member, _MARK, None)
            if isinstance(fields, frozenset):
                found[name] = fields
    return found


def check_migrations(cls: type) -> None:
    """Raise `RuntimeError` when two migrations of a class assign the same field."""
    owners: dict[str, str] = {}
    for name, fields in _migrations(cls).items():
        for field in fields:
            if owners.setdefault(field, name) != name:
                raise MigrateError(f"Duplicate migration: {owners[field]} and {name} both assign {field}")


def migrate(obj: Any, connection: Connection) -> None:
    """Run the migrations whose fields a stored instance lacks. When one fails, nothing of any was done."""
    durable.load(obj)
    present = set(durable.fields(obj))
    wanted = [name for name, fields in _migrations(type(obj)).items() if not fields <= present]
    if not wanted:
        return
    savepoint = connection.savepoint()
    try:
        with exempting(obj):
            for name in wanted:
                getattr(obj, name)()
        savepoint.release()
    except BaseException:
        savepoint.rollback()
        raise

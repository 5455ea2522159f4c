"""Who may use which fields of protected objects: what the kernel asks before each use of one.

The account is what the bound context variable has at that moment. Nothing here touches a value: neither it nor what it
would be replaced by is in an error, or in the frame of a function that raises one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from perdure.errors import WorkspaceError
from perdure.kernel import durable
from perdure.security.bindings import MASKS, UNSET, Binding
from perdure.security.grants import allows, governing, masks_of
from perdure.session import Connection, identity_of, is_protected

__all__ = ["check_account", "check_content", "check_readable", "exempting", "is_readable", "readable_fields"]

_READS_ALL: Final = -1
_DOES_ALL: Final = -2
_exempt: ContextVar[object] = ContextVar("perdure_exempt", default=None)


@contextmanager
def exempting(obj: durable.Durable) -> Iterator[None]:
    """Let the fields of one object be used by whatever runs inside: a migration of it, or a look at its `__init__`."""
    token = _exempt.set(obj)
    try:
        yield
    finally:
        _exempt.reset(token)


def check_account(account: Any, *, debug: bool = False) -> int:
    """An account as a plain int. Raises `TypeError` for another type, `RuntimeError` for a number that is none.

    `debug`: also -1, which may read everything, and -2, which may do everything.
    """
    if not isinstance(account, int) or isinstance(account, bool):
        raise TypeError(f"an account is an int, not {type(account).__name__}")
    found = int.__index__(account)
    if found < 0 and not (debug and found in (_READS_ALL, _DOES_ALL)):
        raise WorkspaceError(f"invalid account {found}: the ids of accounts are not negative")
    return found


def _account(binding: Binding) -> int | None:
    """The account of the running context, None for none."""
    value = binding.value()
    return None if value is UNSET else check_account(value, debug=binding.debug)


def _check(obj: durable.Durable, name: str, operation: str) -> object:
    """What the kernel calls: raises, or says what is to be read."""
    connection = _connection_of(obj)
    cls = type(obj)
    if not is_protected(cls, None if connection is None else connection.catalog) or _exempt.get() is obj:
        return durable.GRANTED
    binding = _binding(connection)
    if binding is None:
        if operation != durable.READ:
            return durable.GRANTED
        raise _uninitialized(cls, name)
    account = _account(binding)
    if _may(connection, account, cls, name, operation):
        if operation != durable.CREATE or not getattr(cls, "_perdure_interned_", False):
            return durable.GRANTED
        operation = durable.READ  # what is made is looked up: whether it is there would tell what is in another
        if _may(connection, account, cls, name, operation):
            return durable.GRANTED
        raise _refusal(account, cls, name, operation)
    if operation == durable.READ and binding.placeholder is not UNSET:
        return binding.placeholder
    raise _refusal(account, cls, name, operation)


def _uninitialized(cls: type, name: str) -> WorkspaceError:
    return WorkspaceError(
        f"{cls.__qualname__}.{name} is protected, and data masking is not initialized for its prefix; give init the "
        "option data_masking"
    )


def _refusal(account: int | None, cls: type, name: str, operation: str) -> PermissionError:
    who = "without an account nobody" if account is None else f"the account {account}"
    may = "may" if account is None else "may not"
    return PermissionError(f"{who} {may} {operation} the protected field {cls.__qualname__}.{name}")


def _connection_of(obj: durable.Durable) -> Connection | None:
    owner = durable.owner_of(obj)
    found = owner if owner is not None else durable.get_ambient()
    return found if isinstance(found, Connection) else None


def _binding(connection: Connection | None) -> Binding | None:
    return MASKS.named("") if connection is None else MASKS.of(connection)


def _may(connection: Connection | None, account: int | None, cls: type, name: str, operation: str) -> bool:
    if account is None or connection is None:
        return False
    if account < 0:
        return account == _DOES_ALL or operation == durable.READ
    return allows(masks_of(governing(connection), identity_of(cls), account).get(name, 0), operation)


def _may_read(connection: Connection, cls: type, name: str) -> bool:
    if not is_protected(cls, connection.catalog):
        return True
    binding = _binding(connection)
    return binding is not None and _may(connection, _account(binding), cls, name, durable.READ)


def is_readable(obj: durable.Durable, name: str) -> bool:
    """Whether the running context gets the value of a field; False also where no account can be told."""
    connection = _connection_of(obj)
    if connection is None:
        return not is_protected(type(obj), None)
    return _may_read(connection, type(obj), name)


def readable_fields(obj: durable.Durable) -> dict[str, Any]:
    """The stored fields of an object whose values the running context gets; objects among them are not looked at."""
    durable.load(obj)
    readable = {name for name in list(durable.fields(obj)) if is_readable(obj, name)}
    return {name: value for name, value in durable.fields(obj).items() if name in readable}


def check_content(obj: durable.Durable) -> None:
    """Raise `PermissionError` when the content of an object may not be compared: not all of its fields are readable."""
    connection = _connection_of(obj)
    if connection is not None and is_protected(type(obj), connection.catalog):
        for name in list(durable.fields(obj)):
            check_readable(connection, type(obj), name, "a comparison")


def check_readable(connection: Connection, cls: type, name: str, use: str) -> None:
    """Raise `PermissionError` when the running context may not read a field of the objects of a class.

    `use` says what would show it. Raises `RuntimeError` where data masking is not initialized, as reading it does.
    """
    if _may_read(connection, cls, name):
        return
    if _binding(connection) is None:
        raise _uninitialized(cls, name)
    raise PermissionError(f"{use} shows the protected field {cls.__qualname__}.{name}, which may not be read")


durable.set_watcher(_check)

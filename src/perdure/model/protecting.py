"""Protected fields of memo classes: the option of `memo`, and who may use the fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from perdure.errors import ObjectError, WorkspaceError
from perdure.kernel import durable
from perdure.model import scope
from perdure.security import OPERATIONS, allows, check_account, mask_of, masks_of, put_masks
from perdure.session import (
    PROTECTED,
    Connection,
    class_key,
    identity_of,
    is_protected,
    protection_of,
    registered_class,
)
from perdure.storage import spaces

__all__ = [
    "check_protection",
    "get_field_access",
    "keep_protection",
    "reset_protect_fields",
    "reset_protection",
    "set_field_access",
]

_BY_MODE = {operation.upper(): operation for operation in OPERATIONS}


# -- the flag ----------------------------------------------------------------------------------------------


def check_protection(target: type, given: bool | None) -> None:
    """Refuse what an option `protect_fields` cannot mean for a class that is being made durable."""
    base = _protected_base(target)
    if given is False and base is not None:
        raise WorkspaceError(
            f"memo: protect_fields=False of {target.__qualname__} cannot be, since its base {base} is protected"
        )


def _protected_base(target: type) -> str | None:
    """The identity of a base of a class that is protected, by its definition or in an open prefix."""
    if not isinstance(target, type):
        return None
    for base in target.__mro__[1:] if not issubclass(target, durable.Durable) else target.__mro__:
        if issubclass(base, durable.Durable):
            catalogs = [one.catalog for one in list(scope.live.values()) if not one.closed]
            for catalog in (None, *catalogs):
                if is_protected(base, catalog):
                    return identity_of(base)
    return None


def keep_protection(connection: Connection) -> None:
    """Have a prefix that was opened, or is open while a class is defined, keep the flags that its classes declare."""
    if not connection.writable or connection.closed:
        return
    for entry in connection.catalog.entries():
        cls = registered_class(entry.identity)
        declared = cls is not None and cls.__dict__.get("_perdure_flags_", {}).get(PROTECTED)
        if declared and not entry.flags.get(PROTECTED):
            connection.catalog.set_flag(entry, PROTECTED, True)
            if not connection.database.is_shared:  # there it waits for the next commit, which may fail
                _store(connection, entry.class_id)


def _store(connection: Connection, class_id: int) -> None:
    """Have the next commit write the entry of a class, even if there is nothing else to commit."""
    with connection.lock:
        data = connection.catalog.entry(class_id).encode()
        connection.overlay.put(spaces.CATALOG.id, class_key(class_id), data)
        connection.mutations += 1


def reset_protect_fields(cls: type, /) -> None:
    """End the protection of the fields of a class in its prefix, or the current one: it outlasts its declaration.

    What accounts were granted stays, and holds again should the class be protected again. It takes effect at once.
    Raises `TypeError` for what is no memo class, `RuntimeError` while the class is declared with `protect_fields=True`
    or has the protection from a base, inside of `atomic`, and where the prefix cannot be written.

    >>> perdure.reset_protect_fields(Customer)  # doctest: +SKIP
    """
    reset_protection(_connection(cls, "reset_protect_fields"), cls)


def reset_protection(connection: Connection, cls: type) -> None:
    """`reset_protect_fields` in the prefix of a connection."""
    identity = identity_of(cls)
    present = registered_class(identity) or cls
    if present.__dict__.get("_perdure_flags_", {}).get(PROTECTED):
        raise ObjectError(
            f"{cls.__qualname__} is decorated with protect_fields=True; declare it without, then reset it"
        )
    inherited = [one for one in protection_of(cls, connection.catalog) if one != identity]
    if inherited:
        raise ObjectError(f"{cls.__qualname__} inherits protect_fields from {inherited[0]}; reset that one")
    if not connection.writable:
        connection.refuse_create(cls)
    with connection.changing():
        if len(connection.overlays) > 1:
            raise ObjectError("protect_fields cannot be reset inside of atomic, which could not undo it")
        for entry in connection.catalog.entries():
            if entry.identity == identity and entry.flags.get(PROTECTED):
                connection.catalog.set_flag(entry, PROTECTED, False)
                _store(connection, entry.class_id)


# -- who may use the fields ----------------------------------------------------------------------------------


def set_field_access(cls: type, accounts: int | Iterable[int], modes: Iterable[Any], /, *field_names: str) -> None:
    """Say what accounts may do with fields of a protected class: exactly the `modes`, whatever they might before.

    `modes` are values of any enum, or texts, with the names `CREATE`, `READ`, `UPDATE` and `DELETE`; none at all takes
    every right away. Fields need not exist yet. It holds for objects of exactly this class, not for those of derived
    ones, and is stored in the class's prefix, or the current one, as any other change. Who may write the prefix may
    grant.

    Raises `TypeError` for arguments of other types, `ValueError` for other modes and where no field is named,
    `RuntimeError` for negative accounts, and for a class that has no protected fields.

    >>> perdure.set_field_access(Customer, [7, 8], ["READ"], "name", "address")  # doctest: +SKIP
    """
    connection = _connection(cls, "set_field_access")
    given = [accounts] if isinstance(accounts, int) else list(accounts)
    numbers = [check_account(account) for account in given]
    mask = _mask(modes)
    for name in field_names:
        if not isinstance(name, str):
            raise TypeError(f"a field is named by a str, not {type(name).__name__}")
    if not field_names:
        raise ValueError("set_field_access needs the names of fields")
    if not is_protected(cls, connection.catalog):
        raise ObjectError(
            f"{cls.__qualname__} has no protected fields in {scope.name_of(connection)}; declare it with "
            "protect_fields=True"
        )
    if not connection.writable:
        connection.refuse_create(cls)
    with connection.changing():
        for number in numbers:
            put_masks(connection, identity_of(cls), number, dict.fromkeys(field_names, mask))


def get_field_access(cls: type, account: int, /) -> list[tuple[str, tuple[str, ...]]]:
    """What an account was granted of a class in its prefix, or the current one: fields with the names of the modes.

    The modes are in the order `CREATE`, `READ`, `UPDATE`, `DELETE`; a field whose rights were taken away has none.
    Raises `TypeError` for what is no memo class and for an account that is no int, `RuntimeError` for a negative one.

    >>> perdure.get_field_access(Customer, 7)  # doctest: +SKIP
    [('name', ('READ',)), ('address', ('READ',))]
    """
    connection = _connection(cls, "get_field_access")
    masks = masks_of(connection, identity_of(cls), check_account(account))
    return [
        (name, tuple(mode for mode, operation in _BY_MODE.items() if allows(mask, operation)))
        for name, mask in masks.items()
    ]


def _mask(modes: Iterable[Any]) -> int:
    if isinstance(modes, str) or not isinstance(modes, Iterable):
        raise TypeError(f"modes are an iterable of enum values, not {type(modes).__name__}")
    operations = []
    for mode in modes:
        name = mode if isinstance(mode, str) else getattr(mode, "name", None)
        if not isinstance(name, str):
            raise TypeError(f"a mode is an enum value or a str, not {type(mode).__name__}")
        if name not in _BY_MODE:
            raise ValueError(f"{name!r} is no mode; the modes are {', '.join(_BY_MODE)}")
        operations.append(_BY_MODE[name])
    return mask_of(operations)


def _connection(cls: Any, caller: str) -> Connection:
    if not isinstance(cls, type) or not issubclass(cls, durable.Durable) or not hasattr(cls, "_perdure_factory_"):
        raise TypeError(f"{caller} takes a memo class, not {cls!r}")
    return scope.named(cast(Any, cls)._perdure_prefix_)

"""Finding objects by identity, and telling what they are."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from perdure.errors import PerdureError, ReferenceError, WorkspaceError
from perdure.kernel import durable
from perdure.model import scope
from perdure.model.base import Memo
from perdure.model.creation import is_singleton_class, singleton_of
from perdure.model.identity import find_by_uuid
from perdure.model.immutable import is_interned
from perdure.model.memo import MemoBase
from perdure.session import Connection, content_of

__all__ = ["check_interned", "exists", "fetch", "fetch_from", "find_singleton", "is_memo", "is_singleton"]


_T = TypeVar("_T")


@overload
def fetch(identifier: str, expected_type: type[MemoBase], prefix: str | None = None) -> Any: ...
@overload
def fetch(identifier: str, expected_type: type[_T], prefix: str | None = None) -> _T: ...
@overload
def fetch(identifier: type[_T], expected_type: str | None = None, prefix: str | None = None) -> _T: ...
@overload
def fetch(identifier: Any, expected_type: Any = None, prefix: str | None = None) -> Any: ...
def fetch(identifier: Any, expected_type: Any = None, prefix: str | None = None) -> Any:
    """The object of a uuid, or the instance of a singleton class (in `prefix`, by default the class's or the current).

    The prefix of a uuid is opened read-only when it is not open. `expected_type` is the class (or a base) that the
    object must be of; `fetch(cls, uuid)` means the same.

    Raises `RuntimeError` for a bad uuid, another type, a missing singleton; `perdure.ReferenceError` when the object
    was deleted.
    """
    if expected_type is None and type(identifier) is str:
        return find_by_uuid(identifier)
    return fetch_from(None, identifier, expected_type, prefix)


def fetch_from(connection_at: Any, identifier: Any, expected_type: Any = None, prefix: str | None = None) -> Any:
    """`fetch` where `connection_at(live connection)` gives the connection to look in; None for the live one."""
    if isinstance(identifier, type) and isinstance(expected_type, str):
        identifier, expected_type = expected_type, identifier
    if isinstance(identifier, type):
        found = _find_singleton(connection_at, identifier, prefix)
        if found is None:
            raise WorkspaceError(f"there is no {identifier.__qualname__} in this prefix; Class not found")
        return found
    if not isinstance(identifier, str):
        raise WorkspaceError(f"fetch takes a uuid or a singleton class, not {type(identifier).__name__}")
    found = find_by_uuid(identifier, connection_at)
    if expected_type is not None and not matches(found, expected_type):
        raise WorkspaceError(f"the object {identifier} is a {type(found).__qualname__}, not a {expected_type!r}")
    return found


def matches(obj: Any, expected: Any) -> bool:
    """Whether an object is of a type as `fetch` understands it: `MemoBase` stands for any memo class."""
    if expected is MemoBase:
        return isinstance(obj, durable.Durable)
    return isinstance(expected, type) and isinstance(obj, expected)


def exists(identifier: Any, expected_type: Any = None, prefix: str | None = None) -> bool:
    """Whether `fetch` would find an object; False for what is no uuid at all."""
    return exists_in(None, identifier, expected_type, prefix)


def exists_in(connection_at: Any, identifier: Any, expected_type: Any = None, prefix: str | None = None) -> bool:
    """`exists` as `fetch_from` is to `fetch`."""
    scope.require()
    try:
        fetch_from(connection_at, identifier, expected_type, prefix)
    except (PerdureError, ReferenceError, LookupError):
        return False
    return True


def find_singleton(cls: type[_T], prefix: str | None = None) -> _T | None:
    """The instance of a singleton class, or None."""
    found: _T | None = _find_singleton(None, cls, prefix)
    return found


def _find_singleton(connection_at: Any, cls: type, prefix: str | None) -> Any:
    if not is_singleton_class(cls):
        raise WorkspaceError(f"{cls.__qualname__} is no singleton class; fetch its objects by uuid")
    live = scope.named(prefix if prefix is not None else cls._perdure_prefix_)  # type: ignore[attr-defined]
    connection: Connection | None = live if connection_at is None else connection_at(live)
    return None if connection is None else singleton_of(cls, connection)


def check_interned(uuid: str, cls: type) -> bool:
    """Whether the object of a uuid is the one of its interned class that its content is found by."""
    if not exists(uuid, cls):
        return False
    found = fetch(uuid, cls)
    connection = scope.connection_of(found)
    with connection.lock:
        return is_interned(found) and connection.interning.find_content(content_of(found), type(found)) is found


def is_memo(value: Any, /) -> bool:
    """Whether `value` is a memo object or a memo class."""
    return isinstance(value, Memo) or (isinstance(value, type) and issubclass(value, Memo))


def is_singleton(obj: Any, /) -> bool:
    """Whether a memo object is of a singleton class. Raises `TypeError` for anything but a memo object."""
    if not isinstance(obj, Memo):
        raise TypeError(f"is_singleton takes a memo object, not {type(obj).__name__}")
    return is_singleton_class(type(obj))

"""The exceptions that ZODB applications catch by name.

Conflicts, storage and read-only errors are perdure's own classes under ZODB's names; the others derive from them,
so that code written for either face catches what the other raises.
"""

from __future__ import annotations

from perdure.errors import (
    ConflictError,
    ObjectError,
    PerdureError,
    ReadConflictError,
    ReadOnlyError,
    ReferenceError,
    StorageError,
)
from perdure.zodb.utils import oid_repr

__all__ = [
    "ConflictError",
    "ConnectionStateError",
    "InvalidObjectReference",
    "POSError",
    "POSKeyError",
    "ReadConflictError",
    "ReadOnlyError",
    "StorageError",
]

POSError = PerdureError


class POSKeyError(POSError, ReferenceError, KeyError):
    """There is no object of an id; `args[0]` is the id, 8 bytes."""

    def __str__(self) -> str:
        return oid_repr(self.args[0]) if self.args else ""


class ConnectionStateError(ObjectError):
    """A connection is not in the state that the call needs: it is closed, or has pending changes."""


class InvalidObjectReference(ObjectError):
    """An object of one database or connection was put into another one."""

"""The exceptions of perdure.

PerdureError
├── StorageError (RuntimeError)        the file or engine refuses
│   ├── NotADatabaseError              the file is no perdure database
│   ├── FormatVersionError             written by a newer perdure
│   ├── DatabaseLockedError            in use where exclusive use was asked for
│   ├── ReadOnlyError                  a write where only reading is possible
│   │   └── FrozenObjectError (AttributeError)  ... of an object of a read-only prefix or a snapshot
│   ├── DiskFullError                  no space left; nothing was changed
│   ├── NetworkFilesystemError         LMDB cannot be safe there
│   ├── StorageFailedError             an earlier I/O failure; reopen
│   ├── StateUnavailableError (LookupError) no such state yet, or packed away
│   └── CorruptRecordError (ValueError) damaged bytes, with the key or object named
├── ConflictError (TransientError)     another commit came first; retry
│   └── ReadConflictError              a key read by the transaction was changed
├── WorkspaceError (RuntimeError)      not initialized, no such prefix, a call out of place
├── QueryError (RuntimeError)          no tag, no criterion, no index key, no position of a query
└── ObjectError (RuntimeError)         misuse of an object
    ├── ClosedObjectError (AttributeError)  a change of an object whose database was closed
    └── ImmutableError (AttributeError)  a change of an object of an immutable class
ReferenceError                         the object was deleted, expired or rolled back
ClassNotFoundError                     a stored class cannot be resolved
BadPrefixError                         a prefix that is not there or not right
MigrateError (RuntimeError)            a schema migration is pending or failed
"""

from __future__ import annotations

from transaction.interfaces import TransientError

__all__ = [
    "BadPrefixError",
    "ClassNotFoundError",
    "ClosedObjectError",
    "ConflictError",
    "CorruptRecordError",
    "DatabaseLockedError",
    "DiskFullError",
    "FormatVersionError",
    "FrozenObjectError",
    "ImmutableError",
    "MigrateError",
    "NetworkFilesystemError",
    "NotADatabaseError",
    "ObjectError",
    "PerdureError",
    "QueryError",
    "ReadConflictError",
    "ReadOnlyError",
    "ReferenceError",
    "StateUnavailableError",
    "StorageError",
    "StorageFailedError",
    "WorkspaceError",
]


class PerdureError(Exception):
    """Root of what perdure raises about its own rules."""


class StorageError(PerdureError, RuntimeError):
    """The storage or its file refuses the operation."""


class NotADatabaseError(StorageError):
    """The file exists and is no perdure database."""


class FormatVersionError(StorageError):
    """The file was written in a format newer than this release reads."""


class DatabaseLockedError(StorageError):
    """The database is in use where exclusive use was asked for."""


class ReadOnlyError(StorageError):
    """A write was asked of something opened for reading only."""


class DiskFullError(StorageError):
    """No space is left on the device; the commit was not made."""


class NetworkFilesystemError(StorageError):
    """The path is on a network file system, where the engine's locks are not safe."""


class StorageFailedError(StorageError):
    """An earlier I/O failure left the storage refusing work until it is reopened."""


class StateUnavailableError(StorageError, LookupError):
    """A state was asked for that does not exist yet, or whose history was packed away."""


class CorruptRecordError(StorageError, ValueError):
    """Stored bytes fail their checksum or their format."""


class ConflictError(PerdureError, TransientError):  # type: ignore[misc]
    """Another transaction committed a change that this one builds on; retry it."""


class ReadConflictError(ConflictError):
    """A key that the transaction declared as read was changed by another commit."""


class QueryError(PerdureError, RuntimeError):
    """A value cannot be a tag, a criterion, an index key or a position in the way it was used."""


class ObjectError(PerdureError, RuntimeError):
    """An object was used in a way that its state or owner does not allow."""


class FrozenObjectError(ReadOnlyError, AttributeError):
    """An object of a read-only prefix or of a snapshot was to be changed."""


class ClosedObjectError(ObjectError, AttributeError):
    """An object was to be changed after its database was closed."""


class ImmutableError(ObjectError, AttributeError):
    """An object of an immutable class was to be changed after its `__init__`."""


class WorkspaceError(PerdureError, RuntimeError):
    """The workspace does not allow the call: not initialized, no such prefix, or out of place."""


class ReadOnlyContextError(WorkspaceError):
    """A change inside of a `read_only()` block."""


class ReferenceError(Exception):
    """The object was deleted, has expired, or its creation was rolled back."""


class ClassNotFoundError(Exception):
    """A class named in the database cannot be resolved in this process."""


class BadPrefixError(Exception):
    """A prefix does not exist or does not fit the call."""


class MigrateError(RuntimeError):
    """A schema migration is pending, or it failed and was rolled back."""

"""The LMDB environments of this process: one a file, however many engines stand on it.

LMDB's locks belong to the process and the file, so a file must not be opened twice. A process that forked
must not use what its parent opened: the child finds every environment closed and has to open the file itself.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import lmdb

from perdure.errors import StorageError, StorageFailedError
from perdure.kernel import locks

from . import lmdb_file
from .lmdb_creation import make_file
from .lmdb_errors import allocate, disk_full, translate
from .lmdb_growth import Growth
from .lmdb_meta import MetaPages
from .lmdb_transaction import LmdbTransaction
from .shared_memory import SharedMemory

if TYPE_CHECKING:
    from .lmdb import LmdbEngine

__all__ = ["LmdbEnvironment", "attach"]

MAP_BYTES_MIN = 1 << 30
MAP_FACTOR = 4  # the first map is so many times the file
READERS_MAX = 510
LOCK_BYTES = 64 * (READERS_MAX + 2)
_FORK_SECONDS = 10.0

_environments: dict[tuple[int, int], LmdbEnvironment] = {}
_registry = threading.RLock()


def attach(path: str, spaces: list[int], create: bool, map_bytes: int | None) -> LmdbEnvironment:
    """The environment of the file at `path`, opened unless this process has it open already."""
    with _registry:
        environment = None
        if os.path.exists(path):
            environment = _environments.get(lmdb_file.identity(path))
        if environment is None:
            environment = LmdbEnvironment(path, spaces, create, map_bytes)
            _environments[environment.identity] = environment
        environment.users += 1
        return environment


class LmdbEnvironment:
    """One open LMDB file; `raw` is what the lmdb package calls an environment."""

    def __init__(self, path: str, spaces: list[int], create: bool, map_bytes: int | None) -> None:
        self.path = path
        self.guard = locks.RecursiveLock()
        self.users = 0
        self.engines: weakref.WeakSet[LmdbEngine] = weakref.WeakSet()
        self.forked = False
        self._failure: str | None = None
        self._quiet = False
        self._writing = threading.Lock()
        self._readers: weakref.WeakSet[LmdbTransaction] = weakref.WeakSet()
        if create:
            make_file(path, spaces)
        self.raw = self._open(create, map_bytes)
        try:
            self.tables = self._open_tables(spaces, create)
            self._meta = MetaPages(path)
            self._growth = Growth(path)
            self.shared = SharedMemory(path + "-shared")
        except BaseException:
            self.raw.close()
            raise
        self.identity = lmdb_file.identity(path)

    def _open(self, create: bool, map_bytes: int | None) -> lmdb.Environment:
        size = os.path.getsize(self.path) if os.path.exists(self.path) else 0
        writable = create or os.access(self.path, os.W_OK)
        self._allocate_lock()
        try:
            return lmdb.open(
                self.path,
                map_size=max(size, map_bytes or max(MAP_BYTES_MIN, size * MAP_FACTOR)),
                subdir=False,
                readonly=not writable,
                max_dbs=64,
                max_readers=READERS_MAX,
                mode=0o644,
            )
        except lmdb.Error as error:
            raise translate(error, self.path) from error

    def _allocate_lock(self) -> None:
        """Make LMDB's lock file before LMDB does, with all its bytes."""
        with suppress(PermissionError):
            descriptor = os.open(self.path + "-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                allocate(descriptor, LOCK_BYTES)
            except OSError as error:
                raise disk_full(self.path) from error
            finally:
                os.close(descriptor)

    def _open_tables(self, spaces: list[int], create: bool) -> list[Any]:
        tables: list[Any] = [None] * (spaces[-1] + 1)
        try:
            with self.raw.begin() as transaction:
                names = {bytes(name).rstrip(b"\0") for name, _ in transaction.cursor()}
            missing = {space for space in spaces if b"%d" % space not in names}
            if missing and (names or not create):
                raise lmdb_file.missing_spaces(self.path, missing, not names)
            if missing:
                with self.raw.begin(write=True) as transaction:
                    for space in spaces:
                        self.raw.open_db(b"%d" % space, txn=transaction)
            for space in spaces:
                tables[space] = self.raw.open_db(b"%d" % space, create=False)
                if any(tables[space].flags().values()):
                    raise lmdb_file.damaged(self.path, f"space {space} has flags that perdure never sets")
        except lmdb.Error as error:
            raise translate(error, self.path) from error
        return tables

    def begin(self, write: bool) -> LmdbTransaction:
        """Start a transaction; a writer waits for its turn."""
        if not write:
            transaction = LmdbTransaction(self, self._begin(False), write)
            self._readers.add(transaction)
            return transaction
        self._writing.acquire()
        try:
            if self._failure is not None:
                raise StorageFailedError(
                    f"{self.path!r} refuses writes until it is reopened, after a failure: {self._failure}"
                )
            raw = self._begin(True)
            # Not later: LMDB may write pages of a large transaction before its commit.
            _, last_page = self._meta.newest()
            self._growth.before_writes((last_page + 1) * self._meta.page_bytes)
            return LmdbTransaction(self, raw, write)
        except BaseException:
            self._writing.release()
            raise

    def moment(self) -> int:
        """The id of the newest transaction."""
        self._refuse_forked()
        return self._meta.newest()[0]

    def _begin(self, write: bool) -> lmdb.Transaction:
        while True:
            self._refuse_forked()
            try:
                return self.raw.begin(write=write)
            except lmdb.MapResizedError:
                self._resize(0)
            except lmdb.Error as error:
                self.fail(error)

    def _refuse_forked(self) -> None:
        if self.forked:
            raise StorageError(f"{self.path!r} was opened before this process forked; open it again here")

    def end_write(self) -> None:
        """The write transaction has ended."""
        self._writing.release()

    def grow(self) -> None:
        """Make room in the map; the write transaction that needed it is aborted, but has not ended yet."""
        self._resize(2 * self.raw.info()["map_size"])

    def _resize(self, size: int) -> None:
        """Give the map a new size (0: what another process chose); no transaction may use the old one."""
        with self.guard:
            for reader in list(self._readers):
                reader.abort()
            self.raw.set_mapsize(size)

    def fail(self, error: lmdb.Error) -> NoReturn:
        """Raise what `error` means; an I/O failure ends all writing until the file is opened again."""
        translated = translate(error, self.path)
        if isinstance(translated, StorageFailedError):
            self._failure = str(error)
        raise translated from error

    def publish_pins(self) -> None:
        """Tell the other processes the smallest state that any engine here reads."""
        if not self.forked:
            pins = [engine.own_pin for engine in self.engines if engine.own_pin is not None]
            self.shared.pin(min(pins, default=None))

    def detach(self, engine: LmdbEngine) -> None:
        """An engine is closed; the last one closes the file."""
        with _registry, self.guard:
            self.engines.discard(engine)
            self.users -= 1
            if self.forked:
                return
            if self.users:
                self.publish_pins()
                return
            _environments.pop(self.identity, None)
            for reader in list(self._readers):
                reader.abort()
            self.shared.close()
            self._growth.close()
            self._meta.close()
            self.raw.close()

    def before_fork(self) -> None:
        """Bring every transaction to an end, so that the child has nothing of the parent's to undo."""
        self._quiet = self._writing.acquire(timeout=_FORK_SECONDS)
        self.guard.acquire()
        for reader in list(self._readers):
            reader.abort()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self.guard.release()
        if self._quiet:
            self._writing.release()

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent, without a trace in the file."""
        self.forked = True
        self.guard._at_fork_reinit()
        self._writing._at_fork_reinit()  # type: ignore[attr-defined]
        self.shared.disown()
        self._growth.close()
        if self._quiet:
            self.raw.close()


def _before_fork() -> None:
    _registry.acquire()
    for environment in _environments.values():
        environment.before_fork()


def _after_fork_in_parent() -> None:
    for environment in _environments.values():
        environment.after_fork_in_parent()
    _registry.release()


def _after_fork_in_child() -> None:
    _registry._at_fork_reinit()  # type: ignore[attr-defined]
    for environment in _environments.values():
        environment.after_fork_in_child()
    _environments.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)

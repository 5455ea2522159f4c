"""The engine on one LMDB file: crash-safe by shadow paging, readers without locks, several processes.

Each space is a sub-database of its own, so that ascending keys append and pages fill up. The map grows by
itself. Beside the file lie LMDB's own lock file `<path>-lock` and `<path>-shared`, which holds nothing that
has to survive.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import lmdb

from perdure.errors import ReadOnlyError, StorageError

from . import lmdb_file
from .lmdb_environment import attach
from .lmdb_errors import translate
from .lmdb_transaction import LmdbTransaction
from .protocol import Capabilities, TransactionClosed
from .shared_memory import SharedMemory

__all__ = ["LmdbEngine"]


class LmdbEngine:
    """An ordered map of bytes in the LMDB file at `path`.

    `spaces` are the numbers of all spaces; a new file gets them. `create` allows a new file, `read_only`
    refuses write transactions, `map_bytes` is the first size of the memory map. Errors: those named in
    `lmdb_file.inspect`.

    ```
    engine = LmdbEngine("/tmp/example.db", spaces=range(2))
    ```
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        spaces: Iterable[int],
        create: bool = True,
        read_only: bool = False,
        map_bytes: int | None = None,
    ) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self._read_only = read_only
        self._pin: int | None = None
        self._closed = False
        lmdb_file.inspect(self.path, create and not read_only, read_only)
        self._environment = attach(self.path, sorted(spaces), create and not read_only, map_bytes)
        self._environment.engines.add(self)
        self.guard = self._environment.guard
        self.capabilities = Capabilities(
            name="lmdb",
            key_bytes_max=self._environment.raw.max_key_size(),
            value_bytes_max=(1 << 32) - 1,
            durable=True,
            processes=True,
            read_only=read_only,
        )

    def begin(self, write: bool = False) -> LmdbTransaction:
        """Start a transaction; a writer waits for writers of this and other processes."""
        self._check_open()
        if write and self._read_only:
            raise ReadOnlyError(f"the database {self.path!r} is open for reading only")
        return self._environment.begin(write)

    def moment(self) -> int:
        """The newest committed moment of all processes; cheaper than a transaction."""
        self._check_open()
        return self._environment.moment()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"the database {self.path!r} is closed")

    def watch(self) -> SharedMemory:
        """What tells that another thread or process committed."""
        return self._environment.shared

    def pin(self, state: int | None) -> None:
        """Tell all processes that this engine reads states from `state` on; None: it reads none."""
        with self.guard:
            self._pin = state
            self._environment.publish_pins()

    @property
    def own_pin(self) -> int | None:
        """What `pin` was last given."""
        return self._pin

    def pinned(self) -> int | None:
        """The smallest state that any process reads, or None."""
        return self._environment.shared.pinned()

    def owner(self) -> bytes:
        """What names this process to the others, as long as it lives."""
        return self._environment.shared.owner()

    def is_alive(self, owner: bytes) -> bool:
        """Whether the process that `owner` names still has the file open."""
        return self._environment.shared.is_alive(owner)

    def size_bytes(self) -> int:
        """Size of the data file."""
        return os.stat(self.path).st_size

    def map_usage(self) -> tuple[int, int]:
        """Bytes up to where the file may grow without being mapped anew, and those of its pages so far."""
        info = self._environment.raw.info()
        return info["map_size"], (info["last_pgno"] + 1) * self._environment.raw.stat()["psize"]

    def structure_findings(self) -> list[str]:
        """What is wrong with the structure of the file; empty for a sound one."""
        while True:
            transaction = self.begin()  # keeps the pages of its moment from being written again
            try:
                findings = lmdb_file.structure_findings(self.path)
                transaction.last(0)
                return findings or transaction.search_findings()
            except TransactionClosed:
                continue
            finally:
                transaction.abort()

    def search_findings(self) -> list[str]:
        """What a search by key gets wrong in a file whose structure is sound otherwise."""
        transaction = self.begin()
        try:
            return transaction.search_findings()
        finally:
            transaction.abort()

    def copy(self, target: str) -> None:
        """Write a compact copy of the newest committed state to the new file `target`."""
        try:
            self._environment.raw.copy(target, compact=True)
        except lmdb.Error as error:
            raise translate(error, target) from error

    def close(self) -> None:
        """End the use of the file; harmless when closed."""
        if not self._closed:
            self._closed = True
            self._pin = None
            self._environment.detach(self)

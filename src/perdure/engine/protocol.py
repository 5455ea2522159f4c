"""What an engine must offer: an ordered map of bytes in numbered spaces, with transactions.

Rules every engine keeps (`perdure.testing.EngineContract` checks them):

- keys sort as unsigned bytes; a space is a small int that was named when the engine was opened;
- a read transaction sees one committed moment for as long as it lives, whatever is written meanwhile;
- there is one write transaction at a time over all processes; a second `begin(write=True)` waits;
- `commit` returns when the writes are durable; after `abort`, or a process that died, none of them is there;
- a write transaction belongs to the thread that began it; a read transaction may go from
  thread to thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from perdure.kernel import locks

__all__ = [
    "Capabilities",
    "Engine",
    "EngineTransaction",
    "Pair",
    "RetryTransaction",
    "TransactionClosed",
    "Watcher",
]

Pair = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do; declared, so that nobody has to probe.

    `key_bytes_max` and `value_bytes_max` bound one entry, `durable` says whether a commit survives power
    loss, `processes` whether several processes may open the same data, `read_only` whether write
    transactions are refused.
    """

    name: str
    key_bytes_max: int
    value_bytes_max: int
    durable: bool
    processes: bool
    read_only: bool = False


class RetryTransaction(Exception):
    """The write transaction was aborted by the engine, which has made room since; run it again."""


class TransactionClosed(Exception):
    """The read transaction was ended by the engine (it moved its data); begin another and go on."""


class EngineTransaction(Protocol):
    """A consistent view of all spaces; with `begin(write=True)` also pending writes, visible to itself."""

    def get(self, space: int, key: bytes) -> bytes | None:
        """The value of `key`, or None."""

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, in their order; quickest when they are sorted."""

    def seek(self, space: int, key: bytes) -> Pair | None:
        """The first entry at or after `key`, or None at the end of the space."""

    def cursor(self, space: int) -> tuple[Callable[[bytes], object], Callable[[], Pair]]:
        """`seek` in two steps, for many keys of one space: `move(key)`, which tells whether there is an entry, and
        `item()`, which gives it. What they raise is not what `seek` would: ask that again.
        """

    def seek_many(self, space: int, keys: Sequence[bytes]) -> list[Pair | None]:
        """`seek` for each of `keys`, in their order; quickest when they are sorted."""

    def last(self, space: int) -> Pair | None:
        """The entry with the greatest key, or None for an empty space."""

    def scan(self, space: int, lo: bytes = b"", hi: bytes | None = None, reverse: bool = False) -> Iterator[Pair]:
        """Entries with `lo <= key < hi` in order, or from the end with `reverse`; no writes while it runs."""

    def put_many(self, space: int, items: Sequence[Pair]) -> None:
        """Write entries; `items` are sorted by key, without duplicates."""

    def delete_many(self, space: int, keys: Iterable[bytes]) -> int:
        """Remove entries; how many were there."""

    def delete_range(self, space: int, lo: bytes, hi: bytes | None) -> int:
        """Remove entries with `lo <= key < hi`; how many there were."""

    @property
    def moment(self) -> int:
        """The committed moment that it sees, as `Engine.moment` counts them; in a write transaction the one that it
        makes if it writes anything.
        """

    def commit(self) -> None:
        """Make the writes durable and visible, and end. RetryTransaction: nothing was written."""

    def abort(self) -> None:
        """Forget the writes and end the transaction; harmless when it has ended."""


class Watcher(Protocol):
    """Sleeps until some process commits."""

    def ticket(self) -> int:
        """The present count of commits; take it before looking at the data, then `wait` with it."""

    def wait(self, ticket: int, timeout: float) -> bool:
        """Sleep until the count differs from `ticket`, at most `timeout` seconds; whether it does.

        It may return True without a commit, and a commit of a process that was killed on the way may go
        unannounced: look at the data after either answer.
        """


class Engine(Protocol):
    """An ordered map of bytes with transactions.

    `guard` is held by whoever uses a read transaction that several threads share, and by the engine while it
    closes such transactions to move its data.
    """

    capabilities: Capabilities
    guard: locks.RecursiveLock

    def begin(self, write: bool = False) -> EngineTransaction:
        """Start a transaction."""

    def moment(self) -> int:
        """The newest committed moment of all processes, a number that grows; cheaper than a transaction.

        A transaction begun after this may see it or a later one; for an instant also the one before.
        """

    def watch(self) -> Watcher:
        """What tells that another thread or process committed."""

    def pin(self, state: int | None) -> None:
        """Tell all processes that this one reads states from `state` on; None: it reads none."""

    def pinned(self) -> int | None:
        """The smallest state that any process reads, or None."""

    def owner(self) -> bytes:
        """What names this process to the others on the same data, as long as it lives."""

    def is_alive(self, owner: bytes) -> bool:
        """Whether the process that `owner` names still uses the data."""

    def structure_findings(self) -> list[str]:
        """What is wrong with the structure below the entries; empty for sound data."""

    def search_findings(self) -> list[str]:
        """What a search by key gets wrong in data whose structure is sound otherwise; part of `structure_findings`."""

    def size_bytes(self) -> int:
        """Bytes that the data takes up."""

    def close(self) -> None:
        """End the use of the engine; open transactions become invalid. Harmless when closed."""

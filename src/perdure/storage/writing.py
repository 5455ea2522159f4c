"""One batch inside one engine write transaction: check it, work out its entries, write them.

`plan` reads and may refuse; `apply` writes and cannot. So a batch that conflicts leaves nothing behind, and
others in the same engine transaction are not disturbed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import time_ns
from typing import cast

from perdure.engine import EngineTransaction
from perdure.errors import ConflictError, ReadConflictError
from perdure.kernel import keys, versions

from . import log
from .batch import Batch, Committed, PostingDelta, Resolve
from .merge import (
    CHAIN_MAX,
    counter_bytes,
    counter_value,
    delta_depth,
    posting_bytes,
    posting_delta,
    posting_value,
)
from .meta import PACKED_KEY, get_number
from .prepared import PromiseReader, Promises
from .spaces import LOG, SPACES
from .view import chain_value, chain_versions

__all__ = ["Head", "Plan", "Writer"]

Pair = tuple[bytes, bytes]


@dataclass(slots=True)
class Plan:
    """What a checked batch writes: new versions, deltas and head-only values by space."""

    batch: Batch
    puts: dict[int, dict[bytes, bytes | None]]
    deltas: dict[int, list[tuple[bytes, bytes]]] = field(default_factory=dict)
    transaction_id: bytes = b""


@dataclass(slots=True)
class Head:
    """The newest commit: its state and time."""

    state: int
    time: int

    @classmethod
    def read(cls, transaction: EngineTransaction) -> Head:
        """The newest commit that `transaction` sees; state 0 of an empty database."""
        last = transaction.last(LOG)
        if last is None:
            return cls(0, 0)
        return cls(keys.decode_uint(last[0])[0], log.decode_time(versions.open_head(last[0], last[1], LOG)))


class Writer:
    """Writes batches one after the other into one engine write transaction.

    `entries` are those made for the log. `written` tells the trimmer (with `trims`) which keys may have older versions.
    `unfinished` while a batch is half written: if that is where it ends, the transaction must not be committed.
    """

    def __init__(self, transaction: EngineTransaction, promises: PromiseReader, trims: bool = False) -> None:
        self.transaction = transaction
        self._trims = trims
        self.head = Head.read(transaction)
        self.written: list[tuple[int, int, list[bytes]]] = []
        self.entries: list[tuple[int, bytes]] = []
        self.unfinished = False
        self._promise_reader = promises
        self._promises: Promises | None = None

    def promises_changed(self) -> None:
        """A transaction was prepared or settled; look again before the next commit."""
        self._promises = None

    def plan(
        self,
        batch: Batch,
        resolve: Resolve | None,
        transaction_id: bytes = b"",
        checked: bool = False,
        merged: bool = True,
    ) -> Plan:
        """The entries that `batch` makes; ConflictError if a commit since its base, or a prepared one,
        forbids it.

        `checked`: it was prepared, nothing can have come between. `merged`: work out the merges too.
        """
        plan = Plan(batch, {space: puts for space, puts in batch.puts.items() if puts}, {}, transaction_id)
        if not checked:
            self._check(plan, resolve)
        if merged:
            for space, merges in batch.merges.items():
                self._merge(plan, space, merges)
        return plan

    def _check(self, plan: Plan, resolve: Resolve | None) -> None:
        batch = plan.batch
        if batch.base > self.head.state:
            raise ValueError(f"the batch is based on state {batch.base}, the newest is {self.head.state}")
        if batch.base != self.head.state:
            packed = get_number(self.transaction, PACKED_KEY)
            if batch.base < packed:
                raise ConflictError(
                    f"the transaction is based on state {batch.base}, and history was packed up to {packed}"
                )
            for space, changes in plan.puts.items():
                plan.puts[space] = self._check_puts(space, changes, batch.base, resolve)
            self._check_reads(batch.reads, batch.base)
            self._check_required(batch.required, batch.base)
        self._check_expected(batch.expected)
        if self._promises is None:
            self._promises = self._promise_reader.read(self.transaction)
        self._promises.refuse(batch)

    def _newest(self, space: int, ordered: list[bytes]) -> Iterable[tuple[bytes, int, bool]]:
        """Of each existing one of the sorted keys: state of its newest version, whether that deletes it."""
        for key, item in zip(ordered, self.transaction.seek_many(space, ordered), strict=True):
            if item is None or not item[0].startswith(key):
                continue
            found, state = versions.split(item[0])
            if found == key:
                yield key, state, versions.open_value(*item, space)[0] == versions.TOMBSTONE

    def _check_puts(
        self, space: int, changes: dict[bytes, bytes | None], base: int, resolve: Resolve | None
    ) -> dict[bytes, bytes | None]:
        if not SPACES[space].versioned:
            return changes
        resolved: dict[bytes, bytes | None] = {}
        for key, state, _ in self._newest(space, sorted(changes)):
            if state <= base:
                continue
            if resolve is None:
                raise ConflictError(_describe(space, key, base, state, "was changed"))
            old = chain_value(chain_versions(self.transaction, space, key, base))
            committed = chain_value(chain_versions(self.transaction, space, key, state))
            resolved[key] = resolve(space, key, old, committed, changes[key])
        return {**changes, **resolved} if resolved else changes

    def _check_reads(self, reads: Mapping[int, set[bytes]], base: int) -> None:
        for space, read in reads.items():
            for key, state, _ in self._newest(space, sorted(read)):
                if state > base:
                    raise ReadConflictError(_describe(space, key, base, state, "was read and then changed"))

    def _check_required(self, required: Mapping[int, Collection[bytes]], base: int) -> None:
        for space, needed in required.items():
            for key, state, deleted in self._newest(space, sorted(needed)):
                if deleted and state > base:
                    raise ConflictError(_describe(space, key, base, state, "is needed and was deleted"))

    def _check_expected(self, expected: Mapping[int, dict[bytes, int]]) -> None:
        for space, counters in expected.items():
            for key, value in counters.items():
                found = counter_value(self._get_head(space, key))
                if found != value:
                    raise ConflictError(
                        f"conflict in {SPACES[space]!r}: the counter 0x{key.hex()} is {found}, expected {value}"
                    )

    def _get_head(self, space: int, key: bytes) -> bytes | None:
        stored = self.transaction.get(space, key)
        return None if stored is None else versions.open_head(key, stored, space)

    def _merge(self, plan: Plan, space: int, merges: Mapping[bytes, int | PostingDelta]) -> None:
        kind = SPACES[space].merge
        values = dict(plan.puts.get(space, ()))
        heads = not SPACES[space].versioned and {*map(type, merges.values())} == {int}
        if heads and values.keys().isdisjoint(merges):
            values.update(self._add_heads(space, cast("dict[bytes, int]", merges)))
            merges = {}
        for key in sorted(merges):
            change = merges[key]
            if key in values:
                raise ValueError(f"the key 0x{key.hex()} of {SPACES[space]!r} is both put and merged")
            if kind == "counter" and isinstance(change, int):
                self._add(values, space, key, change)
            elif kind == "posting" and isinstance(change, PostingDelta):
                self._post(plan, values, space, key, change)
            else:
                raise TypeError(f"{SPACES[space]!r} takes no merge of {type(change).__name__}")
        if values:
            plan.puts[space] = values

    def _add_heads(self, space: int, merges: dict[bytes, int]) -> dict[bytes, bytes | None]:
        ordered, amounts = versions.sorted_items(merges)
        return versions.add_counters(ordered, self.transaction.get_many(space, ordered), amounts, int(space))

    def _add(self, values: dict[bytes, bytes | None], space: int, key: bytes, amount: int) -> None:
        if SPACES[space].versioned:
            old = chain_value(chain_versions(self.transaction, space, key, self.head.state))
        else:
            old = self._get_head(space, key)
        new = counter_bytes(counter_value(old) + amount)
        if new != old:
            values[key] = new

    def _post(
        self, plan: Plan, values: dict[bytes, bytes | None], space: int, key: bytes, change: PostingDelta
    ) -> None:
        chain = chain_versions(self.transaction, space, key, self.head.state)
        depth = delta_depth(chain[0][2]) + 1 if chain and chain[0][1] == versions.DELTA else 1
        base_size = len(chain[-1][2]) if chain else 0
        delta = posting_delta(change, depth)
        if depth <= CHAIN_MAX and 4 * len(delta) < base_size:
            plan.deltas.setdefault(space, []).append((key, delta))
            return
        old = posting_value(chain_value(chain))
        new = change.applied(old)
        if new != old:
            values[key] = posting_bytes(new)

    def apply(self, plan: Plan) -> Committed:
        """Write a plan as the next state."""
        self.unfinished = True
        state = self.head.state + 1
        time = max(time_ns() // 1000, self.head.time + 1)
        written = {}
        for number in sorted({*plan.puts, *plan.deltas}):
            if SPACES[number].versioned:
                written[number] = self._put_versions(number, plan, state)
            else:
                written[number] = self._put_heads(number, plan.puts[number])
        batch = plan.batch
        entry = log.LogEntry(state, time, batch.user, batch.description, batch.extension, plan.transaction_id)
        key, data = keys.encode_uint(state), log.encode(entry, written)
        self.transaction.put_many(LOG, [(key, versions.seal_head(key, data, LOG))])
        self.head = Head(state, time)
        self.entries.append((state, data))
        self.unfinished = False
        return Committed(state, time)

    def _put_versions(self, space: int, plan: Plan, state: int) -> list[bytes]:
        """Write the new versions of one space; their sorted keys."""
        sealed = versions.seal_many(plan.puts.get(space, {}), state, int(space))
        pairs: Sequence[Pair] = sealed
        keys = sealed.sorted_keys
        deltas = plan.deltas.get(space)
        if deltas:
            made = [versions.seal(key, state, versions.DELTA, delta, int(space)) for key, delta in deltas]
            pairs = sorted([*sealed, *made])
            keys = sorted([*keys, *(key for key, _ in deltas)])
        if keys:
            if self._trims:
                last = self.transaction.last(space)
                if last is not None and pairs[0][0] <= last[0]:
                    self.written.append((state, space, keys))
            self.transaction.put_many(space, pairs)
        return keys

    def _put_heads(self, space: int, changes: dict[bytes, bytes | None]) -> list[bytes]:
        """Write the values of a space without versions; the sorted keys."""
        doomed = sorted([key for key, value in changes.items() if value is None])
        if doomed:
            self.transaction.delete_many(space, doomed)
        sealed = versions.seal_heads(changes, int(space))
        self.transaction.put_many(space, sealed)
        return sorted(changes) if doomed else sealed.sorted_keys


def _describe(space: int, key: bytes, base: int, state: int, what: str) -> str:
    return (
        f"conflict in {SPACES[space]!r}: the key 0x{key.hex()} {what} by the commit of state {state}, "
        f"after state {base} that this transaction is based on"
    )

"""One commit over several prefixes: all of its parts become durable or none, also over a crash.

All prefixes but the first store their part with `prepare`. The first one commits its part with a decision record in
its catalog: that is the moment of the commit. Then the others finish. What a crash leaves prepared is finished or
aborted when the prefix is opened, as the decision record says; see `settling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from perdure.errors import ConflictError, StorageError
from perdure.kernel import codec
from perdure.session.conflicts import explained
from perdure.storage import Batch, Committed, spaces
from perdure.storage.prepared import Prepared
from perdure.workspace.gates import locked_all
from perdure.workspace.prefix import Prefix
from perdure.workspace.settling import decision_key, is_decided, new_transaction, part_id

__all__ = ["commit_together"]

_CATALOG = spaces.CATALOG.id


@dataclass(slots=True)
class _Part:
    """What one prefix adds to the commit."""

    prefix: Prefix
    batch: Batch
    taken: dict[bytes, bytes]
    prepared: Prepared | None = None

    @property
    def storage(self) -> Any:
        return self.prefix.database.storage

    def prepare(self, transaction: bytes, number: int) -> None:
        connection = self.prefix.connection
        try:
            self.prepared = self.storage.prepare(self.batch, part_id(transaction, number), connection.resolve_conflict)
        except ConflictError as error:
            raise explained(connection, self.batch, error) from error

    def decide(self, transaction: bytes, others: list[_Part]) -> Committed:
        connection, catalog = self.prefix.connection, self.batch.puts.get(_CATALOG, {})
        record = codec.encode_value(tuple([other.prefix.database.uuid for other in others]))
        self.batch.puts = {**self.batch.puts, _CATALOG: {**catalog, decision_key(transaction): record}}
        try:
            committed: Committed = self.storage.commit(self.batch, connection.resolve_conflict)
        except ConflictError as error:
            raise explained(connection, self.batch, error) from error
        return committed

    def finish(self) -> None:
        assert self.prepared is not None
        connection = self.prefix.connection
        try:
            committed = self.prepared.finish()
        except BaseException:
            connection.set_batch_apart()
            self.prefix.unfinished = (self.prepared, self.taken)
            raise
        connection.finish_batch(committed, self.taken)


def commit_together(prefixes: Sequence[Prefix], *, undo: bool = True) -> None:
    """Commit the changes of prefixes as one.

    Raises `ConflictError` when another commit was first in one of them; with `undo`, the changes are dropped then.
    """
    writable = [prefix for prefix in prefixes if prefix.writable]
    if len(writable) == 1:
        writable[0].commit(undo=undo)
        return
    with locked_all([prefix.connection for prefix in writable]), ExitStack() as stack:
        for prefix in writable:
            stack.enter_context(prefix.exclusively())
            prefix.complete()
        changed = [prefix for prefix in writable if prefix.connection.has_changes()]
        together = changed if len(changed) > 1 else []
        if together:
            _commit_changed(together, undo)
        for prefix in writable:
            if prefix not in together:  # also where nothing was changed: handles of objects may have gone
                prefix.commit(undo=undo)
            elif prefix.options.shared:
                prefix.connection.refresh()


def _commit_changed(prefixes: list[Prefix], undo: bool) -> None:
    parts = []
    for prefix in prefixes:
        batch, taken = prefix.connection.prepare_batch()
        if batch is not None:
            parts.append(_Part(prefix, batch, taken))
    if len(parts) < 2:
        for part in parts:
            part.prefix.commit(undo=undo)
        return
    try:
        _commit_parts(parts[0], parts[1:])
    except ConflictError:
        if undo:
            for prefix in prefixes:
                prefix.connection.abort()
        raise


def _commit_parts(first: _Part, others: list[_Part]) -> None:
    transaction = new_transaction(first.prefix.database)
    try:
        for number, part in enumerate(others):
            part.prepare(transaction, number)
        committed = first.decide(transaction, others)
    except BaseException:
        if not is_decided(first.prefix.database, transaction):  # else it was only interrupted on its way back
            for part in others:
                if part.prepared is not None:
                    with suppress(StorageError):
                        part.prepared.abort()
            raise
        committed = first.storage.last_commit
    connection = first.prefix.connection
    connection.finish_batch(committed, first.taken)
    with ExitStack() as stack:  # all are finished, whatever happens to one; then the first error is raised
        for part in reversed(others):
            stack.callback(part.finish)
    connection.obsolete.add(decision_key(transaction))

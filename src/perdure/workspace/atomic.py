"""`atomic`: changes on all open prefixes as one unit, which is kept or undone as a whole.

A block holds the lock of every writable connection, so that changes by other threads wait for its end and belong to
no block that is not theirs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from perdure.errors import WorkspaceError
from perdure.session import Connection, Savepoint
from perdure.workspace.gates import Gate, acquire_all, closed, locked_all

if TYPE_CHECKING:
    from perdure.workspace.prefix import Prefix
    from perdure.workspace.workspace import Workspace

__all__ = ["AtomicManager", "Blocks"]


class _Block:
    """One level of nesting: what it has to undo, and the locks that it holds."""

    def __init__(self) -> None:
        self.savepoints: list[tuple[Connection, Savepoint]] = []
        self.gates: list[tuple[Callable[[], None] | None, int]] = []
        self.held: list[Prefix] = []
        """Prefixes of other writers, which stay at their state inside of the block."""
        self.open = True


class Blocks:
    """The atomic blocks of a workspace: at most one thread has any, nested in each other."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._turn = threading.RLock()
        self._blocks: list[_Block] = []
        self._owner: int | None = None

    def active(self) -> bool:
        """Whether the calling thread is inside of a block."""
        return bool(self._blocks) and self._owner == threading.get_ident()

    def begin(self) -> _Block:
        """Start a block; waits while another thread is inside of one."""
        self._turn.acquire()
        block = _Block()
        try:
            connections = []
            for prefix in self._workspace.list_open():
                if prefix.writable:
                    connections.append(prefix.connection)
                else:
                    prefix.hold()
                    block.held.append(prefix)
            acquire_all(connections)
            try:
                for connection in connections:
                    self._enter(block, connection)
            except BaseException:
                entered = len(block.savepoints)
                self._undo(block)
                for connection in connections[entered:]:
                    connection.lock.release()
                raise
        except BaseException:
            _let_go(block)
            self._turn.release()
            raise
        self._blocks.append(block)
        self._owner = threading.get_ident()
        return block

    def _enter(self, block: _Block, connection: Connection) -> None:
        before = connection.gate, connection.gate_thread
        # First the gate: what another thread changes after the flush below would be undone with the block.
        connection.gate, connection.gate_thread = Gate(connection), threading.get_ident()
        try:
            block.savepoints.append((connection, connection.savepoint()))
        except BaseException:
            connection.gate, connection.gate_thread = before
            raise
        block.gates.append(before)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads from changing anything and from blocks of their own; blocks may follow each other."""
        with self._turn, ExitStack() as stack:
            connections = [prefix.connection for prefix in self._workspace.list_open() if prefix.writable]
            stack.enter_context(locked_all(connections))
            for connection in connections:
                stack.enter_context(closed(connection))
            yield

    def joined(self, prefix: Prefix) -> None:
        """Take a prefix that was opened inside of the block into it."""
        if not self.active() or not prefix.writable:
            return
        for block in self._blocks:
            if all(connection is not prefix.connection for connection, _ in block.savepoints):
                prefix.connection.lock.acquire()
                self._enter(block, prefix.connection)

    def end(self, block: _Block, *, keep: bool) -> None:
        """End a block, and those inside of it: merge its changes into what surrounds it, or undo them."""
        if not block.open:
            return
        if not self.active():
            raise WorkspaceError("an atomic block ends in the thread that began it")
        while block.open:
            self._end_innermost(keep=keep)

    def _end_innermost(self, *, keep: bool) -> None:
        block = self._blocks.pop()
        block.open = False
        if not self._blocks:
            self._owner = None
        try:
            if keep:
                self._keep(block)
            else:
                self._undo(block)
        finally:
            _let_go(block)
            self._turn.release()

    def _keep(self, block: _Block) -> None:
        try:
            for connection, _ in block.savepoints:
                connection.flush()
        except BaseException:
            self._undo(block)
            raise
        for (connection, savepoint), gate in zip(block.savepoints, block.gates, strict=True):
            savepoint.release()
            _leave(connection, gate)

    def _undo(self, block: _Block) -> None:
        for (connection, savepoint), gate in zip(reversed(block.savepoints), reversed(block.gates), strict=True):
            try:
                savepoint.rollback()
            finally:
                _leave(connection, gate)


def _leave(connection: Connection, gate: tuple[Callable[[], None] | None, int]) -> None:
    connection.gate, connection.gate_thread = gate
    connection.lock.release()


def _let_go(block: _Block) -> None:
    for prefix in block.held:
        prefix.let_go()
    block.held.clear()


class AtomicManager:
    """A block of changes that is kept as a whole, or undone: use it with `with`.

    It can be used again after its end.
    """

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._entered: list[_Block] = []

    def __enter__(self) -> AtomicManager:
        self._entered.append(self._blocks.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entered:
            self._blocks.end(self._entered.pop(), keep=kind is None)

    def close(self) -> None:
        """End the block now and keep its changes. What follows in the `with` statement is outside of it."""
        if self._entered:
            self._blocks.end(self._entered[-1], keep=True)

    def cancel(self) -> None:
        """End the block now and undo its changes; harmless when it has ended."""
        if self._entered:
            self._blocks.end(self._entered[-1], keep=False)

"""`atomic`: changes on all open prefixes as one unit, which is kept or undone as a whole.

A thread's block holds the lock of every writable connection, so that changes by other threads wait for its end and
belong to no block that is not theirs. A task's block holds no lock while the task waits: a gate stops the others.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from perdure.errors import WorkspaceError
from perdure.session import Connection, Savepoint, is_guarded
from perdure.workspace.gates import Gate, TaskGate, acquire_all, closed, locked_all, try_all
from perdure.workspace.turns import Task, Turn, current_task, refuse_foreign

if TYPE_CHECKING:
    from perdure.workspace.prefix import Prefix
    from perdure.workspace.workspace import Workspace

__all__ = ["AsyncAtomicManager", "AtomicManager", "Blocks"]

_RETRY_SECONDS = 0.001


class _Block:
    """One level of nesting: what it has to undo, and the locks that it holds."""

    def __init__(self, task: Task | None = None) -> None:
        self.task = task
        """The task that it belongs to; it keeps no locks while that waits for something."""
        self.savepoints: list[tuple[Connection, Savepoint]] = []
        self.gates: list[tuple[Callable[[], object] | None, int]] = []
        self.held: list[Prefix] = []
        """Prefixes of other writers, which stay at their state inside of the block."""
        self.open = True


class Blocks:
    """The atomic blocks of a workspace: at most one thread or task has any, nested in each other."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._turn = Turn()
        self._blocks: list[_Block] = []

    def active(self) -> bool:
        """Whether the calling thread or task is inside of a block."""
        return bool(self._blocks) and self._turn.is_mine()

    def check_foreign(self) -> None:
        """Raise `RuntimeError` when a task of this thread has a block open that the caller is not part of."""
        if self._turn.is_foreign():
            raise refuse_foreign()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Wait for the end of the blocks of others, and keep them from beginning another."""
        if self._turn.is_mine():
            yield
        else:
            with self._turn:
                yield

    def begin(self) -> _Block:
        """Start a block of this thread; waits while another thread or task is inside of one."""
        if current_task() is not None:
            raise WorkspaceError("atomic() blocks the event loop; in a task use `async with db0.async_atomic()`")
        self._turn.acquire()
        block = _Block()
        try:
            connections = self._take_part(block)
            acquire_all(connections)
            self._enter_all(block, connections)
        except BaseException:
            self._give_up(block)
            raise
        self._blocks.append(block)
        return block

    async def begin_task(self) -> _Block:
        """Start a block of the running task; the loop goes on while another thread or task is inside of one."""
        await self._turn.acquire_task()
        block = _Block(current_task())
        try:
            connections = self._take_part(block)
            while not try_all(connections):
                await asyncio.sleep(_RETRY_SECONDS)
            try:
                self._enter_all(block, connections)
            finally:
                for connection in connections:
                    connection.lock.release()
        except BaseException:
            self._give_up(block)
            raise
        self._blocks.append(block)
        return block

    def _take_part(self, block: _Block) -> list[Connection]:
        """What a block changes; readers of other writers' prefixes stay where they are."""
        connections = []
        for prefix in self._workspace.list_open():
            if prefix.writable:
                connections.append(prefix.connection)
            else:
                prefix.hold()
                block.held.append(prefix)
        return connections

    def _enter_all(self, block: _Block, connections: list[Connection]) -> None:
        try:
            for connection in connections:
                self._enter(block, connection)
        except BaseException:
            self._undo(block)
            if block.task is None:
                for connection in connections[len(block.savepoints) :]:
                    connection.lock.release()
            raise

    def _give_up(self, block: _Block) -> None:
        _let_go(block)
        self._turn.release()

    def _enter(self, block: _Block, connection: Connection) -> None:
        before = connection.gate, connection.gate_thread
        # First the gate: what another thread changes after the flush below would be undone with the block.
        if block.task is None:
            connection.gate, connection.gate_thread = Gate(connection), threading.get_ident()
        else:
            connection.gate, connection.gate_thread = TaskGate(block.task, connection), 0
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
                with prefix.connection.lock:
                    self._enter(block, prefix.connection)
                    if block.task is None:
                        prefix.connection.lock.acquire()

    def end(self, block: _Block, *, keep: bool) -> None:
        """End a block, and those inside of it: merge its changes into what surrounds it, or undo them."""
        if not block.open:
            return
        if not self.active():
            raise WorkspaceError("an atomic block ends in the thread or task that began it")
        while block.open:
            self._end_innermost(keep=keep)

    def _end_innermost(self, *, keep: bool) -> None:
        block = self._blocks.pop()
        block.open = False
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
            _leave(block, connection, gate)

    def _undo(self, block: _Block) -> None:
        for (connection, savepoint), gate in zip(reversed(block.savepoints), reversed(block.gates), strict=True):
            try:
                savepoint.rollback()
            finally:
                _leave(block, connection, gate)


def _leave(block: _Block, connection: Connection, before: tuple[Callable[[], object] | None, int]) -> None:
    gate = connection.gate
    connection.gate, connection.gate_thread = before
    if isinstance(gate, TaskGate):
        gate.end()
    if block.task is None:
        connection.lock.hand_over()  # to a thread that asked while the block was under way


def _let_go(block: _Block) -> None:
    for prefix in block.held:
        prefix.let_go()
    block.held.clear()


class AtomicManager:
    """A block of changes that is kept as a whole, or undone: use it with `with`.

    It can be used again after its end. Inside of a `read_only` block it does nothing.
    """

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._entered: list[_Block | None] = []

    def __enter__(self) -> AtomicManager:
        self._entered.append(None if is_guarded() else self._blocks.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entered:
            self._end(self._entered.pop(), keep=kind is None)

    def close(self) -> None:
        """End the block now and keep its changes. What follows in the `with` statement is outside of it."""
        if self._entered:
            self._end(self._entered[-1], keep=True)

    def cancel(self) -> None:
        """End the block now and undo its changes; harmless when it has ended."""
        if self._entered:
            self._end(self._entered[-1], keep=False)

    def _end(self, block: _Block | None, *, keep: bool) -> None:
        if block is not None:
            self._blocks.end(block, keep=keep)


class AsyncAtomicManager:
    """`AtomicManager` for asyncio tasks, used with `async with`: they wait for each other without blocking the loop."""

    def __init__(self, blocks: Blocks) -> None:
        if current_task() is None:
            raise WorkspaceError("db0.async_atomic requires a running asyncio task; use db0.atomic() in plain code")
        self._blocks = blocks
        self._entered: list[_Block | None] = []

    async def __aenter__(self) -> AsyncAtomicManager:
        self._entered.append(None if is_guarded() else await self._blocks.begin_task())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        block = self._entered.pop()
        if block is not None:
            self._blocks.end(block, keep=kind is None)

    def cancel(self) -> None:
        """End the block now and undo its changes; harmless when it has ended."""
        block = self._entered[-1] if self._entered else None
        if block is not None:
            self._blocks.end(block, keep=False)

"""The one read transaction that all views of an engine share.

It is short-lived: dropped at every commit of this process, when `relax` is called, and by a background
thread half a second after it was begun, so that an idle process does not keep the engine from reusing space.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from perdure.engine import Engine, EngineTransaction, TransactionClosed
from perdure.kernel import keys, seeking

from .spaces import LOG, SPACES

__all__ = ["Reader"]

_IDLE_SECONDS = 0.5

Result = TypeVar("Result")


class Reader:
    """Gives the shared transaction to whoever holds `guard`; `transaction` is None when there is none."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.guard = engine.guard
        self.transaction: EngineTransaction | None = None
        self.seekers = [seeking.Seeker(space, self.guard, self._seek) for space in range(len(SPACES))]
        """By space: find the newest versions of single keys, through the shared transaction."""
        self._seeking: list[seeking.Seeker] = []
        self._known = (-1, 0)  # a moment of the engine, and the newest state in it
        self._begun = threading.Event()
        self._closed = False
        self._sweeper: threading.Thread | None = None

    def current(self) -> EngineTransaction:
        """The shared transaction, begun if there is none; call with `guard` held."""
        transaction = self.transaction
        return self.begin() if transaction is None else transaction

    def begin(self) -> EngineTransaction:
        """A new shared transaction in place of the one before; call with `guard` held."""
        self.relax()
        transaction = self.transaction = self.engine.begin()
        if not self._begun.is_set():
            self._begun.set()
            if self._sweeper is None:
                self._start_sweeper()
        return transaction

    def last_state(self) -> int:
        """The newest committed state, of any process; 0 before the first commit."""
        known = self._known
        return known[1] if known[0] == self.engine.moment() else self.run(self._last_state, fresh=True)

    def _last_state(self, transaction: EngineTransaction) -> int:
        last = transaction.last(LOG)
        state = 0 if last is None else keys.decode_uint(last[0])[0]
        self.learn(transaction.moment, state)
        return state

    def learn(self, moment: int, state: int) -> None:
        """The newest state at a moment of the engine; from now on nobody reads what was before."""
        with self.guard:
            if self.transaction is not None and self.transaction.moment < moment:
                self.relax()
            if moment > self._known[0]:
                self._known = moment, state

    def run(self, work: Callable[[EngineTransaction], Result], fresh: bool = False) -> Result:
        """The result of `work(transaction)`, run again if the engine ended it; `fresh`: on newest data."""
        with self.guard:
            try:
                return work(self.begin() if fresh else self.current())
            except TransactionClosed:
                return work(self.begin())

    def part(self, space: int, lo: bytes, size: int) -> list[tuple[bytes, bytes]]:
        """The first `size` entries of `space` at or after `lo`."""
        return self.run(lambda transaction: list(islice(transaction.scan(space, lo), size)))

    def relax(self) -> None:
        """End the shared transaction; the next use begins another."""
        with self.guard:
            transaction, self.transaction = self.transaction, None
            if transaction is not None:
                while self._seeking:
                    self._seeking.pop().drop()
                transaction.abort()

    def _seek(self, space: int, physical: bytes) -> tuple[bytes, bytes] | None:
        """What a seeker does that has no transaction, or one that was ended."""
        seeker = self.seekers[space]

        def seek(transaction: EngineTransaction) -> tuple[bytes, bytes] | None:
            seeker.use(*transaction.cursor(space))
            self._seeking.append(seeker)
            return transaction.seek(space, physical)

        return self.run(seek, fresh=seeker in self._seeking)

    def close(self) -> None:
        """End the transaction and the background thread."""
        self._closed = True
        self.relax()
        self._begun.set()

    def _start_sweeper(self) -> None:
        self._sweeper = threading.Thread(
            target=_sweep, args=(weakref.ref(self), self._begun), name="perdure-reader", daemon=True
        )
        self._sweeper.start()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed


def _sweep(reference: weakref.ref[Reader], begun: threading.Event) -> None:
    """Drop the shared transaction now and then, as long as the reader lives."""
    pause = threading.Event()
    while True:
        begun.wait()
        pause.wait(_IDLE_SECONDS)
        reader = reference()
        if reader is None or reader.closed:
            return
        with reader.guard:
            begun.clear()
            reader.relax()
        del reader

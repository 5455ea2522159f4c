"""What the one who kills knows: the acknowledged state of each worker, and what may have come after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from crash_model import Model
from crash_worker import (
    DONE,
    FINISH,
    INTENT,
    KEPT,
    OPENED,
    PACK,
    PREPARE,
    PREPARED,
    REFUSED,
    Message,
)


@dataclass
class Ledger:
    """The account of one worker's graph."""

    last: bytes = field(default_factory=lambda: Model().digest())
    next: bytes | None = None
    phase: bytes = DONE
    """How far a transaction in two phases has come: PREPARE, PREPARED or FINISH; else INTENT or DONE."""
    transaction: int = 0
    kept: set[bytes] = field(default_factory=set)
    """What automatic commits may have made durable since."""
    states: dict[int, bytes] = field(default_factory=dict)
    """What was acknowledged, by state."""
    floor: int = 0
    """The state before which a pack may have removed the history."""

    def hear(self, message: Message) -> str | None:
        """Take in what the worker told; what is wrong with it."""
        if message.kind == OPENED and message.digest != self.last:
            return f"opening found {message.digest.hex()}, not {self.last.hex()}"
        if message.kind in {INTENT, PREPARE}:
            self.next, self.phase, self.transaction = message.digest, message.kind, message.number
        elif message.kind in {PREPARED, FINISH}:
            self.phase = message.kind
        elif message.kind == DONE:
            self.last, self.next, self.phase = message.digest, None, DONE
            self.kept.clear()
            if message.number:
                self.states[message.number] = message.digest
        elif message.kind == REFUSED:
            self.next, self.phase = None, DONE
        elif message.kind == KEPT:
            self.kept.add(message.digest)
        elif message.kind == PACK:
            self.floor = message.number
        return None

    def judge(self, found: bytes, waiting: list[bytes]) -> str | None:
        """What is wrong with the state found after the kill, and the transactions found waiting in it."""
        own = b"%d" % self.transaction in waiting
        allowed = {(digest, False) for digest in (self.last, *self.kept)}
        if self.phase == INTENT and self.next is not None:
            allowed.add((self.next, False))
        elif self.phase == PREPARE:
            allowed.add((self.last, True))
        elif self.phase == PREPARED:
            allowed = {(self.last, True)}
        elif self.phase == FINISH and self.next is not None:
            allowed = {(self.last, True), (self.next, False)}
        if (found, own) in allowed:
            return None
        known = f"acknowledged {self.last.hex()}, then {self.phase!r} {self.next!r}"
        return f"found {found.hex()} (waiting: {own}), {known}"

    def settle(self, found: bytes, finished: bool | None) -> bytes:
        """The state that the database must have from now on; `finished` is None if nothing was waiting."""
        assert self.next is not None or finished is None
        self.last = self.next if finished and self.next is not None else found
        self.next, self.phase = None, DONE
        self.kept.clear()
        return self.last

"""When to kill, and the processes that are killed."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from crash_ledger import Ledger
from crash_worker import (
    BROKEN,
    CLOSE,
    DONE,
    FINISH,
    INTENT,
    KEPT,
    PACK,
    PREPARE,
    PREPARED,
    Face,
    Habits,
    Message,
    OpenFace,
    Worker,
    receive,
)

START = b""
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """When to kill: at a random time within what usually follows the message `trigger` of number `count`."""

    name: str
    trigger: bytes
    count_max: int = 1
    habits: Habits = field(default_factory=Habits)
    pair: bool = False


PLANS = (
    Plan("create", START),
    Plan("open", START),
    Plan("commit", INTENT, 6),
    Plan("commit", INTENT, 6),
    Plan("between commits", DONE, 6),
    Plan("pack", PACK, habits=Habits(packs=0.7)),
    Plan("close", CLOSE, habits=Habits(reopens=0.7)),
    Plan("prepare", PREPARE, 3, Habits(prepares=1)),
    Plan("prepared", PREPARED, 3, Habits(prepares=1)),
    Plan("finish", FINISH, 3, Habits(prepares=1)),
    Plan("two writers", INTENT, 4, pair=True),
    Plan("automatic commits", KEPT, 20, Habits(packs=0, reopens=0, autocommit=True)),
)


def suits(open_face: OpenFace, plan: Plan) -> bool:
    """Whether a face can do what a plan asks for."""
    needs_sharing = plan.pair or plan.habits.prepares == 1
    return not plan.habits.autocommit if open_face.is_shared else not needs_sharing


class Victim:
    """A working process, its pipe and the account of what it told."""

    def __init__(self, open_face: Callable[[], Face], who: str, seed: int, habits: Habits, ledger: Ledger) -> None:
        self.ledger = ledger
        self.who = who
        self.heard: list[Message] = []
        self.faults: list[str] = []
        self._pipe, writing = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                os.close(self._pipe)
                Worker(writing, open_face, seed, habits).run()
            finally:
                os._exit(1)
        os.close(writing)

    def hear(self, kind: bytes) -> bool:
        """Take in one message; whether it is of this kind. None for long, or an error, is a fault and ends the wait."""
        ready, _, _ = select.select([self._pipe], [], [], _PATIENCE_SECONDS)
        message = receive(self._pipe) if ready else None
        if message is None or message.kind == BROKEN:
            self.faults.append(f"{self.who}: {'failed' if ready else 'hangs'} after {self.heard[-1:]}")
            return True
        self._take(message)
        return message.kind == kind

    def drain(self) -> None:
        """Take in what it has told until now, so that what is heard next was told later."""
        while not self.faults and select.select([self._pipe], [], [], 0)[0]:
            self.hear(START)

    def wait(self, seconds: float) -> bool:
        """Whether it tells something in that time."""
        return bool(select.select([self._pipe], [], [], seconds)[0])

    def _take(self, message: Message) -> None:
        self.heard.append(message)
        fault = self.ledger.hear(message)
        if fault is not None:
            self.faults.append(f"{self.who}: {fault}")

    def kill(self) -> None:
        """End it, and take in what it had told before."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        while (message := receive(self._pipe)) is not None:
            if message.kind == BROKEN:
                self.faults.append(f"{self.who}: failed before it was killed")
            else:
                self._take(message)
        os.close(self._pipe)

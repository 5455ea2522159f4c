"""Kills processes that work on a database, at random moments, and looks at what is left.

`python crash_kills.py --kills 2000 --seed 1` prints a summary and ends with 1 if a committed state was lost, another
was seen, or the database was not sound.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from crash_apart import run_apart
from crash_ledger import Ledger
from crash_worker import (
    BROKEN,
    CLOSE,
    DONE,
    FINISH,
    INTENT,
    PACK,
    PREPARE,
    PREPARED,
    Habits,
    Message,
    OpenFace,
    Worker,
    receive,
)

_START = b""
_PATIENCE_SECONDS = 60.0
_LIFE_KILLS = 40  # then a database is replaced by a new one
_FAILURES_MAX = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """When to kill: at a random time within what usually follows the message `trigger` of number `count`."""

    name: str
    trigger: bytes
    count_max: int = 1
    habits: Habits = field(default_factory=Habits)
    pair: bool = False


PLANS = (
    Plan("create", _START),
    Plan("open", _START),
    Plan("commit", INTENT, 6),
    Plan("commit", INTENT, 6),
    Plan("between commits", DONE, 6),
    Plan("pack", PACK, habits=Habits(packs=0.7)),
    Plan("close", CLOSE, habits=Habits(reopens=0.7)),
    Plan("prepare", PREPARE, 3, Habits(prepares=1)),
    Plan("prepared", PREPARED, 3, Habits(prepares=1)),
    Plan("finish", FINISH, 3, Habits(prepares=1)),
    Plan("two writers", INTENT, 4, pair=True),
)


@dataclass
class Report:
    """What came of a number of kills."""

    kills: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a fresh process found in the database after a kill."""

    digests: dict[str, bytes]
    waiting: list[bytes]
    settled: dict[str, bytes]
    older: bytes | None
    problems: list[str]


class Victim:
    """A working process, its pipe and the account of what it told."""

    def __init__(self, open_face: OpenFace, path: str, who: str, seed: int, habits: Habits, ledger: Ledger) -> None:
        self.ledger = ledger
        self.who = who
        self.heard: list[Message] = []
        self.faults: list[str] = []
        self._pipe, writing = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                os.close(self._pipe)
                Worker(writing, open_face, path, who, seed, habits).run()
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
            self.hear(_START)

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


class Rounds:
    """Rounds of kills on databases in one directory."""

    def __init__(self, open_face: OpenFace, directory: Path, seed: int, flaw: str = "") -> None:
        self.report = Report()
        self._open_face = open_face
        self._directory = directory
        self._seed = seed
        self._flaw = flaw
        self._usual: dict[bytes, float] = {}
        self._lives = 0
        self._age = _LIFE_KILLS
        self._ledgers: dict[str, Ledger] = {}

    def run(self, kills: int) -> Report:
        """Kill so many processes, or fewer if too much is found."""
        number = 0
        while self.report.kills.total() < kills and len(self.report.failures) < _FAILURES_MAX:
            seed = self._seed * 1_000_000 + number
            random = Random(seed)
            plan = random.choice(PLANS)
            for failure in self._round(plan, random, seed):
                self.report.failures.append(f"seed {self._seed}, round {number} ({plan.name}): {failure}")
                self._age = _LIFE_KILLS
            number += 1
        return self.report

    @property
    def _path(self) -> str:
        return str(self._directory / f"life{self._lives}" / "crash.db0")

    @property
    def _keeps_history(self) -> bool:
        return self._lives % 3 != 2

    def _face(self) -> OpenFace:
        return partial(self._open_face, history=self._keeps_history)

    def _round(self, plan: Plan, random: Random, seed: int) -> list[str]:
        if plan.name == "create" or self._age >= _LIFE_KILLS:
            self._begin_life()
        self._age += 1
        victims = [self._start(who, seed, plan) for who in (("w", "v") if plan.pair else ("w",))]
        faults: list[str] = []
        for victim in victims:
            victim.drain()
            self._wait(victim, plan, random)
            victim.kill()
            self.report.kills[plan.name] += 1
            faults += victim.faults
        if faults:
            return faults
        return self._judge(victims, random)

    def _begin_life(self) -> None:
        shutil.rmtree(self._directory / f"life{self._lives}", ignore_errors=True)
        self._lives += 1
        self._age = 0
        self._ledgers = {}
        (self._directory / f"life{self._lives}").mkdir()

    def _start(self, who: str, seed: int, plan: Plan) -> Victim:
        ledger = self._ledgers.setdefault(who, Ledger())
        habits = Habits(plan.habits.prepares, plan.habits.packs, plan.habits.reopens, self._flaw)
        return Victim(self._face(), self._path, who, seed * 2 + (who == "v"), habits, ledger)

    def _wait(self, victim: Victim, plan: Plan, random: Random) -> None:
        """Until the moment to kill it."""
        begin = time.monotonic()
        if plan.trigger != _START:
            for _ in range(random.randint(1, plan.count_max)):
                while not victim.hear(plan.trigger):
                    pass
            begin = time.monotonic()
        usual = self._usual.get(plan.trigger)
        if usual is None:
            victim.hear(_START)
            self._learn(plan.trigger, time.monotonic() - begin)
            return
        end = begin + random.uniform(0, 1.5) * usual
        is_learned = False
        while (left := end - time.monotonic()) > 0:
            if not victim.wait(left):
                break
            if not is_learned:
                self._learn(plan.trigger, time.monotonic() - begin)
                is_learned = True
            victim.hear(_START)
            if victim.faults:
                break

    def _learn(self, trigger: bytes, seconds: float) -> None:
        usual = self._usual.get(trigger, seconds)
        self._usual[trigger] = 0.9 * usual + 0.1 * seconds

    def _judge(self, victims: list[Victim], random: Random) -> list[str]:
        finish = random.random() < 0.5
        states = self._ledgers["w"].states
        floor = max(ledger.floor for ledger in self._ledgers.values())
        older = random.choice([None, *(state for state in states if self._keeps_history and state >= floor)])
        whos = list(self._ledgers)
        item = (self._face(), self._path, whos, finish, older)
        _, found = next(iter(run_apart(look, [item], processes=1)))
        if not isinstance(found, Findings):
            return [f"{type(found).__name__}: {found}"]
        faults = list(found.problems)
        for who, ledger in self._ledgers.items():
            fault = ledger.judge(found.digests[who], found.waiting)
            if fault is not None:
                faults.append(f"{who}: {fault}")
            self._count(ledger, found.digests[who], found.waiting)
            own = b"%d" % ledger.transaction in found.waiting
            if found.settled[who] != ledger.settle(found.digests[who], finish if own else None):
                faults.append(f"{who}: settling the prepared transaction made another state than it should")
        if older is not None and found.older != states[older]:
            faults.append(f"the view of state {older} shows something else than was committed")
        return faults

    def _count(self, ledger: Ledger, found: bytes, waiting: list[bytes]) -> None:
        if ledger.next is None:
            self.report.outcomes["nothing under way"] += 1
        elif waiting:
            self.report.outcomes["prepared"] += 1
        else:
            self.report.outcomes["committed" if found == ledger.next else "not committed"] += 1


def look(item: tuple[OpenFace, str, list[str], bool, int | None]) -> Findings | Exception:
    """Open the database as a fresh process does, look at it, and settle what waits."""
    open_face, path, whos, finish, older = item
    try:
        faces = {who: open_face(path, who, check=True) for who in whos}
        first = faces[whos[0]]
        digests = {who: face.read().digest() for who, face in faces.items()}
        problems, waiting = first.problems(), first.waiting()
        shown = None if older is None else first.read(older).digest()
        if waiting:
            first.settle(finish)
            problems += first.problems()
        for face in faces.values():
            face.close()
        settled = {}
        for who in whos:
            face = open_face(path, who)
            settled[who] = face.read().digest()
            face.close()
        return Findings(digests, waiting, settled, shown, problems)
    except Exception as error:
        return error


def kill_in_rounds(item: tuple[OpenFace, int, int, str]) -> Report:
    """Rounds of kills in a process of their own: face, seed, number of kills, flaw of a canary."""
    open_face, seed, kills, flaw = item
    with tempfile.TemporaryDirectory() as directory:
        return Rounds(open_face, Path(directory), seed, flaw).run(kills)


def main() -> int:
    """Kill as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2, help="how many rounds go on at the same time")
    parser.add_argument("--flaw", default="", help="make the worker do wrong, to see that it is found: early or halves")
    arguments = parser.parse_args()
    from crash_session import SessionFace

    begin, whole = time.monotonic(), Report()
    share = -(-arguments.kills // arguments.processes)
    seeds = range(arguments.seed * 100, arguments.seed * 100 + arguments.processes)
    parts = [(SessionFace, seed, share, arguments.flaw) for seed in seeds]
    for _, report in run_apart(kill_in_rounds, parts, arguments.processes):
        if isinstance(report, Report):
            whole.kills += report.kills
            whole.outcomes += report.outcomes
            whole.failures += report.failures
        else:
            whole.failures.append(str(report))
    print(*whole.failures, sep="\n", end="\n" if whole.failures else "")
    for title, counts in (("killed at", whole.kills), ("found", whole.outcomes)):
        print(f"{title}:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    seconds = time.monotonic() - begin
    print(f"{whole.kills.total()} kills, {len(whole.failures)} failures, {seconds:.1f} s")
    return 1 if whole.failures else 0


if __name__ == "__main__":
    sys.exit(main())

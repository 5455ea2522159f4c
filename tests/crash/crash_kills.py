"""Kills processes that work on a database, at random moments, and looks at what is left.

`python crash_kills.py --kills 2000 --seed 1` prints a summary and ends with 1 if a committed state was lost, another
was seen, or the database was not sound.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

from crash_apart import run_apart
from crash_ledger import Ledger
from crash_memo import MemoFace
from crash_session import SessionFace
from crash_victims import PLANS, START, Plan, Victim, suits
from crash_worker import Face, OpenFace

_LIFE_KILLS = 40  # then a database is replaced by a new one
_FAILURES_MAX = 5


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


class Rounds:
    """Rounds of kills on databases in one directory."""

    def __init__(self, open_face: OpenFace, directory: Path, seed: int, flaw: str = "") -> None:
        self.report = Report()
        self._open_face = open_face
        self._directory = directory
        self._seed = seed
        self._flaw = flaw
        self._plans = [plan for plan in PLANS if suits(open_face, plan)]
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
            plan = random.choice(self._plans)
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

    def _face(self) -> Callable[..., Face]:
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
        habits = replace(plan.habits, flaw=self._flaw)
        if not self._open_face.is_shared:
            habits = replace(habits, prepares=0)
        open_face = partial(self._face(), self._path, who)
        if habits.autocommit:
            open_face = partial(open_face, autocommit=True)
        return Victim(open_face, who, seed * 2 + (who == "v"), habits, ledger)

    def _wait(self, victim: Victim, plan: Plan, random: Random) -> None:
        """Until the moment to kill it."""
        begin = time.monotonic()
        if plan.trigger != START:
            for _ in range(random.randint(1, plan.count_max)):
                while not victim.faults and not victim.hear(plan.trigger):
                    pass
            begin = time.monotonic()
        usual = self._usual.get(plan.trigger)
        if usual is None:
            victim.hear(START)
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
            victim.hear(START)
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
        [(_, found)] = run_apart(look, [item], processes=1)
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
        if ledger.kept:
            self.report.outcomes["left to automatic commits"] += 1
        elif ledger.next is None:
            self.report.outcomes["nothing under way"] += 1
        elif waiting:
            self.report.outcomes["prepared"] += 1
        else:
            self.report.outcomes["committed" if found == ledger.next else "not committed"] += 1


def look(item: tuple[Callable[..., Face], str, list[str], bool, int | None]) -> Findings | Exception:
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
    parser.add_argument("--face", default="both", choices=("session", "memo", "both"))
    arguments = parser.parse_args()
    begin, whole = time.monotonic(), Report()
    share = -(-arguments.kills // arguments.processes)
    seeds = range(arguments.seed * 100, arguments.seed * 100 + arguments.processes)
    faces = {"session": [SessionFace], "memo": [MemoFace], "both": [SessionFace, MemoFace]}[arguments.face]
    parts = [(faces[seed % len(faces)], seed, share, arguments.flaw) for seed in seeds]
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

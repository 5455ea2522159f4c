"""Kills processes that commit over several prefixes, at random moments, and looks whether each commit is whole.

`python crash_together.py --kills 500 --seed 1` prints a summary and ends with 1 if a commit was lost or torn, or a
database was not sound.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from crash_apart import run_apart

import perdure as db0
from perdure.workspace.functions import workspace

NAMES = ("first", "second", "third")
_MESSAGE = struct.Struct("<cQ")
_LIFE_KILLS = 25
_PATIENCE_SECONDS = 60.0
_WAIT_SECONDS_MAX = 0.02


@db0.memo(id="crash:Half", singleton=True)
class Half:
    """What each prefix holds: the number of the newest commit, and traces of the ones before."""

    def __init__(self) -> None:
        self.number = 0
        self.numbers: dict[int, Trace] = {}


@db0.memo(id="crash:Trace")
class Trace:
    """One commit's trace."""

    def __init__(self, number: int) -> None:
        self.number = number


def _open(root: Path, order: list[str], mode: str = "rw") -> None:
    db0.init(root, autocommit=False)
    for name in order:
        db0.open(name, mode)


def work(root: Path, seed: int, pipe: int, flawed: bool) -> None:
    """Commit again and again, each time over two or three prefixes; tells before and after each commit."""
    random = Random(seed)
    _open(root, random.sample(NAMES, 3))
    halves = {name: _half(name) for name in NAMES}
    number = halves[NAMES[0]].number
    os.write(pipe, _MESSAGE.pack(b"O", number))
    while True:
        number += 1
        with db0.atomic():
            for name, half in halves.items():
                half.number = number
                half.numbers[number] = trace = make_in(name, number)
                db0.tags(trace).add("trace")
                if number > 20:
                    old = half.numbers.pop(number - 20, None)
                    if old is not None:
                        db0.tags(old).remove("trace")
        os.write(pipe, _MESSAGE.pack(b"I", number))
        if flawed:
            for name in NAMES:
                db0.commit(name)
        else:
            db0.commit()
        os.write(pipe, _MESSAGE.pack(b"D", number))


def make_in(name: str, number: int) -> Trace:
    """A trace in a prefix."""
    db0.open(name)
    return Trace(number)


def _half(name: str) -> Half:
    db0.open(name)
    return Half()


def look(item: tuple[Path, list[str], str]) -> tuple[list[int], list[str]] | Exception:
    """What a fresh process finds: the number in each prefix, and what is wrong."""
    root, order, mode = item
    try:
        _open(root, order, mode)
        problems: list[str] = []
        numbers = []
        for name in NAMES:
            half = db0.fetch(Half, prefix=name) if db0.exists(Half, prefix=name) else None
            numbers.append(half.number if half else 0)
            expected = set(range(max(numbers[-1] - 19, 1), numbers[-1] + 1))
            tagged = {trace.number for trace in db0.find("trace", prefix=name)}
            if half and not set(half.numbers) == tagged == expected:
                problems.append(f"{name} holds other traces than those up to {numbers[-1]}")
        for prefix in workspace().list_open():
            if mode == "rw":
                problems += [f"{prefix.name}: {problem}" for problem in prefix.database.verify()]
            if prefix.database.storage.prepared():
                problems.append(f"{prefix.name} has a part that waits")
        db0.close()
        return numbers, problems
    except Exception as error:
        return error


def _kill_one(root: Path, random: Random, flawed: bool) -> tuple[int, int | None]:
    """Start a worker and kill it; the number that it acknowledged last, and the one that was under way."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(reading)
            work(root, random.getrandbits(32), writing, flawed)
        finally:
            os._exit(1)
    os.close(writing)
    done, following = 0, None
    wanted, end = random.randint(1, 12), None
    while end is None or time.monotonic() < end:
        left = _PATIENCE_SECONDS if end is None else max(end - time.monotonic(), 0)
        if not select.select([reading], [], [], left)[0]:
            break
        data = os.read(reading, _MESSAGE.size)
        if not data:
            break
        done, following = _hear(data, done, following)
        wanted -= 1
        if wanted == 0:
            end = time.monotonic() + random.uniform(0, _WAIT_SECONDS_MAX)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    while data := os.read(reading, _MESSAGE.size):
        done, following = _hear(data, done, following)
    os.close(reading)
    return done, following


def _hear(data: bytes, done: int, following: int | None) -> tuple[int, int | None]:
    kind, number = _MESSAGE.unpack(data)
    return (done, number) if kind == b"I" else (number, None)


def run(kills: int, seed: int, flawed: bool = False) -> tuple[Counter[str], list[str]]:
    """Kill so many processes; what was found, and the failures."""
    random, outcomes, failures = Random(seed), Counter[str](), list[str]()
    with tempfile.TemporaryDirectory() as directory:
        for number in range(kills):
            root = Path(directory) / f"life{number // _LIFE_KILLS}"
            done, following = _kill_one(root, random, flawed)
            items = [(root, random.sample(NAMES, 3), mode) for mode in ("r", "rw")]
            for item in items:
                [(_, found)] = run_apart(look, [item], processes=1)
                if not isinstance(found, tuple):
                    failures.append(f"kill {number}: {type(found).__name__}: {found}")
                    continue
                numbers, problems = found
                failures += [f"kill {number}: {problem}" for problem in problems]
                if len(set(numbers)) != 1 or numbers[0] not in {done, following}:
                    failures.append(f"kill {number}: acknowledged {done}, under way {following}, found {numbers}")
            how = "committed" if numbers[0] == following else "not committed"
            outcomes["nothing under way" if following is None else how] += 1
            if len(failures) > 3:
                break
    return outcomes, failures


def main() -> int:
    """Kill as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flawed", action="store_true", help="commit the prefixes one by one, to see that it is found")
    arguments = parser.parse_args()
    outcomes, failures = run(arguments.kills, arguments.seed, arguments.flawed)
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{outcomes.total()} kills of commits over prefixes: {dict(outcomes)}, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

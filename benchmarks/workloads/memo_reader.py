"""How soon a second process sees a commit without asking for it: a writer here, a reader in a process of its own."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Bench, Figures, check
from benchmarks.workloads import Workload
from benchmarks.workloads.chosen import db0
from benchmarks.workloads.memo import Root, start

COMMITS = 50
PAUSE_SECONDS = 0.02
POLL_SECONDS = 0.0002
TIMEOUT_SECONDS = 30


def latency(bench: Bench) -> Figures:
    values = start(bench).numbers
    values["turn"] = 0
    db0.commit()
    command = [sys.executable, "-m", "benchmarks.workloads.memo_reader", str(bench.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        check(reader.stdout.readline().split()[:1], ["0"])
        taken = []
        for turn in range(1, COMMITS + 1):
            time.sleep(PAUSE_SECONDS)
            values["turn"] = turn
            begin = time.monotonic_ns()
            db0.commit()
            number, seen = reader.stdout.readline().split()
            check(number, str(turn))
            taken.append(int(seen) - begin)
    check(reader.returncode, 0)
    return {"reader_latency": statistics.median(taken)}


def follow(path: Path) -> None:
    """Print each turn of the writer with the time (nanoseconds, monotonic) at which it was seen."""
    db0.init(str(path), autocommit=False, read_write=False)
    db0.open("bench", "r")
    values, seen, last = Root().numbers, -1, time.monotonic()
    while seen < COMMITS:
        turn = values["turn"]
        if turn != seen:
            print(turn, time.monotonic_ns(), flush=True)
            seen, last = turn, time.monotonic()
        elif time.monotonic() - last > TIMEOUT_SECONDS:
            raise TimeoutError(f"turn {seen + 1} was not seen within {TIMEOUT_SECONDS} seconds")
        time.sleep(POLL_SECONDS)


WORKLOADS = {"reader": Workload(latency)}
BUILDERS: dict[str, object] = {}

if __name__ == "__main__":
    follow(Path(sys.argv[1]))

"""What a workload is given, and how it takes times."""

import json
import random
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

now = perf_counter_ns

Figures = dict[str, float]
"""Measurement name to nanoseconds an operation (or to bytes, for the names that say so)."""


@dataclass(frozen=True)
class Bench:
    """One run of one workload: the database's directory and the number of objects."""

    path: Path
    size: int

    def remember(self, name: str, value: Any) -> None:
        """Keep a value beside the database, for workloads that open it later."""
        (self.path / f"{name}.json").write_text(json.dumps(value))

    def recall(self, name: str) -> Any:
        """What `remember` kept."""
        return json.loads((self.path / f"{name}.json").read_text())

    def shuffled(self, values: Iterable[Any]) -> list[Any]:
        """The values in an order that is random, but the same for every system and run."""
        result = list(values)
        random.Random(self.size).shuffle(result)
        return result


def repeated(loop: Callable[[], object], operations: int, times: int = 5) -> float:
    """Median nanoseconds an operation of a hot loop, after one run to warm up."""
    loop()
    taken = []
    for _ in range(times):
        start = now()
        loop()
        taken.append(now() - start)
    return statistics.median(taken) / operations


def check(found: object, expected: object) -> None:
    """Fail the run if a system answers wrongly: a fast wrong answer is no figure."""
    if found != expected:
        raise AssertionError(f"wrong answer: {found!r}, expected {expected!r}")


def disk_bytes(path: Path) -> int:
    """Bytes that the files below a directory take up on disk, our own notes aside."""
    files = [entry for entry in path.rglob("*") if entry.is_file() and entry.suffix != ".json"]
    return sum(entry.stat().st_blocks * 512 for entry in files)

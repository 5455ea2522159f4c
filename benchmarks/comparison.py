"""Runs all workloads on all systems in turn, so that whatever disturbs the machine disturbs all alike."""

import importlib.util
import os
import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Figures
from benchmarks.processes import MeasurementError, call

NEEDS = {
    "plain": [],
    "dbzero": ["dbzero"],
    "perdure": ["perdure", "lmdb"],
    "zodb": ["ZODB", "BTrees"],
    "perdure.zodb": ["perdure", "lmdb", "transaction"],
    "lmdb": ["perdure", "lmdb"],
}


def installed(system: str) -> bool:
    """Whether the modules of a system can be found in this environment."""
    return all(importlib.util.find_spec(module) is not None for module in NEEDS[system])


class Plan(NamedTuple):
    """One workload of a system: the database it starts from, its own size (0: the common one), and its most runs."""

    starts_from: str
    own_size: int
    most_runs: int


def _rotated(systems: list[str], number: int) -> list[str]:
    start = number % len(systems)
    return systems[start:] + systems[:start]


@dataclass
class Comparison:
    """What to run, and what came out: every figure of every run, by system and name.

    `scale` shrinks the workloads that have a size of their own; `failures` tells what went wrong where.
    """

    directory: Path
    systems: list[str]
    size: int = 100_000
    runs: int = 5
    only: list[str] = field(default_factory=list)
    scale: float = 1.0
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def execute(self, tell: Callable[[str], None]) -> None:
        """Run everything; what failed once is not tried again."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        plans = {system: self._plans(system) for system in self.systems}
        names = list(dict.fromkeys(name for plan in plans.values() for name in plan))
        for number in range(self.runs):
            for name in names:
                for system in _rotated(self.systems, number):
                    plan = plans[system].get(name)
                    if plan is None or f"{system} {name}" in self.failures:
                        continue
                    if number < (plan.most_runs or self.runs):
                        tell(f"run {number + 1} of {self.runs}: {name} on {system}")
                        self._measure(system, name, plan)
        shutil.rmtree(self.directory)

    def medians(self) -> dict[str, Figures]:
        """The median of each figure over the runs."""
        return {
            system: {name: statistics.median(values) for name, values in figures.items()}
            for system, figures in self.figures.items()
        }

    def _plans(self, system: str) -> dict[str, Plan]:
        try:
            listed, _ = call(system, "list", "all", self.directory, 0)
        except MeasurementError as problem:
            self.failures[system] = str(problem)
            return {}
        wanted = [
            row for row in listed if system.startswith(row[3]) and (not self.only or row[0] in self.only)
        ]
        return {name: Plan(starts_from, size, most_runs) for name, starts_from, size, _, most_runs in wanted}

    def _measure(self, system: str, name: str, plan: Plan) -> None:
        size = int(plan.own_size * self.scale) or self.size
        path = self.directory / "run"
        try:
            if plan.starts_from:
                shutil.copytree(self._prepared(system, plan.starts_from, size), path)
            else:
                path.mkdir()
            os.sync()
            figures, peak = call(system, "run", name, path, size)
        except MeasurementError as problem:
            self.failures[f"{system} {name}"] = str(problem)
            return
        finally:
            shutil.rmtree(path, ignore_errors=True)
        ending = f"_{plan.own_size}" if plan.own_size else ""
        kept = self.figures.setdefault(system, {})
        for key, value in {**figures, f"{name}_peak_bytes": float(peak)}.items():
            kept.setdefault(key + ending, []).append(value)

    def _prepared(self, system: str, name: str, size: int) -> Path:
        path = self.directory / f"{system}-{name}-{size}"
        if not path.exists():
            path.mkdir()
            call(system, "build", name, path, size)
        return path

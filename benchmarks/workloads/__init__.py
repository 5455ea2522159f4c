"""The workloads of each system: functions that take a `Bench` and return figures."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.measure import Bench, Figures

MEMO = ["memo", "memo_queries", "memo_reader", "limited"]
MODULES = {
    "plain": ["plain"],
    "dbzero": MEMO,
    "perdure": [*MEMO, "filtered"],
    "zodb": ["zodb"],
    "perdure.zodb": ["zodb"],
    "lmdb": ["raw"],
    "perdure.large": ["large"],
}
"""The modules with the workloads of each system."""


@dataclass(frozen=True)
class Workload:
    """A function to measure in a fresh process.

    `starts_from` names the database it gets a copy of ("" for none); `size` is its own number of objects
    (0: that of the comparison), which then ends the names of its figures; `only` limits it to systems whose
    name starts so; `most_runs` limits the runs of what takes minutes (0: as many as the others).
    """

    run: Callable[[Bench], Figures]
    starts_from: str = ""
    size: int = 0
    only: str = ""
    most_runs: int = 0


def load(system: str) -> tuple[dict[str, Workload], dict[str, Callable[[Bench], None]]]:
    """Workloads and builders of starting databases of one system; imports the system."""
    modules = [import_module(f"benchmarks.workloads.{name}") for name in MODULES[system]]
    workloads = {name: workload for module in modules for name, workload in module.WORKLOADS.items()}
    return workloads, {name: build for module in modules for name, build in module.BUILDERS.items()}

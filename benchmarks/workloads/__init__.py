"""The workloads of each system: functions that take a `Bench` and return figures."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.measure import Bench, Figures

MODULES = {
    "plain": "benchmarks.workloads.plain",
    "dbzero": "benchmarks.workloads.memo",
    "perdure": "benchmarks.workloads.memo",
    "zodb": "benchmarks.workloads.zodb",
    "perdure.zodb": "benchmarks.workloads.zodb",
    "lmdb": "benchmarks.workloads.raw",
    "perdure.large": "benchmarks.workloads.large",
}


@dataclass(frozen=True)
class Workload:
    """A function to measure in a fresh process.

    `starts_from` names the database it gets a copy of ("" for none); `size` is its own number of objects
    (0: that of the comparison), which then ends the names of its figures; `only` limits it to systems whose
    name starts so.
    """

    run: Callable[[Bench], Figures]
    starts_from: str = ""
    size: int = 0
    only: str = ""


def load(system: str) -> tuple[dict[str, Workload], dict[str, Callable[[Bench], None]]]:
    """Workloads and builders of starting databases of one system; imports the system."""
    module = import_module(MODULES[system])
    return module.WORKLOADS, module.BUILDERS

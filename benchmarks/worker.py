"""The process of one measurement: does one action of one system and prints its outcome as JSON.

`python -m benchmarks.worker SYSTEM list|build|run NAME PATH SIZE`, with the system also in BENCH_SYSTEM.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import Bench
from benchmarks.workloads import load


def main(system: str, action: str, name: str, path: str, size: str) -> Any:
    """List the workloads, build a starting database, or run a workload for its figures."""
    workloads, builders = load(system)
    bench = Bench(Path(path), int(size))
    if action == "list":
        return [[name, w.starts_from, w.size, w.only, w.most_runs] for name, w in workloads.items()]
    if action == "build":
        return builders[name](bench)
    return workloads[name].run(bench)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))

"""Command line: `python -m benchmarks.graphs` compares immutable objects with mutable ones and with dbzero."""

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.graphs.subjects import GRAPHS
from benchmarks.processes import ROOT

TARGETS = {"disk_bytes": ("mutable", 3), "create_commit": ("mutable", 5), "read": ("mutable", 3)}
DBZERO_DISK = 10
LOOKUPS_A_SECOND = 500_000


def run(system: str, graph: str, size: int) -> dict[str, float]:
    """One measurement in a process of its own."""
    place = tempfile.mkdtemp()
    try:
        command = [sys.executable, "-m", "benchmarks.graphs.worker", system, graph, place, str(size)]
        search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": search}
        )
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return figures
    finally:
        shutil.rmtree(place, ignore_errors=True)


def medians(systems: list[str], graph: str, size: int, runs: int) -> dict[str, dict[str, float]]:
    """The medians of several runs of each system; the systems take turns, so that all meet the same load."""
    found = [{system: run(system, graph, size) for system in systems} for _ in range(runs)]
    return {
        system: {name: statistics.median([one[system][name] for one in found]) for name in found[0][system]}
        for system in systems
    }


@click.command()
@click.option("--size", default=2_000, show_default=True, help="Graphs of each kind.")
@click.option("--runs", default=3, show_default=True, help="Runs of each measurement; the median counts.")
@click.option("--results", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "results")
def main(size: int, runs: int, results: Path) -> None:
    """Measure size, creation and loading of three graphs, and look-ups of interned objects."""
    before = os.getloadavg()[0]
    systems = ["immutable", "mutable", *(["dbzero"] if importlib.util.find_spec("dbzero") else [])]
    lines = ["| graph | system | create + commit (us) | read whole (us) | disk (bytes) |", "|---|---|---:|---:|---:|"]
    ratios = ["", "| graph | figure | ratio | at least |", "|---|---|---:|---:|"]
    for graph in GRAPHS:
        figures = medians(systems, graph, size, runs)
        for system, one in figures.items():
            times = f"{one['create_commit'] / 1e3:.1f} | {one['read'] / 1e3:.1f}"
            lines.append(f"| {graph} | {system} | {times} | {one['disk_bytes']:.0f} |")
        wanted = [(key, other, factor) for key, (other, factor) in TARGETS.items()]
        wanted += [("disk_bytes", "dbzero", DBZERO_DISK)] if "dbzero" in figures else []
        for key, other, factor in wanted:
            ratio = figures[other][key] / figures["immutable"][key]
            ratios.append(f"| {graph} | {key} against {other} | {ratio:.1f} | {factor} |")
    found = medians(["immutable"], "lookups", 100_000, runs)["immutable"]
    for name, nanoseconds in found.items():
        ratios.append(f"| interned | {name}, a second | {1e9 / nanoseconds:,.0f} | {LOOKUPS_A_SECOND:,} |")
    load = f"\nRuns: {runs}, medians; load of the machine before and after: {before:.1f}, {os.getloadavg()[0]:.1f}."
    text = "\n".join([*lines, *ratios, load])
    results.mkdir(parents=True, exist_ok=True)
    (results / "graphs.md").write_text(text + "\n")
    click.echo(text)


if __name__ == "__main__":
    main()

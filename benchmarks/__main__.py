"""Command line of the comparison: `python -m benchmarks`."""

import sys
from pathlib import Path

import click

from benchmarks import report
from benchmarks.comparison import NEEDS, Comparison, installed
from benchmarks.processes import ROOT


def _names(text: str, allowed: list[str] | None = None) -> list[str]:
    names = [name for name in text.replace(",", " ").split() if name]
    unknown = [name for name in names if allowed is not None and name not in allowed]
    if unknown:
        raise click.BadParameter(f"unknown: {', '.join(unknown)}; there are {', '.join(allowed or [])}")
    return names


@click.command()
@click.option("--only", default="", help="Workloads to run, by comma; all by default.")
@click.option("--systems", default="", help="Systems to run, by comma; all that are installed by default.")
@click.option("--runs", default=5, show_default=True, help="Runs of each workload; the median counts.")
@click.option("--size", default=100_000, show_default=True, help="Objects in the database.")
@click.option("--quick", is_flag=True, help="One run of small sizes: shows that all works, not how fast.")
@click.option(
    "--directory", type=click.Path(path_type=Path), default=ROOT / ".build" / "bench", help="Databases."
)
@click.option("--results", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "results")
@click.option("--name", default="latest", show_default=True, help="File name of the results.")
def main(
    only: str, systems: str, runs: int, size: int, quick: bool, directory: Path, results: Path, name: str
) -> None:
    """Compare perdure with dbzero, ZODB and plain Python; print and save the tables."""
    chosen = _names(systems, list(NEEDS)) or [system for system in NEEDS if installed(system)]
    for system in NEEDS:
        if system not in chosen:
            click.echo(f"left out: {system}", err=True)
    comparison = Comparison(directory, chosen, size, runs, _names(only))
    if quick:
        comparison.size, comparison.runs, comparison.scale = 1_000, 1, 0.01
    comparison.execute(lambda text: click.echo(text, err=True))
    outcome = report.as_json(comparison)
    report.save(outcome, results, name)
    click.echo(report.as_markdown(outcome))
    sys.exit(bool(comparison.failures))


if __name__ == "__main__":
    main()

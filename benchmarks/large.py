"""Command line of the large run: `python -m benchmarks.large`: 10,000,000 objects, 128 MiB of cache."""

import json
import statistics
import sys
from pathlib import Path

import click

from benchmarks.comparison import Comparison
from benchmarks.measure import Figures
from benchmarks.processes import ROOT
from benchmarks.report import machine

SYSTEM = "perdure.large"
MEMORY_BYTES_MAX = 400 * 2**20
COST_RATIO_MAX = 1.5
SMALL = 100_000


def measure(directory: Path, size: int, runs: int) -> Figures:
    """Medians of filling and reading a database of this size."""
    comparison = Comparison(directory, [SYSTEM], size, runs)
    comparison.execute(lambda text: click.echo(f"{size:,} objects, {text}", err=True))
    if comparison.failures:
        raise click.ClickException(str(comparison.failures))
    return {name: statistics.median(values) for name, values in comparison.figures[SYSTEM].items()}


@click.command()
@click.option("--size", default=10_000_000, show_default=True, help="Objects.")
@click.option("--runs", default=1, show_default=True, help="Runs; of the small size at least 5.")
@click.option("--directory", type=click.Path(path_type=Path), default=ROOT / ".build" / "large")
@click.option("--results", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "results")
def main(size: int, runs: int, directory: Path, results: Path) -> None:
    """Fill and read a large database; compare memory and the cost of an object with a small one."""
    small, large = measure(directory, min(SMALL, size), max(runs, 5)), measure(directory, size, runs)
    verdicts = {
        "peak private memory, fill (MiB)": (large["fill_peak_bytes"] / 2**20, MEMORY_BYTES_MAX / 2**20),
        "peak private memory, read (MiB)": (large["read_peak_bytes"] / 2**20, MEMORY_BYTES_MAX / 2**20),
        "fill: cost of an object, ratio to small": (large["fill"] / small["fill"], COST_RATIO_MAX),
        "read: cost of an object, ratio to small": (large["read"] / small["read"], COST_RATIO_MAX),
    }
    lines = [f"# {size:,} objects", "", "| work | figure | at most | reached |"]
    lines.append("| --- | ---: | ---: | --- |")
    for title, (figure, limit) in verdicts.items():
        lines.append(f"| {title} | {figure:.2f} | {limit:g} | {'yes' if figure <= limit else '**no**'} |")
    lines += ["", f"| figure | {min(SMALL, size):,} objects | {size:,} objects |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {small[name]:,.0f} | {large[name]:,.0f} |" for name in large]
    results.mkdir(parents=True, exist_ok=True)
    outcome = {"machine": machine(), "size": size, "small": small, "large": large}
    (results / "large.json").write_text(json.dumps(outcome, indent=1) + "\n")
    (results / "large.md").write_text("\n".join(lines) + "\n")
    click.echo("\n".join(lines))
    sys.exit(any(figure > limit for figure, limit in verdicts.values()))


if __name__ == "__main__":
    main()

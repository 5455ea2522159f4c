"""The outcome of a comparison as JSON and as Markdown tables."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison
from benchmarks.measure import Figures
from benchmarks.targets import ROWS, SCALE, TARGETS, Row, Target

PACKAGES = ["perdure", "dbzero", "ZODB", "BTrees", "persistent", "transaction", "lmdb", "pyroaring"]
TITLES = {row.key: row for row in ROWS}


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    described = {
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "Python": sys.version.split()[0],
    }
    for package in PACKAGES:
        try:
            described[package] = version(package)
        except PackageNotFoundError:
            described[package] = "not installed"
    return described


def judge(target: Target, medians: dict[str, Figures]) -> tuple[float, bool] | None:
    """The ratio (or figure) and whether it is enough; None where a figure is missing."""
    mine = medians.get(target.system, {}).get(target.key)
    if mine is None:
        return None
    if target.kind == "at most":
        figure = mine / SCALE[TITLES[target.key].unit]
        return figure, figure <= target.factor
    theirs = medians.get(target.against, {}).get(target.other or target.key)
    if theirs is None:
        return None
    ratio = theirs / mine if target.kind == "faster" else mine / theirs
    return ratio, ratio >= target.factor if target.kind == "faster" else ratio <= target.factor


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything: the machine, all runs, medians, and targets with their outcome."""
    medians = comparison.medians()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "objects": comparison.size,
        "runs": comparison.runs,
        "medians": medians,
        "figures": comparison.figures,
        "failures": comparison.failures,
        "targets": [_outcome(target, medians) for target in TARGETS],
    }


def _outcome(target: Target, medians: dict[str, Figures]) -> dict[str, Any]:
    judged = judge(target, medians)
    ratio, reached = judged or (None, None)
    return {
        "work": TITLES[target.key].title,
        "key": target.key,
        "system": target.system,
        "against": target.against,
        "kind": target.kind,
        "target": target.factor,
        "ratio": ratio,
        "reached": reached,
    }


def as_markdown(outcome: dict[str, Any]) -> str:
    """The tables that `make bench` prints and saves."""
    described = ", ".join(f"{name} {value}" for name, value in outcome["machine"].items())
    runs = f"medians of {outcome['runs']} runs (of one with 250,000 objects and more), each in a fresh process"
    parts = [
        "# Comparison",
        f"{outcome['date']}; {outcome['objects']:,} objects; {runs}.",
        f"Machine and versions: {described}.",
        _ratios(outcome["targets"]),
        _figures(outcome["medians"]),
    ]
    if outcome["failures"]:
        parts.append(
            "Failed:\n\n" + "\n".join(f"- {name}: {text}" for name, text in outcome["failures"].items())
        )
    return "\n\n".join(parts) + "\n"


def _ratios(targets: list[dict[str, Any]]) -> str:
    lines = [
        "| work | system | compared with | ratio | target | reached |",
        "| --- | --- | --- | ---: | ---: | --- |",
    ]
    for one in targets:
        if one["ratio"] is not None:
            sign = "≥" if one["kind"] == "faster" else "≤"
            verdict = "yes" if one["reached"] else "**no**"
            cells = [
                one["work"],
                one["system"],
                one["against"],
                f"{one['ratio']:.2f}",
                f"{sign} {one['target']:g}",
            ]
            lines.append("| " + " | ".join([*cells, verdict]) + " |")
    return "\n".join(lines)


def _figures(medians: dict[str, Figures]) -> str:
    systems = list(medians)
    lines = ["| work | unit | " + " | ".join(systems) + " |", "| --- | --- |" + " ---: |" * len(systems)]
    for row in ROWS:
        cells = [_cell(row, medians[system].get(row.key)) for system in systems]
        if any(cells):
            lines.append(f"| {row.title} | {row.unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row, value: float | None) -> str:
    if value is None:
        return ""
    scaled = value / SCALE[row.unit]
    return f"{scaled:,.0f}" if scaled >= 100 else f"{scaled:,.1f}"


def save(outcome: dict[str, Any], directory: Path, name: str) -> None:
    """Write both forms below the directory of results."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(outcome, indent=1) + "\n")
    (directory / f"{name}.md").write_text(as_markdown(outcome))

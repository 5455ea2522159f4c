"""The comparison runs, checks its answers, and says in its tables what was reached."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks.comparison import NEEDS, Comparison, installed
from benchmarks.measure import check, repeated
from benchmarks.processes import ROOT, MeasurementError, call
from benchmarks.report import as_json, as_markdown, judge
from benchmarks.targets import ROWS, TARGETS, Target
from benchmarks.workloads import MODULES

SHARED = {row.key for row in ROWS if not row.key.endswith("0000")}
"""Rows that every memo database has; the others are of perdure's larger sizes."""


def compare(tmp_path: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    places = ["--directory", str(tmp_path / "work"), "--results", str(tmp_path / "results")]
    command = [sys.executable, "-m", "benchmarks", "--quick", *places, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    table = (tmp_path / "results" / "latest.md").read_text()
    assert table.strip() == done.stdout.strip()
    return json.loads((tmp_path / "results" / "latest.json").read_text()), table


@pytest.mark.parametrize("system", NEEDS)
def test_quick_form_runs_and_gives_every_figure(system: str, tmp_path: Path) -> None:
    if not installed(system):
        pytest.skip(f"{system} is not installed here; make bench has it in an environment of its own")
    outcome, table = compare(tmp_path, "--systems", system)
    assert outcome["failures"] == {}
    assert set(outcome["figures"]) == {system}
    assert "one-object durable commit" in table or "| hot attribute read | ns |" in table
    if system in ("perdure", "dbzero"):
        assert set(outcome["medians"][system]) >= SHARED


def test_only_the_chosen_workloads_run(tmp_path: Path) -> None:
    comparison = Comparison(tmp_path / "work", ["plain"], size=100, runs=2, only=["sequence"])
    comparison.execute(lambda text: None)
    assert set(comparison.figures["plain"]) == {"list_append", "list_iterate", "sequence_peak_bytes"}
    assert all(len(values) == 2 for values in comparison.figures["plain"].values())


def test_a_process_that_fails_is_reported_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="KeyError: 'no such workload'"):
        call("plain", "run", "no such workload", tmp_path, 10)


def test_a_wrong_answer_fails_the_run() -> None:
    with pytest.raises(AssertionError, match="wrong answer: 3, expected 4"):
        check(3, 4)


def test_a_hot_loop_is_counted_an_operation() -> None:
    calls = []
    assert repeated(lambda: calls.append(None), operations=10, times=3) > 0
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("target", "ratio", "reached"),
    [
        (Target("create", "perdure", "faster", 4, "dbzero"), 5.0, True),
        (Target("create", "perdure", "faster", 6, "dbzero"), 5.0, False),
        (Target("create", "perdure", "within", 1.5, "plain"), 2.0, False),
        (Target("create", "perdure", "within", 2, "plain"), 2.0, True),
        (Target("disk_bytes", "perdure", "at most", 90), 80.0, True),
        (Target("open_1000000", "perdure", "at most", 20), 30.0, False),
        (Target("open_1000000", "perdure", "within", 1.5, "perdure", "open_1000"), 1.2, True),
    ],
)
def test_targets_are_judged_by_kind(target: Target, ratio: float, reached: bool) -> None:
    medians = {
        "plain": {"create": 5.0},
        "dbzero": {"create": 50.0},
        "perdure": {"create": 10.0, "disk_bytes": 80.0, "open_1000000": 30e6, "open_1000": 25e6},
    }
    assert judge(target, medians) == (ratio, reached)


def test_a_target_without_figures_is_left_out() -> None:
    assert judge(Target("create", "perdure", "faster", 4, "dbzero"), {"perdure": {"create": 1.0}}) is None
    comparison = Comparison(Path(os.devnull), ["plain"])
    assert "| create |" not in as_markdown(as_json(comparison))


def test_every_target_names_a_row_and_known_systems() -> None:
    rows = {row.key for row in ROWS}
    for target in TARGETS:
        assert target.key in rows
        assert {target.system, target.against} <= {*MODULES, ""}
    assert set(NEEDS) <= set(MODULES)

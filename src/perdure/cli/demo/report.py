"""The report of a run: tables for people, one JSON object for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from perdure.cli.demo.loading import Loaded
from perdure.cli.demo.questions import Answer
from perdure.cli.demo.run import Report

__all__ = ["as_json", "print_report"]

MIB = 1 << 20


def as_json(report: Report) -> str:
    """The report as one JSON object: sizes in bytes, times in seconds, the first names of each answer."""
    loaded = report.loaded
    rates = {
        "objects_per_second": loaded.objects_per_second,
        "commits_per_second": loaded.commits_per_second,
    }
    questions = zip(report.before, report.after, report.past, strict=True)
    content: dict[str, Any] = {
        "perdure": _version(),
        "path": str(report.path),
        "loaded_now": report.loaded_now,
        "loading": asdict(loaded) | {"finished": loaded.finished.isoformat()} | rates,
        "open_seconds": report.open_seconds,
        "stored_bytes": report.stored_bytes,
        "peak_memory_bytes": report.peak_memory_bytes,
        "topic": asdict(report.topic),
        "questions": [
            {"question": before.question, "before": _json(before), "after": _json(after), "past": _json(past)}
            for before, after, past in questions
        ],
        "upgrade": asdict(report.upgraded),
        "past_kept": report.past_kept,
    }
    return json.dumps(content, indent=2)


def print_report(report: Report, console: Console) -> None:
    """Print the report as tables."""
    console.print(_loading_table(report))
    console.print(_question_table(report))
    console.print(_example_table(report))
    console.print()
    for line in _upgrade_lines(report):
        console.print(line, highlight=False, soft_wrap=True)
    place = escape(str(report.path))
    console.print(
        f"\nThe database is in [bold]{place}[/]; the next run opens it without loading.",
        highlight=False,
        soft_wrap=True,
    )


def _version() -> str:
    from importlib.metadata import version

    return version("perdure")


def _json(answer: Answer) -> dict[str, Any]:
    return {"count": answer.count, "first": list(answer.shown), "seconds": answer.seconds}


def _loading_table(report: Report) -> Table:
    loaded = report.loaded
    when = "in this run" if report.loaded_now else f"in an earlier run, {loaded.finished:%Y-%m-%d %H:%M} UTC"
    table = Table(title=f"The catalogue, loaded {when}", title_justify="left", show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for label, figure, remark in [*_loading_rows(loaded), *_database_rows(report)]:
        table.add_row(label, figure, escape(remark))
    return table


def _loading_rows(loaded: Loaded) -> list[tuple[str, str, str]]:
    return [
        ("source", _mib(loaded.source_bytes), f"{_mib(loaded.plain_bytes)} decompressed"),
        *(("", "", source) for source in loaded.sources),
        ("reading it", _time(loaded.reading_seconds), "decompressing and parsing"),
        ("storing", _time(loaded.storing_seconds), f"{loaded.objects_per_second:,.0f} objects/s"),
        ("objects", f"{loaded.objects:,}", f"with {loaded.references:,} references, tags and indexes"),
        ("commits", f"{loaded.commits:,}", f"{loaded.commits_per_second:,.1f} commits/s, each durable"),
        ("peak memory", _mib(loaded.peak_memory_bytes), f"{_mib(loaded.peak_private_bytes)} private"),
    ]


def _database_rows(report: Report) -> list[tuple[str, str, str]]:
    share = report.stored_bytes / report.loaded.plain_bytes
    each = report.stored_bytes / report.loaded.objects
    return [
        ("on disk", _mib(report.stored_bytes), f"{share:.0%} of the text; {each:.0f} bytes an object"),
        ("opening it", _time(report.open_seconds), ""),
        ("memory, this run", _mib(report.peak_memory_bytes), "at its peak"),
    ]


def _question_table(report: Report) -> Table:
    title = "\nQuestions: before the upgrade, after it, then again as of the state before"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1), pad_edge=False)
    table.add_column(justify="right", min_width=3)
    table.add_column()
    for column in ("before", "after", "again"):
        table.add_column(column, justify="right", no_wrap=True)
        table.add_column(justify="right", style="dim", no_wrap=True)
    for number, answers in enumerate(zip(report.before, report.after, report.past, strict=True), 1):
        cells = [cell for answer in answers for cell in (f"{answer.count:,}", _time(answer.seconds))]
        table.add_row(str(number), escape(answers[0].question), *cells)
    return table


def _example_table(report: Report) -> Table:
    table = Table(
        title="\nThe first of each answer", title_justify="left", show_header=False, box=None, pad_edge=False
    )
    table.add_column(justify="right", min_width=3)
    table.add_column(style="dim")
    for number, answer in enumerate(report.before, 1):
        if answer.names:
            rest = ", …" if answer.count > len(answer.shown) else ""
            table.add_row(str(number), escape(", ".join(answer.shown)) + rest)
    return table


def _upgrade_lines(report: Report) -> list[str]:
    upgraded = report.upgraded
    return [
        f"[bold]Upgrade[/] of {upgraded.packages} packages in one atomic block: {_time(upgraded.seconds)}, "
        f"commit {_time(upgraded.commit_seconds)}, state {upgraded.state_before} → {upgraded.state_after}",
        f"[bold]Refused upgrade[/], after {_time(upgraded.refused_seconds)}: {escape(upgraded.refused)}",
        f"  rolled back, all answers as before it: {_verdict(upgraded.rolled_back)}",
        f"[bold]As of state {upgraded.state_before}[/], the answers of then: {_verdict(report.past_kept)}",
    ]


def _verdict(good: bool) -> str:
    return "[green]yes[/]" if good else "[bold red]NO[/]"


def _mib(size: int) -> str:
    return f"{size / MIB:,.1f} MiB"


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:,.2f} s"
    if seconds >= 0.001:
        return f"{seconds * 1000:,.1f} ms"
    return f"{seconds * 1_000_000:,.0f} µs"

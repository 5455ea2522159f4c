"""What a data filter costs a count: under a predicate and without one, again and again, and first after a change.

The predicate is the usual one: grants to an account and its role, without what is denied to it.
"""

import statistics
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any

from benchmarks.measure import Bench, Figures, check, now, repeated
from benchmarks.workloads import Workload
from benchmarks.workloads.chosen import db0

BATCH = 10_000
WARM, ROUNDS = 100, 41
SEEN: ContextVar[Any] = ContextVar("seen", default=None)


@cache
def row_class() -> Any:
    """What is counted; made only here, since with a restricted class each read looks at what it gives out."""

    @db0.memo(access_control=True)
    class Row:
        def __init__(self, number: int) -> None:
            self.number = number

    return Row


@db0.memo(singleton=True)
class Other:
    """What is changed when nothing that is counted changes."""


def start(bench: Bench) -> None:
    db0.init(str(bench.path), prefix="bench", autocommit=False, data_filter={"context_var": SEEN, "mode": "DEBUG"})


def build(bench: Bench) -> None:
    """All rows tagged, half of them twice; two of three granted, one of seven denied."""
    start(bench)
    Other()
    Row = row_class()
    for first in range(0, bench.size, BATCH):
        numbers = range(first, min(first + BATCH, bench.size))
        rows = {number: Row(number) for number in numbers}
        db0.tags(*rows.values()).add("all")
        db0.tags(*[rows[number] for number in numbers if number % 2 == 0]).add("even")
        db0.tags(*[rows[number] for number in numbers if number % 3 == 0]).add(db0.as_tag("GRANT", "account"))
        db0.tags(*[rows[number] for number in numbers if number % 3 == 1]).add(db0.as_tag("GRANT", "role"))
        db0.tags(*[rows[number] for number in numbers if number % 7 == 0]).add(db0.as_tag("DENY", "account"))
        db0.commit()
    db0.close()


def mean_of(queries: list[Any], taken: Callable[[Any], float]) -> float:
    return statistics.fmean(map(taken, queries))


def first_after(change: Callable[[int], None], commit: bool) -> Callable[[Any], float]:
    """Takes the first count after a change; a look at something else has had it worked in before."""

    def taken(query: Any) -> float:
        times = []
        len(query)
        for number in range(ROUNDS):
            change(number)
            db0.commit() if commit else len(db0.find("nothing has this"))
            begin = now()
            len(query)
            times.append(now() - begin)
        return statistics.median(times)

    return taken


def toggled(target: Any, tag: Any) -> Callable[[int], None]:
    """Adds a tag, and takes it away the next time."""

    def change(number: int) -> None:
        tags = db0.tags(target)
        (tags.remove if number % 2 else tags.add)(tag)

    return change


def count(bench: Bench) -> Figures:
    start(bench)
    Row = row_class()
    grants = [db0.as_tag("GRANT", "account"), db0.as_tag("GRANT", "role")]
    predicate = db0.predicate(grants, db0.no(db0.as_tag("DENY", "account")))
    queries = [
        db0.find(Row),
        db0.find("all"),
        db0.find(Row, "even"),
        db0.find(Row, ["even", "all"]),
        db0.find(Row, db0.no("even")),
    ]
    granted = next(iter(db0.find(Row)))
    other = toggled(Other(), "other")
    figures = {}
    seen = [number for number in range(bench.size) if number % 3 != 2 and number % 7 != 0]
    even = sum(number % 2 == 0 for number in seen)
    for name, allowed in (("plain", None), ("filtered", predicate)):
        SEEN.set(allowed)
        if allowed is not None:
            check([*map(len, queries)], [len(seen), len(seen), even, len(seen), len(seen) - even])
        warm: Callable[[Any], float] = lambda query: repeated(lambda: [len(query) for _ in range(WARM)], WARM)  # noqa: E731
        figures[f"count_{name}"] = mean_of(queries, warm)
        figures[f"count_{name}_after_other"] = mean_of(queries, first_after(other, commit=False))
        figures[f"count_{name}_after_commit"] = mean_of(queries, first_after(other, commit=True))
        figures[f"count_{name}_after_grant"] = mean_of(queries, first_after(toggled(granted, grants[1]), commit=False))
    SEEN.set(None)
    return figures


WORKLOADS = {"filtered": Workload(count, "rows", 1_000_000, most_runs=2)}
BUILDERS = {"rows": build}

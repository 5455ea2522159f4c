"""What a data filter costs a count: `python -m benchmarks.filtered_count` prints counts with and without one.

The predicate is the usual one: grants to an account and its role, without what is denied to it. Each query is counted
again and again, and, in the columns that say so, right after something was changed, when nothing is kept of before.
"""

import statistics
import tempfile
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import click

import perdure as db0
from benchmarks.measure import check, now, repeated

BATCH = 10_000
WARM, COLD = 200, 9
MOST = 2.0
"""A filtered count costs at most so many times the unfiltered one."""
SEEN: ContextVar[Any] = ContextVar("seen", default=None)


@db0.memo(access_control=True)
class Row:
    """What is counted."""

    def __init__(self, number: int) -> None:
        self.number = number


@db0.memo
class Other:
    """What is changed between two cold counts."""


def fill(size: int) -> None:
    """Make the rows: all tagged, half of them twice; two of three granted, one of seven denied."""
    for first in range(0, size, BATCH):
        rows = [Row(number) for number in range(first, min(first + BATCH, size))]
        db0.tags(*rows).add("all")
        db0.tags(*rows[::2]).add("even")
        db0.tags(*rows[::3]).add(db0.as_tag("GRANT", "account"))
        db0.tags(*rows[1::3]).add(db0.as_tag("GRANT", "role"))
        db0.tags(*rows[::7]).add(db0.as_tag("DENY", "account"))
        db0.commit()


def cold(query: Any) -> float:
    """Median nanoseconds of a count after a change."""
    other = Other()
    taken = []
    for _ in range(COLD):
        db0.tags(other).add("changed")
        db0.find("changed")[:1].explain()
        db0.tags(other).remove("changed")
        begin = now()
        len(query)
        taken.append(now() - begin)
    return statistics.median(taken)


def measure(query: Any, predicate: Any) -> tuple[int, float, float]:
    """How many there are for whom has this predicate, and nanoseconds of a count: again and again, after a change."""
    token = SEEN.set(predicate)
    try:
        count: Callable[[], int] = lambda: len(query)  # noqa: E731
        return count(), repeated(lambda: [count() for _ in range(WARM)], WARM), cold(query)
    finally:
        SEEN.reset(token)


@click.command()
@click.option("--size", default=1_000_000, show_default=True, help="Objects in the database.")
def main(size: int) -> None:
    """Count with and without a data filter; fails when a count that is kept costs more than twice as much with it."""
    with tempfile.TemporaryDirectory() as place:
        db0.init(place, prefix="bench", autocommit=False, data_filter={"context_var": SEEN, "mode": "DEBUG"})
        fill(size)
        grants = [db0.as_tag("GRANT", "account"), db0.as_tag("GRANT", "role")]
        predicate = db0.predicate(grants, db0.no(db0.as_tag("DENY", "account")))
        visible = sum(number % BATCH % 3 != 2 and number % BATCH % 7 != 0 for number in range(size))
        queries = {
            "type": (Row,),
            "tag": ("all",),
            "type and tag": (Row, "even"),
            "type and one of two tags": (Row, ["even", "all"]),
            "type without a tag": (Row, db0.no("even")),
        }
        worst = 0.0
        print(f"{'query of ' + str(size):28} {'warm us':>16} ratio {'cold us':>22} ratio")
        for name, criteria in queries.items():
            query = db0.find(*criteria)
            _, plain, plain_cold = measure(query, None)
            found, filtered, filtered_cold = measure(query, predicate)
            if name in ("type", "tag"):
                check(found, visible)
            worst = max(worst, filtered / plain)
            print(
                f"{name:28} {plain / 1e3:7.1f} {filtered / 1e3:8.1f} {filtered / plain:5.2f} "
                f"{plain_cold / 1e3:10.1f} {filtered_cold / 1e3:11.1f} {filtered_cold / plain_cold:5.2f}"
            )
        db0.close()
    print(f"filtered_count ratio: {worst:.2f} (at most {MOST})")
    raise SystemExit(worst > MOST)


if __name__ == "__main__":
    main()

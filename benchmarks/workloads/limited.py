"""A million objects with a cache of 64 MiB, far less than they need: filled, read through, read at random."""

from benchmarks.measure import Bench, Figures, check, now
from benchmarks.workloads import Workload, large

CACHE_BYTES = 64 * 2**20
AT_RANDOM = 100_000


def fill(bench: Bench) -> Figures:
    return {"limited_fill": large.fill(bench, CACHE_BYTES)["fill"]}


def read(bench: Bench) -> Figures:
    return {"limited_read": large.read(bench, CACHE_BYTES)["read"]}


def read_at_random(bench: Bench) -> Figures:
    items = large.start(bench, CACHE_BYTES)
    order = bench.shuffled(range(bench.size))[:AT_RANDOM]
    total = 0
    begin = now()
    for number in order:
        total += items[number].number
    taken = now() - begin
    check(total, sum(order))
    return {"limited_random": taken / len(order)}


WORKLOADS = {
    "limited_fill": Workload(fill, size=1_000_000, most_runs=1),
    "limited_read": Workload(read, "filled", 1_000_000, most_runs=1),
    "limited_random": Workload(read_at_random, "filled", 1_000_000, most_runs=1),
}
BUILDERS = large.BUILDERS

"""Far more objects than the cache holds: filled batch by batch, then read through in a fresh process."""

from typing import Any

from benchmarks.measure import Bench, Figures, check, disk_bytes, now
from benchmarks.subjects import name, score
from benchmarks.workloads import Workload
from benchmarks.workloads.chosen import db0
from benchmarks.workloads.memo import Item, Root

BATCH = 100_000
CACHE_BYTES = 128 * 2**20


def start(bench: Bench, cache_bytes: int = CACHE_BYTES) -> Any:
    """Open the database with the cache budget; its list of objects."""
    db0.init(str(bench.path), autocommit=False, cache_size=cache_bytes)
    db0.open("bench")
    return Root().items


def fill(bench: Bench, cache_bytes: int = CACHE_BYTES) -> Figures:
    items = start(bench, cache_bytes)
    begin = now()
    for first in range(0, bench.size, BATCH):
        numbers = range(first, min(first + BATCH, bench.size))
        items.extend([Item(number, name(number), score(number)) for number in numbers])
        db0.commit()
    taken = now() - begin
    check(len(items), bench.size)
    return {"fill": taken / bench.size, "disk_bytes": disk_bytes(bench.path) / bench.size}


def read(bench: Bench, cache_bytes: int = CACHE_BYTES) -> Figures:
    items = start(bench, cache_bytes)
    begin = now()
    total = 0
    for item in items:
        total += item.number
    taken = now() - begin
    check(total, bench.size * (bench.size - 1) // 2)
    return {"read": taken / bench.size}


def build_filled(bench: Bench) -> None:
    fill(bench)
    db0.close()


BUILDERS = {"filled": build_filled}
WORKLOADS = {"fill": Workload(fill), "read": Workload(read, "filled")}

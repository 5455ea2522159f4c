"""Groups, splits, stored queries, snapshots and what changed between them, and many tags: the memo face."""

import statistics
from collections import Counter
from typing import Any

from benchmarks.measure import Bench, Figures, check, now, repeated
from benchmarks.subjects import QUERY_TAGS, tagged
from benchmarks.workloads import Workload
from benchmarks.workloads.chosen import db0
from benchmarks.workloads.loops import visit
from benchmarks.workloads.memo import Item, restart, start

SIDE = "side 1"
GROUPS = [f"group {number}" for number in range(10)]
ROUNDS = 5
ADDED = 100
PAST_STATES = 20
LOOKED_UP = 10_000


def side(size: int) -> list[int]:
    """Numbers of the objects with the tag of every second one."""
    return list(range(1, size, 2))


def grouped() -> dict[Any, Any]:
    """How many objects of one side end with each digit."""
    return dict(db0.group_by(lambda row: row.number % 10, db0.find(SIDE)))


def add(root: Any, numbers: range) -> None:
    """Store objects with these numbers and the tag of one side, without a commit."""
    objects = [Item(number, "added", 0.0) for number in numbers]
    root.items.extend(objects)
    for item in objects:
        db0.tags(item).add(SIDE)


def group(bench: Bench) -> Figures:
    root = start(bench)
    members = side(bench.size)
    begin = now()
    found = grouped()
    first = now() - begin
    check(found, dict(Counter(number % 10 for number in members)))
    cached = repeated(grouped, 1, 21)
    taken = []
    for turn in range(ROUNDS):
        numbers = range(bench.size + turn * ADDED, bench.size + (turn + 1) * ADDED)
        add(root, numbers)
        db0.commit()
        members += numbers
        begin = now()
        found = grouped()
        taken.append(now() - begin)
        check(found, dict(Counter(number % 10 for number in members)))
    return {
        "group_first": first / len(side(bench.size)),
        "group_cached": cached,
        "group_delta": statistics.median(taken),
    }


def split(bench: Bench) -> Figures:
    start(bench)
    expected = [(number, f"group {number // 2 % 10}") for number in side(bench.size)]
    found = [(item.number, str(tag)) for item, tag in db0.split_by(GROUPS, db0.find(SIDE))]
    check(sorted(found), expected)

    def walk() -> None:
        for item, _ in db0.split_by(GROUPS, db0.find(SIDE)):
            item.number  # noqa: B018

    return {"split": repeated(walk, len(expected))}


def stored_query(bench: Bench) -> Figures:
    start(bench)
    data = db0.serialize(db0.find(*QUERY_TAGS))
    check(sorted(item.number for item in db0.deserialize(data)), tagged(bench.size))
    times = range(100)

    def write() -> None:
        for _ in times:
            db0.serialize(db0.find(*QUERY_TAGS))

    def read() -> None:
        for _ in times:
            db0.deserialize(data)

    return {"serialize": repeated(write, len(times), 21), "deserialize": repeated(read, len(times), 21)}


def past_states(bench: Bench) -> Figures:
    root = start(bench)
    states = []
    for turn in range(PAST_STATES):
        add(root, range(bench.size + turn, bench.size + turn + 1))
        db0.commit()
        states.append(db0.get_state_num("bench", finalized=True))
    add(root, range(1))
    db0.commit()

    def visit_states() -> None:
        for state in states:
            db0.snapshot(state).close()

    def count() -> list[int]:
        counts = []
        for state in states:
            with db0.snapshot(state) as past:
                counts.append(len(past.find(SIDE)))
        return counts

    check(count(), [len(side(bench.size)) + turn + 1 for turn in range(PAST_STATES)])
    return {
        "snapshot_open": repeated(visit_states, PAST_STATES, 21),
        "snapshot_count": repeated(count, PAST_STATES),
    }


def changes(bench: Bench) -> Figures:
    root = start(bench)
    objects, share = list(db0.find(SIDE)), bench.size // 200
    check(visit(objects), sum(side(bench.size)))
    objects.sort(key=lambda item: item.number)
    taken: dict[str, list[float]] = {"select_new": [], "select_modified": [], "select_deleted": []}
    before, query = db0.snapshot(), db0.find(SIDE)
    for turn in range(ROUNDS):
        numbers = range(bench.size + turn * share, bench.size + (turn + 1) * share)
        removed, objects = objects[:share], objects[share:]
        changed = objects[-share:]
        add(root, numbers)
        for item in changed:
            item.score = -1.0 - turn
        for item in removed:
            db0.tags(item).remove(SIDE)
        db0.commit()
        after = db0.snapshot()
        expected = [list(numbers), [item.number for item in changed], [item.number for item in removed]]
        for name, wanted in zip(taken, expected, strict=True):
            begin = now()
            found = SELECT[name](query, before, after)
            taken[name].append((now() - begin) / len(wanted))
            check(sorted(found), wanted)
        before = after
    return {name: statistics.median(values) for name, values in taken.items()}


def selected_new(query: Any, before: Any, after: Any) -> list[int]:
    """Numbers of the objects that the query gained."""
    return [item.number for item in db0.select_new(query, before, after)]


def selected_modified(query: Any, before: Any, after: Any) -> list[int]:
    """Numbers of the objects with another score; dbzero names unchanged neighbours too unless told how to compare."""
    pairs = db0.select_modified(query, before, after, lambda old, new: bool(old.score == new.score))
    return [new.number for _, new in pairs]


def selected_deleted(query: Any, before: Any, after: Any) -> list[int]:
    """Numbers of the objects that the query lost."""
    return [item.number for item in db0.select_deleted(query, before, after)]


SELECT = {
    "select_new": selected_new,
    "select_modified": selected_modified,
    "select_deleted": selected_deleted,
}


def distinct_tags(bench: Bench) -> Figures:
    objects = list(start(bench).items)
    check(visit(objects), sum(range(bench.size)))
    pairs = [(item, f"tag {item.number}") for item in objects]
    begin = now()
    for item, label in pairs:
        db0.tags(item).add(label)
    db0.commit()
    taken = now() - begin
    del objects, pairs, item
    restart(bench)
    wanted = bench.shuffled(range(bench.size))[:LOOKED_UP]
    begin = now()
    found = [next(iter(db0.find(f"tag {number}"))).number for number in wanted]
    looked_up = now() - begin
    check(found, wanted)
    return {"distinct_tags": taken / bench.size, "distinct_tags_find": looked_up / len(wanted)}


WORKLOADS = {
    "group": Workload(group, "queries"),
    "split": Workload(split, "queries"),
    "stored_query": Workload(stored_query, "queries"),
    "past_states": Workload(past_states, "queries"),
    "changes": Workload(changes, "queries"),
    "distinct_tags": Workload(distinct_tags, "objects", 250_000, most_runs=1),
}
BUILDERS: dict[str, object] = {}

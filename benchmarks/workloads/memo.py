"""Workloads in the words of the memo face; the same code runs on dbzero and on perdure."""

import threading
from typing import Any

from benchmarks.measure import Bench, Figures, check, disk_bytes, now, repeated
from benchmarks.subjects import (
    DURABLE_COMMITS,
    QUERY_TAGS,
    THREADS,
    Fields,
    fields,
    key,
    name,
    score,
    span,
    tagged,
    tags,
)
from benchmarks.workloads import Workload
from benchmarks.workloads.chosen import db0
from benchmarks.workloads.loops import hot_attributes, hot_get, visit


@db0.memo
class Item:
    """Three fields."""

    def __init__(self, number: int, name: str, score: float) -> None:
        self.number = number
        self.name = name
        self.score = score


@db0.memo(singleton=True)
class Root:
    """What the process finds again: a list of objects, an index, a dictionary, a list of ints."""

    def __init__(self) -> None:
        self.items = db0.list()
        self.index = db0.index()
        self.numbers = db0.dict()
        self.sequence = db0.list()


def start(bench: Bench) -> Any:
    """Open the database of a run; its root."""
    db0.init(str(bench.path), autocommit=False)
    db0.open("bench")
    return Root()


def restart(bench: Bench) -> Any:
    """Close and open again, so that a check sees only what was stored."""
    db0.close()
    return start(bench)


def make(fields: list[Fields]) -> list[Any]:
    """New objects, not yet held by the database."""
    return [Item(number, text, value) for number, text, value in fields]


def create(bench: Bench) -> Figures:
    items = start(bench).items
    values = fields(bench.size)
    begin = now()
    objects = make(values)
    created = now()
    items.extend(objects)
    db0.commit()
    committed = now()
    size_on_disk = disk_bytes(bench.path)
    del objects, items
    stored = restart(bench).items
    check((len(stored), stored[bench.size - 1].name), (bench.size, name(bench.size - 1)))
    return {
        "create": (created - begin) / bench.size,
        "create_commit": (committed - begin) / bench.size,
        "disk_bytes": size_on_disk / bench.size,
    }


def attributes(bench: Bench) -> Figures:
    objects = list(start(bench).items)
    figures = hot_attributes(objects)
    db0.commit()
    del objects
    check(sum(item.score for item in restart(bench).items), 1.25 * bench.size)
    return figures


def updates(bench: Bench) -> Figures:
    objects = list(start(bench).items)
    check(sum(item.score for item in objects), sum(map(score, range(bench.size))))
    changed = objects[::10]
    begin = now()
    for item in changed:
        item.score = -1.0
    written = now()
    db0.commit()
    committed = now()
    count = len(changed)
    del objects, changed, item
    check(sum(item.score == -1.0 for item in restart(bench).items), count)
    return {"update_commit_only": (committed - written) / count, "update_commit": (committed - begin) / count}


def cold_fetch(bench: Bench) -> Figures:
    ids = bench.shuffled(bench.recall("ids"))
    start(bench)
    total = 0
    begin = now()
    for identifier in ids:
        total += db0.fetch(identifier).number
    taken = now() - begin
    check(total, sum(range(bench.size)))
    return {"cold_fetch": taken / bench.size}


def cold_iterate(bench: Bench) -> Figures:
    items = start(bench).items
    begin = now()
    total = visit(items)
    taken = now() - begin
    check(total, sum(range(bench.size)))
    return {"cold_iterate": taken / bench.size}


def add_tags(bench: Bench) -> Figures:
    objects = list(start(bench).items)
    check(visit(objects), sum(range(bench.size)))
    pairs = [(item, tags(item.number)) for item in objects]
    begin = now()
    for item, labels in pairs:
        db0.tags(item).add(*labels)
    db0.commit()
    taken = now() - begin
    del objects, pairs, item
    restart(bench)
    check(sorted(item.number for item in db0.find(*QUERY_TAGS)), tagged(bench.size))
    return {"tags_commit": taken / bench.size}


def query(bench: Bench) -> Figures:
    start(bench)
    expected = tagged(bench.size)
    begin = now()
    found = [item.number for item in db0.find(*QUERY_TAGS)]
    cold = now() - begin
    check(sorted(found), expected)
    check(len(db0.find(*QUERY_TAGS)), len(expected))
    return {
        "tag_count": repeated(lambda: len(db0.find(*QUERY_TAGS)), 1, 21),
        "tag_iterate_cold": cold / len(expected),
        "tag_iterate": repeated(lambda: visit(db0.find(*QUERY_TAGS)), len(expected)),
    }


def index_add(bench: Bench) -> Figures:
    root = start(bench)
    objects, index = list(root.items), root.index
    check(visit(objects), sum(range(bench.size)))
    begin = now()
    for number, item in enumerate(objects):
        index.add(number, item)
    db0.commit()
    taken = now() - begin
    del objects, item, index, root
    check(len(restart(bench).index), bench.size)
    return {"index_add_commit": taken / bench.size}


def index_query(bench: Bench) -> Figures:
    index = start(bench).index
    low, high = span(bench.size)
    expected = list(range(low, high + 1))
    check(sorted(item.number for item in index.select(low, high)), expected)
    wanted = tagged(bench.size)
    check([item.number for item in index.sort(db0.find(*QUERY_TAGS))], wanted)
    return {
        "index_range": repeated(lambda: visit(index.select(low, high)), len(expected)),
        "index_sort": repeated(lambda: visit(index.sort(db0.find(*QUERY_TAGS))), len(wanted)),
    }


def dictionary(bench: Bench) -> Figures:
    numbers = start(bench).numbers
    keys = [key(number) for number in range(bench.size)]
    begin = now()
    for number, text in enumerate(keys):
        numbers[text] = number
    written = now()
    db0.commit()
    committed = now()
    order = bench.shuffled(keys)
    hot = hot_get(numbers, order)
    del numbers
    stored = restart(bench).numbers
    check((len(stored), sum(stored[text] for text in keys)), (bench.size, sum(range(bench.size))))
    return {
        "dict_set": (written - begin) / bench.size,
        "dict_set_commit": (committed - begin) / bench.size,
        "dict_get": hot,
    }


def cold_dictionary(bench: Bench) -> Figures:
    numbers = start(bench).numbers
    order = bench.shuffled(key(number) for number in range(bench.size))
    total = 0
    begin = now()
    for text in order:
        total += numbers[text]
    taken = now() - begin
    check(total, sum(range(bench.size)))
    return {"dict_get_cold": taken / bench.size}


def sequence(bench: Bench) -> Figures:
    values = start(bench).sequence
    begin = now()
    for number in range(bench.size):
        values.append(number)
    written = now()
    db0.commit()
    committed = now()
    hot = repeated(lambda: sum(values), bench.size)
    del values
    values = restart(bench).sequence
    begin_cold = now()
    total = sum(values)
    cold = now() - begin_cold
    check(total, sum(range(bench.size)))
    return {
        "list_append": (written - begin) / bench.size,
        "list_append_commit": (committed - begin) / bench.size,
        "list_iterate": hot,
        "list_iterate_cold": cold / bench.size,
    }


def durable_commits(bench: Bench) -> Figures:
    ids = bench.shuffled(bench.recall("ids"))[:DURABLE_COMMITS]
    start(bench)
    objects = [db0.fetch(identifier) for identifier in ids]
    begin = now()
    for number, item in enumerate(objects):
        item.score = -1.0 - number
        db0.commit()
    taken = now() - begin
    del objects, item
    restart(bench)
    check([db0.fetch(identifier).score for identifier in ids], [-1.0 - n for n in range(len(ids))])
    return {"durable_commit": taken / len(ids)}


def threaded_commits(bench: Bench) -> Figures:
    ids = bench.shuffled(bench.recall("ids"))[: DURABLE_COMMITS * THREADS]
    start(bench)
    shares = [[db0.fetch(identifier) for identifier in ids[share::THREADS]] for share in range(THREADS)]

    def work(objects: list[Any]) -> None:
        for item in objects:
            item.score = -1.0
            db0.commit()

    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    begin = now()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = now() - begin
    del shares, threads
    restart(bench)
    check({db0.fetch(identifier).score for identifier in ids}, {-1.0})
    return {"durable_commit_threads": taken / len(ids)}


def open_database(bench: Bench) -> Figures:
    begin = now()
    items = start(bench).items
    length = len(items)
    taken = now() - begin
    check(length, bench.size)
    return {"open": taken}


def build_objects(bench: Bench) -> None:
    items = start(bench).items
    objects = make(fields(bench.size))
    items.extend(objects)
    db0.commit()
    bench.remember("ids", [db0.uuid(item) for item in objects])
    db0.close()


def build_queries(bench: Bench) -> None:
    root = start(bench)
    objects = make(fields(bench.size))
    root.items.extend(objects)
    for number, item in enumerate(objects):
        db0.tags(item).add(*tags(number))
        root.index.add(number, item)
    db0.commit()
    db0.close()


def build_dictionary(bench: Bench) -> None:
    numbers = start(bench).numbers
    for number in range(bench.size):
        numbers[key(number)] = number
    db0.commit()
    db0.close()


BUILDERS = {"objects": build_objects, "queries": build_queries, "dictionary": build_dictionary}
WORKLOADS = {
    "create": Workload(create),
    "attributes": Workload(attributes, "objects"),
    "updates": Workload(updates, "objects"),
    "cold_fetch": Workload(cold_fetch, "objects"),
    "cold_iterate": Workload(cold_iterate, "objects"),
    "tags": Workload(add_tags, "objects"),
    "query": Workload(query, "queries"),
    "index_add": Workload(index_add, "objects"),
    "index_query": Workload(index_query, "queries"),
    "dictionary": Workload(dictionary),
    "cold_dictionary": Workload(cold_dictionary, "dictionary"),
    "sequence": Workload(sequence),
    "durable_commits": Workload(durable_commits, "objects"),
    "threaded_commits": Workload(threaded_commits, "objects"),
    "open_small": Workload(open_database, "objects", 1_000),
    "open_large": Workload(open_database, "objects", 1_000_000, "perdure"),
    "create_large": Workload(create, size=1_000_000, only="perdure"),
}

"""Workloads in the words of the ZODB face; the same code runs on ZODB and on perdure.zodb."""

import threading
from typing import Any

import transaction

from benchmarks.measure import Bench, Figures, check, disk_bytes, now
from benchmarks.subjects import DURABLE_COMMITS, THREADS, Fields, fields, key, name, score
from benchmarks.workloads import Workload
from benchmarks.workloads.chosen import ZODB, OOBTree, Persistent
from benchmarks.workloads.loops import hot_attributes, hot_get, visit

PAGE = 1_000


class Item(Persistent):  # type: ignore[misc]
    """Three fields."""

    def __init__(self, number: int, name: str, score: float) -> None:
        self.number = number
        self.name = name
        self.score = score


class Page(Persistent):  # type: ignore[misc]
    """A thousand objects of the list: ZODB needs 15 times as long to commit one list of 100,000."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items


class Holder(Persistent):  # type: ignore[misc]
    """What the root refers to: the list of all objects, in pages, and a tree."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.numbers = OOBTree()

    def hold(self, items: list[Item]) -> None:
        """Keep these objects."""
        self.pages = [Page(items[first : first + PAGE]) for first in range(0, len(items), PAGE)]

    def items(self) -> list[Item]:
        """All objects, as a new list."""
        return [item for page in self.pages for item in page.items]


def connect(bench: Bench) -> Any:
    """Open the database of a run, with a holder in its root; the connection."""
    connection = ZODB.DB(str(bench.path / "bench.fs")).open()
    if "holder" not in connection.root():
        connection.root()["holder"] = Holder()
        transaction.commit()
    return connection


def reconnect(connection: Any, bench: Bench) -> Any:
    """Close and open again, so that a check sees only what was stored."""
    disconnect(connection)
    return connect(bench)


def disconnect(connection: Any) -> None:
    """Close a connection and its database."""
    database = connection.db()
    connection.close()
    database.close()


def make(fields: list[Fields]) -> list[Item]:
    """New objects, not yet held by the database."""
    return [Item(number, text, value) for number, text, value in fields]


def holder(connection: Any) -> Holder:
    """The object in the root."""
    found: Holder = connection.root()["holder"]
    return found


def create(bench: Bench) -> Figures:
    connection = connect(bench)
    held = holder(connection)
    values = fields(bench.size)
    begin = now()
    objects = make(values)
    created = now()
    held.hold(objects)
    transaction.commit()
    committed = now()
    size_on_disk = disk_bytes(bench.path)
    del objects, held
    stored = holder(reconnect(connection, bench)).items()
    check((len(stored), stored[bench.size - 1].name), (bench.size, name(bench.size - 1)))
    return {
        "create": (created - begin) / bench.size,
        "create_commit": (committed - begin) / bench.size,
        "disk_bytes": size_on_disk / bench.size,
    }


def attributes(bench: Bench) -> Figures:
    connection = connect(bench)
    objects = holder(connection).items()
    figures = hot_attributes(objects)
    transaction.commit()
    del objects
    check(sum(item.score for item in holder(reconnect(connection, bench)).items()), 1.25 * bench.size)
    return figures


def updates(bench: Bench) -> Figures:
    connection = connect(bench)
    objects = holder(connection).items()
    check(sum(item.score for item in objects), sum(map(score, range(bench.size))))
    changed = objects[::10]
    begin = now()
    for item in changed:
        item.score = -1.0
    written = now()
    transaction.commit()
    committed = now()
    count = len(changed)
    del objects, changed, item
    check(sum(item.score == -1.0 for item in holder(reconnect(connection, bench)).items()), count)
    return {"update_commit_only": (committed - written) / count, "update_commit": (committed - begin) / count}


def cold_fetch(bench: Bench) -> Figures:
    ids = [bytes.fromhex(text) for text in bench.shuffled(bench.recall("ids"))]
    connection = connect(bench)
    total = 0
    begin = now()
    for identifier in ids:
        total += connection.get(identifier).number
    taken = now() - begin
    check(total, sum(range(bench.size)))
    return {"cold_fetch": taken / bench.size}


def cold_iterate(bench: Bench) -> Figures:
    connection = connect(bench)
    begin = now()
    total = sum(visit(page.items) for page in holder(connection).pages)
    taken = now() - begin
    check(total, sum(range(bench.size)))
    return {"cold_iterate": taken / bench.size}


def dictionary(bench: Bench) -> Figures:
    connection = connect(bench)
    numbers = holder(connection).numbers
    keys = [key(number) for number in range(bench.size)]
    begin = now()
    for number, text in enumerate(keys):
        numbers[text] = number
    written = now()
    transaction.commit()
    committed = now()
    order = bench.shuffled(keys)
    hot = hot_get(numbers, order)
    del numbers
    stored = holder(reconnect(connection, bench)).numbers
    check((len(stored), sum(stored[text] for text in keys)), (bench.size, sum(range(bench.size))))
    return {
        "dict_set": (written - begin) / bench.size,
        "dict_set_commit": (committed - begin) / bench.size,
        "dict_get": hot,
    }


def cold_dictionary(bench: Bench) -> Figures:
    connection = connect(bench)
    numbers = holder(connection).numbers
    order = bench.shuffled(key(number) for number in range(bench.size))
    total = 0
    begin = now()
    for text in order:
        total += numbers[text]
    taken = now() - begin
    check(total, sum(range(bench.size)))
    return {"dict_get_cold": taken / bench.size}


def durable_commits(bench: Bench) -> Figures:
    ids = [bytes.fromhex(text) for text in bench.shuffled(bench.recall("ids"))[:DURABLE_COMMITS]]
    connection = connect(bench)
    objects = [connection.get(identifier) for identifier in ids]
    check(len({item.number for item in objects}), len(ids))
    begin = now()
    for number, item in enumerate(objects):
        item.score = -1.0 - number
        transaction.commit()
    taken = now() - begin
    del objects, item
    connection = reconnect(connection, bench)
    check([connection.get(identifier).score for identifier in ids], [-1.0 - n for n in range(len(ids))])
    return {"durable_commit": taken / len(ids)}


def threaded_commits(bench: Bench) -> Figures:
    ids = [bytes.fromhex(text) for text in bench.shuffled(bench.recall("ids"))[: DURABLE_COMMITS * THREADS]]
    connection = connect(bench)
    database = connection.db()
    ready = threading.Barrier(THREADS + 1)

    def work(share: int) -> None:
        manager = transaction.TransactionManager()
        own = database.open(transaction_manager=manager)
        objects = [own.get(identifier) for identifier in ids[share::THREADS]]
        check(len({item.number for item in objects}), len(objects))
        ready.wait()
        for item in objects:
            item.score = -1.0
            manager.commit()
        own.close()

    threads = [threading.Thread(target=work, args=(share,)) for share in range(THREADS)]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = now()
    for thread in threads:
        thread.join()
    taken = now() - begin
    connection = reconnect(connection, bench)
    check({connection.get(identifier).score for identifier in ids}, {-1.0})
    return {"durable_commit_threads": taken / len(ids)}


def open_database(bench: Bench) -> Figures:
    begin = now()
    connection = connect(bench)
    found = holder(connection)
    found._p_changed  # noqa: B018
    taken = now() - begin
    check(len(found.items()), bench.size)
    return {"open": taken}


def build_objects(bench: Bench) -> None:
    connection = connect(bench)
    objects = make(fields(bench.size))
    holder(connection).hold(objects)
    transaction.commit()
    bench.remember("ids", [item._p_oid.hex() for item in objects])
    disconnect(connection)


def build_dictionary(bench: Bench) -> None:
    connection = connect(bench)
    numbers = holder(connection).numbers
    for number in range(bench.size):
        numbers[key(number)] = number
    transaction.commit()
    disconnect(connection)


BUILDERS = {"objects": build_objects, "dictionary": build_dictionary}
WORKLOADS = {
    "create": Workload(create),
    "attributes": Workload(attributes, "objects"),
    "updates": Workload(updates, "objects"),
    "cold_fetch": Workload(cold_fetch, "objects"),
    "cold_iterate": Workload(cold_iterate, "objects"),
    "dictionary": Workload(dictionary),
    "cold_dictionary": Workload(cold_dictionary, "dictionary"),
    "durable_commits": Workload(durable_commits, "objects"),
    "threaded_commits": Workload(threaded_commits, "objects"),
    "open_small": Workload(open_database, "objects", 1_000),
    "open_large": Workload(open_database, "objects", 1_000_000, "perdure"),
    "create_large": Workload(create, size=1_000_000, only="perdure"),
}

"""The same work on plain Python objects: the floor that nothing stored can go below."""

from benchmarks.measure import Bench, Figures, check, now, repeated
from benchmarks.subjects import fields, key
from benchmarks.workloads import Workload
from benchmarks.workloads.loops import hot_attributes, hot_get


class Item:
    """Three fields."""

    def __init__(self, number: int, name: str, score: float) -> None:
        self.number = number
        self.name = name
        self.score = score


def create(bench: Bench) -> Figures:
    values = fields(bench.size)
    start = now()
    items = [Item(number, text, value) for number, text, value in values]
    created = now() - start
    check(items[-1].number, bench.size - 1)
    return {"create": created / bench.size}


def attributes(bench: Bench) -> Figures:
    items = [Item(number, text, value) for number, text, value in fields(bench.size)]
    figures = hot_attributes(items)
    check(sum(item.score for item in items), 1.25 * bench.size)
    return figures


def dictionary(bench: Bench) -> Figures:
    keys = [key(number) for number in range(bench.size)]
    numbers: dict[str, int] = {}
    start = now()
    for number, text in enumerate(keys):
        numbers[text] = number
    taken = now() - start
    return {"dict_set": taken / bench.size, "dict_get": hot_get(numbers, bench.shuffled(keys))}


def sequence(bench: Bench) -> Figures:
    values: list[int] = []
    start = now()
    for number in range(bench.size):
        values.append(number)
    taken = now() - start
    return {"list_append": taken / bench.size, "list_iterate": repeated(lambda: sum(values), bench.size)}


WORKLOADS = {
    "create": Workload(create),
    "attributes": Workload(attributes),
    "dictionary": Workload(dictionary),
    "sequence": Workload(sequence),
}
BUILDERS: dict[str, object] = {}

"""The loops that every system runs in the very same words, plain Python too."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measure import Figures, now, repeated


def hot_attributes(objects: Sequence[Any]) -> Figures:
    """Read and write an attribute of loaded objects; the first write of each stands alone."""

    def read() -> None:
        for item in objects:
            item.number  # noqa: B018

    def write() -> None:
        for item in objects:
            item.score = 1.25

    figures = {"read": repeated(read, len(objects))}
    begin = now()
    write()
    figures["first_write"] = (now() - begin) / len(objects)
    figures["write"] = repeated(write, len(objects))
    return figures


def hot_get(numbers: Mapping[str, int], order: Sequence[str]) -> float:
    """Nanoseconds to get the value of a key, from the second round on."""

    def get() -> None:
        for text in order:
            numbers[text]

    return repeated(get, len(order))


def visit(objects: Any) -> int:
    """Go through objects and read an attribute of each; the sum of it."""
    total = 0
    for item in objects:
        total += item.number
    return total

"""What random programs are compared with: a world of plain Python objects, and a look at the same world in perdure."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import perdure as db0

__all__ = ["ROOT", "TAGS", "Entry", "Facts", "Root", "World", "differences"]

TAGS = ("red", "green", "blue")
ROOT = -1
Entry = tuple[str, Any]
"""A value: `("plain", value)`, or `("entry", number)` for a reference to an entry."""


@db0.memo
class Item:
    """An entry: a few fields, collections in fields, references to others."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.note = None
        self.link = None
        self.items = []
        self.table = {}
        self.marks = set()


@db0.memo(singleton=True)
class Root:
    """What holds the entries: a dictionary and an index."""

    def __init__(self) -> None:
        self.entries = {}
        self.index = db0.index()


class Facts:
    """What is known of one entry."""

    def __init__(self) -> None:
        self.note: Any = None
        self.link: int | None = None
        self.items: list[Entry] = []
        self.table: dict[str, Entry] = {}
        self.marks: set[int] = set()
        self.tags: set[str] = set()
        self.key: int | None = None
        """Its key in the index."""

    def references(self) -> Iterable[int]:
        """The entries that it refers to, each as often as it does."""
        for kind, value in (*self.items, *self.table.values()):
            if kind == "entry":
                yield value
        if self.link is not None:
            yield self.link


class World:
    """All entries as plain objects; the references are numbers."""

    def __init__(self) -> None:
        self.facts: dict[int, Facts] = {}
        self.listed: list[int] = []
        """The entries in the root's dictionary, in its order."""

    def copy(self) -> World:
        """A world of its own that is the same."""
        return copy.deepcopy(self)

    def holders(self) -> dict[int, int]:
        """How many references, tags (counted once) and index entries hold each entry."""
        counts = dict.fromkeys(self.facts, 0)
        for facts in self.facts.values():
            for number in facts.references():
                counts[number] += 1
        for number, facts in self.facts.items():
            counts[number] += (number in self.listed) + bool(facts.tags) + (facts.key is not None)
        return counts

    def held(self) -> list[int]:
        """The entries that something holds."""
        return [number for number, count in self.holders().items() if count]

    def drop_unheld(self) -> None:
        """What a commit does: what nothing holds goes, and then what only that held. Cycles stay."""
        while gone := [number for number, count in self.holders().items() if not count]:
            for number in gone:
                del self.facts[number]


def differences(world: World, ids: dict[int, str], place: Any, *, whole: bool) -> list[str]:
    """How what is stored differs from the world; `place` is perdure itself or a snapshot.

    `whole`: compare all entries and what queries by type find, which just after a commit must be there.
    """
    root = place.fetch(Root)
    found = [f"listed: {list(root.entries)} for {world.listed}"] if _listed(root) != world.listed else []
    for tag in TAGS:
        tagged = {number for number, facts in world.facts.items() if tag in facts.tags}
        answer = sorted(item.number for item in place.find(tag))
        if answer != sorted(tagged) or len(place.find(Item, tag)) != len(tagged):
            found.append(f"tagged {tag}: {answer} for {sorted(tagged)}")
    keys = sorted((facts.key, number) for number, facts in world.facts.items() if facts.key is not None)
    if sorted(item.number for item in root.index.select(1, 3)) != sorted(n for key, n in keys if 1 <= key <= 3):
        found.append(f"index range for {keys}")
    ordered = [world.facts[item.number].key for item in root.index.sort(root.index.select())]
    if ordered != [key for key, _ in keys]:
        found.append(f"index order: {ordered} for {keys}")
    if whole:
        if sorted(item.number for item in place.find(Item)) != sorted(world.facts):
            found.append(f"by type: {sorted(item.number for item in place.find(Item))} for {sorted(world.facts)}")
        for number in world.facts:
            found += entry_differences(world, number, place.fetch(ids[number]))
    return found


def _listed(root: Any) -> list[int]:
    return [int(key) for key, item in root.entries.items() if str(item.number) == key]


def entry_differences(world: World, number: int, item: Any) -> list[str]:
    """How one entry differs from what is known of it."""
    facts = world.facts[number]
    link = None if item.link is None else item.link.number
    stored = {
        "number": (item.number, number),
        "note": (item.note, facts.note),
        "link": (link, facts.link),
        "items": ([_entry(value) for value in item.items], facts.items),
        "table": ([(key, _entry(value)) for key, value in item.table.items()], list(facts.table.items())),
        "marks": (set(item.marks), facts.marks),
    }
    return [f"{number}.{name}: {left!r} for {right!r}" for name, (left, right) in stored.items() if left != right]


def _entry(value: Any) -> Entry:
    return ("entry", value.number) if isinstance(value, Item) else ("plain", value)

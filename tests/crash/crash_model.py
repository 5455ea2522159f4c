"""What a database of the crash tests must hold, in plain Python, and random changes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

TAGS = ("red", "green", "blue", "old")
_NODES_MAX = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: two values, references to others by their names, tags."""

    number: int
    text: str
    links: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a transaction on the object `name`: "add", "set", "link", "tag", "untag" or "drop"."""

    kind: str
    name: str
    number: int = 0
    text: str = ""
    names: tuple[str, ...] = ()


@dataclass
class Model:
    """The objects by name, in the order in which they were added."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def apply(self, changes: list[Change]) -> Model:
        """The model after `changes`."""
        made = Model(dict(self.entries))
        for change in changes:
            made._apply(change)
        return made

    def _apply(self, change: Change) -> None:
        entries, name = self.entries, change.name
        if change.kind == "add":
            entries[name] = Entry(change.number, change.text)
        elif change.kind == "set":
            entries[name] = replace(entries[name], number=change.number, text=change.text)
        elif change.kind == "link":
            entries[name] = replace(entries[name], links=change.names)
        elif change.kind == "tag":
            entries[name] = replace(entries[name], tags=entries[name].tags | {*change.names})
        elif change.kind == "untag":
            entries[name] = replace(entries[name], tags=entries[name].tags - {*change.names})
        else:
            del entries[name]
            for other, entry in entries.items():
                if name in entry.links:
                    links = tuple(link for link in entry.links if link != name)
                    entries[other] = replace(entry, links=links)

    def digest(self) -> bytes:
        """16 bytes that differ between different models."""
        lines = (
            repr((name, entry.number, entry.text, entry.links, sorted(entry.tags)))
            for name, entry in self.entries.items()
        )
        return hashlib.sha256("\n".join(lines).encode()).digest()[:16]


def random_changes(model: Model, random: Random, serial: int) -> list[Change]:
    """The steps of a random transaction; `serial` makes the names of new objects its own."""
    changes: list[Change] = []
    for step in range(random.choice((1, 1, 2, 5, 20))):
        change = _random_change(model, random, f"n{serial}.{step}")
        model = model.apply([change])
        changes.append(change)
    return changes


def _random_change(model: Model, random: Random, new_name: str) -> Change:
    names = list(model.entries)
    kind = random.choice(("add", "add", "set", "set", "link", "tag", "untag", "drop"))
    if not names or (kind == "add" and len(names) < _NODES_MAX):
        return Change("add", new_name, random.getrandbits(40), _random_text(random))
    name = random.choice(names)
    if kind == "link":
        return Change("link", name, names=tuple(random.sample(names, random.randrange(min(len(names), 6) + 1))))
    if kind in {"tag", "untag"}:
        return Change(kind, name, names=tuple(random.sample(TAGS, random.randrange(1, 3))))
    if kind == "drop" or kind == "add":
        return Change("drop", name)
    return Change("set", name, random.getrandbits(40), _random_text(random))


def _random_text(random: Random) -> str:
    # Mostly small; some values take pages of their own.
    size = random.choice((0, 8, 8, 30, 30, 200, 2000, 20000))
    return f"{random.getrandbits(64):016x}" * (size // 16) + "x" * (size % 16)


def transactions(model: Model, random: Random, serial: int) -> Iterator[tuple[list[Change], Model, bool]]:
    """Random transactions without end: steps, what they make of the model, and whether to commit them."""
    while True:
        changes = random_changes(model, random, serial)
        is_committed = random.random() > 0.1
        after = model.apply(changes)
        yield changes, after, is_committed and after.digest() != model.digest()
        if is_committed:
            model = after
        serial += 1

"""Random work of one of several processes that write one prefix at once, in transactions that are tried again."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import perdure as db0
from perdure.errors import ConflictError
from perdure.workspace.functions import workspace

WRITERS = 3
ACCOUNTS = 6
KINDS = ["red", "green", "blue"]


@db0.memo(immutable=True, intern=True)
class Label:
    """A value that all entries share that have it."""

    def __init__(self, name: str) -> None:
        self.name = name


@db0.memo(immutable=True)
class Origin:
    """Who made an entry; embeds its label's name, and refers to the label."""

    def __init__(self, owner: int, label: Label) -> None:
        self.owner = owner
        self.notes = [owner, {"label": label}]


@db0.memo
@db0.tag_fields("kind")
@db0.indexed_fields("due")
class Entry:
    """What is made, changed and dropped."""

    def __init__(self, serial: int, owner: int, kind: str) -> None:
        self.serial, self.kind, self.due = serial, kind, serial
        self.origin = Origin(owner, Label(f"label {serial % 7}"))
        self.steps: list[int] = []
        self.number = 0


@db0.memo(no_default_tags=True)
class Quiet:
    """Has its type as a tag only while it has others."""

    def __init__(self, owner: int) -> None:
        self.owner = owner


@db0.memo(singleton=True)
class Shop:
    """All that the writers share."""

    def __init__(self) -> None:
        self.tables: Any = {writer: {} for writer in range(WRITERS)}
        self.accounts = [0] * ACCOUNTS
        self.index = db0.index()
        self.quiet: Any = {}
        self.transfers = 0
        self.pairs: Any = dict.fromkeys(range(WRITERS), 0)


@db0.memo(singleton=True, prefix="far")
class Ledger:
    """What is written together with the shop, in another prefix."""

    def __init__(self) -> None:
        self.pairs: Any = dict.fromkeys(range(WRITERS), 0)


class Writer:
    """One process: it knows its own entries exactly, and changes those of the others, too."""

    def __init__(self, mine: int, seed: int) -> None:
        self.mine = mine
        self.choices = random.Random(seed * 100 + mine)
        self.serials: set[int] = set()
        self.next = mine + seed * 10_000 * WRITERS  # others than those of a killed one in its place
        self.transfers = 0
        self.done: Counter[str] = Counter()

    def run(self, seconds: float) -> None:
        """Work that long."""
        steps = [self.make, self.make, self.change, self.change, self.recolour, self.drop, self.transfer]
        steps += [self.wave, self.hush, self.pair, self.look, self.look_back, self.pack]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            step = self.choices.choice(steps)
            step()
            self.done[step.__name__] += 1

    def attempt(self, work: Any) -> Any:
        """The result of a transaction, tried until no other writer is faster."""
        return db0.retry(attempts=1000)(work)()

    def any_entry(self) -> Any:
        table = Shop().tables[self.choices.randrange(WRITERS)]
        keys = sorted(table)
        return table[self.choices.choice(keys)] if keys else None

    def make(self) -> None:
        serial, kind = self.next, self.choices.choice(KINDS)
        self.next += WRITERS

        def work() -> None:
            entry, shop = Entry(serial, self.mine, kind), Shop()
            shop.tables[self.mine][serial] = entry
            shop.index.add(serial, entry)
            db0.tags(entry).add("all", f"owner {self.mine}")

        self.attempt(work)
        self.serials.add(serial)

    def change(self) -> None:
        def work() -> None:
            entry = self.any_entry()
            if entry is not None:
                entry.steps.append(entry.number)
                entry.number += 1
                entry.due = entry.serial + entry.number

        self.attempt(work)

    def recolour(self) -> None:
        kind = self.choices.choice(KINDS)

        def work() -> None:
            entry = self.any_entry()
            if entry is not None:
                entry.kind = kind
                entry.origin = Origin(self.mine, Label(kind))

        self.attempt(work)

    def drop(self) -> None:
        if len(self.serials) < 10:
            return
        serial = self.choices.choice(sorted(self.serials))

        def work() -> None:
            shop = Shop()
            entry = shop.tables[self.mine].pop(serial)
            shop.index.remove(serial, entry)
            db0.tags(entry).remove("all", f"owner {self.mine}", "wave")

        self.attempt(work)
        self.serials.remove(serial)

    def transfer(self) -> None:
        source, target = self.choices.sample(range(ACCOUNTS), 2)

        def work() -> None:
            shop = Shop()
            shop.accounts[source] -= 1
            shop.accounts[target] += 1
            shop.transfers += 1

        self.attempt(work)
        self.transfers += 1

    def wave(self) -> None:
        kind, add = self.choices.choice(KINDS), self.choices.random() < 0.5

        def work() -> None:
            found = db0.tags(db0.find("all", kind))
            if add:
                found.add("wave")
            else:
                found.remove("wave")
            assert len(db0.find("wave", kind)) == (len(db0.find("all", kind)) if add else 0)

        self.attempt(work)

    def hush(self) -> None:
        place, loud = self.choices.randrange(4), self.choices.random() < 0.5

        def work() -> None:
            shop = Shop()
            if place not in shop.quiet:
                shop.quiet[place] = Quiet(self.mine)
            if loud:
                db0.tags(shop.quiet[place]).add("loud")
            elif "loud" in db0.tags_of(shop.quiet[place]):
                db0.tags(shop.quiet[place]).remove("loud")

        self.attempt(work)

    def pair(self) -> None:
        def work() -> None:
            Shop().pairs[self.mine] += 1
            Ledger().pairs[self.mine] += 1

        self.attempt(work)

    def look(self) -> None:
        db0.refresh()
        with db0.atomic():
            check_shop(Shop(), db0.find)

    def look_back(self) -> None:
        check_snapshot()

    def pack(self) -> None:
        with suppress(ConflictError):
            workspace().current_prefix().database.pack()


def check_shop(shop: Any, find: Any) -> None:
    """What holds in every state."""
    assert sum(shop.accounts) == 0
    entries = {entry.serial: entry for table in shop.tables.values() for entry in table.values()}
    assert {entry.serial for entry in find("all")} == set(entries) == {entry.serial for entry in find(Entry)}
    for kind in KINDS:
        of_kind = {serial for serial, entry in entries.items() if entry.kind == kind}
        assert {entry.serial for entry in find(Entry, kind)} == of_kind
    for entry in entries.values():
        assert list(entry.steps) == list(range(entry.number)) and entry.due == entry.serial + entry.number
    loud = {place for place, quiet in shop.quiet.items() if "loud" in db0.tags_of(quiet)}
    assert len(find(Quiet)) == len(loud) == len(find("loud"))


def check_snapshot() -> None:
    """What holds in the newest states, of both prefixes."""
    with db0.snapshot() as now:
        shop = now.fetch(Shop)
        check_shop(shop, now.find)
        assert dict(shop.pairs) == dict(now.fetch(Ledger).pairs), "a commit shows in one prefix only"


def read_along(root: Path | str, seconds: float) -> int:
    """Open the prefixes for reading and look at them that long, in snapshots and as they are; how often."""
    db0.init(root, read_write=False)
    db0.open("far", "r")
    db0.open("main", "r")
    end, looks = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        check_snapshot()
        db0.refresh()
        with db0.locked():
            check_shop(Shop(), db0.find)
        looks += 1
    return looks


def open_shop(root: Path | str) -> None:
    """Open the prefixes that the writers share."""
    db0.init(root, shared=True, autocommit=False)
    db0.open("far", shared=True)
    db0.open("main", shared=True)

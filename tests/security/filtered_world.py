"""Two prefixes that are alike but for objects which the context may not see.

`HIDDEN` has them with canaries in their fields. In `ABSENT` they were made and deleted: what cannot tell these two
apart cannot tell a denied object from a missing one. In `OTHER` they are there with other fields, and in it and in
`HELD` readable objects refer to them: what cannot tell these two apart shows nothing of what is referred to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import Context, ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import perdure as db0

__all__ = [
    "ABSENT", "CANARY", "FILTER", "HELD", "HIDDEN", "KINDS", "OTHER", "FilteredWorld", "Holder", "Plain", "Shelf",
    "acting", "build", "everything", "granted",
]  # fmt: skip

FILTER: ContextVar[Any] = ContextVar("filter", default=None)
HIDDEN, ABSENT, HELD, OTHER = "twin1", "twin2", "twin3", "twin4"
CANARY = re.compile(r"canary|77007\d")
GRANTED = (0, 2)
DENIED = (1, 3)
TEXTS = ("doc", "below")
"""Kinds of which an object that may not be seen has a text where the others have a number."""
_T = TypeVar("_T")


@db0.memo(access_control=True)
class Doc:
    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number


@db0.memo
class Report(Doc):
    """Derived from a class with access control."""


@db0.memo(access_control=True)
@dataclass
class Card:
    name: str
    number: int


@db0.memo(access_control=True, immutable=True)
class Frozen:
    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number


@db0.memo(access_control=True)
@db0.tag_fields("name")
@db0.indexed_fields("number")
class Declared:
    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number


@db0.memo(access_control=True, singleton=True)
class Only:
    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number


@db0.memo
class Plain:
    """Not under access control itself, but a base of a class that is."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number


@db0.memo(access_control=True)
class Below(Plain):
    pass


KINDS: dict[str, Any] = {
    "doc": Doc, "report": Report, "card": Card, "frozen": Frozen, "declared": Declared, "only": Only, "below": Below,
}  # fmt: skip


@db0.memo(singleton=True)
class Shelf:
    """Seen by everybody: an index of all objects, one of those that may not be seen, and a list of those that may."""

    def __init__(self) -> None:
        self.index = db0.index()
        self.hidden = db0.index()
        self.seen = []


@db0.memo(singleton=True)
class Holder:
    """Seen by everybody: refers to an object of each kind that may not be seen, in every way."""

    def __init__(self, held: dict[str, Any]) -> None:
        self.items = list(held.values())
        self.table = dict(held)
        self.pairs = tuple(held.values())
        self.marks = db0.set([one for name, one in held.items() if name != "card"])
        self.keyed = {}
        self.weak = [db0.weak_proxy(one) for one in held.values()]
        self.weak_set = db0.weak_set(list(held.values()))
        self.nested = Nested(held)
        for name, one in held.items():
            setattr(self, name, one)


@db0.memo(immutable=True)
class Nested:
    """The same in an immutable object, embedded in others."""

    def __init__(self, held: dict[str, Any]) -> None:
        self.items = tuple(held.values())
        self.only = held.get("only")


def acting(predicate: Any, run: Callable[[], _T]) -> _T:
    """Call `run` in a context with a predicate."""
    context = Context()
    context.run(FILTER.set, predicate)
    return context.run(run)


class FilteredWorld:
    """One of the prefixes, as seen on the head, in a snapshot, or by a reader."""

    def __init__(self, prefix: str, where: Any, uuids: dict[str, str], states: tuple[int, int]) -> None:
        self.prefix = prefix
        self.where = where
        self.uuids = uuids
        """Of all objects, by kind and number; those that may not be seen are guessed."""
        self.states = states
        """A state before the objects were made, and one before they were changed."""

    def find(self, *criteria: Any) -> Any:
        return self.where.find(*criteria, prefix=self.prefix)

    def denied(self, kind: str) -> str:
        """The uuid of an object that may not be seen."""
        return self.uuids[f"{kind} 1"]

    def seen(self, kind: str) -> Any:
        """An object that may be seen."""
        return self.where.fetch(self.uuids[f"{kind} 0"])

    def shelf(self) -> Any:
        return self.where.fetch(Shelf, prefix=self.prefix)

    def holder(self) -> Any:
        return self.where.fetch(Holder, prefix=self.prefix)

    @property
    def guess(self) -> str:
        """What the attacker believes the name, a tag field, of an object to be that may not be seen."""
        return "guessd 1"


def build(path: Path) -> dict[str, tuple[dict[str, str], tuple[int, int]]]:
    """Make the prefixes; by name what a `FilteredWorld` needs."""
    db0.init(path, autocommit=False, data_filter={"context_var": FILTER})
    made = {}
    for prefix in (HIDDEN, ABSENT, HELD, OTHER):
        db0.open(prefix)
        made[prefix] = acting(everything(), lambda prefix=prefix: _fill(prefix))
    return made


def everything() -> Any:
    """The predicate of the administrator."""
    return db0.predicate("all")


def granted() -> Any:
    """The predicate of the user."""
    return db0.predicate(db0.as_tag("GRANT", "user"), db0.no(db0.as_tag("DENY", "user")))


def _fill(prefix: str) -> tuple[dict[str, str], tuple[int, int]]:
    shelf: Any = Shelf()
    db0.commit()
    first = db0.get_state_num(finalized=True)
    made = {f"{kind} {number}": _make(prefix, kind, number) for kind in KINDS for number in _numbers(kind)}
    for name, one in made.items():
        number = int(name[-1])
        db0.tags(one).add("all", shelf, *_grants(number))
        shelf.index.add(_key(prefix, number), one)
        if number in GRANTED:
            shelf.seen.append(one)
        else:
            shelf.hidden.add(number, one)
    db0.commit()
    if prefix in (HELD, OTHER):
        Holder({name[:-2]: one for name, one in made.items() if name.endswith(" 1")})
    db0.commit()
    middle = db0.get_state_num(finalized=True)
    for one in made.values():
        if type(one) is not Frozen:
            one.number += type(one.number)(1)
    db0.commit()
    uuids = {name: db0.uuid(one) for name, one in made.items()}
    del one
    _leave(prefix, shelf, made)
    return uuids, (first, middle)


def _numbers(kind: str) -> tuple[int, ...]:
    return (1,) if kind == "only" else (0, 1, 2, 3)


def _make(prefix: str, kind: str, number: int) -> Any:
    if number in GRANTED:
        return KINDS[kind](f"seen {number}", 100 + number)
    word, base = ("decoyy", 880070) if prefix == OTHER else ("canary", 770070)
    if kind == "declared" and prefix != OTHER:
        word = "guessd"
    value: Any = base + number
    return KINDS[kind](f"{word} {number}", str(value) if kind in TEXTS and number == 3 else value)


def _key(prefix: str, number: int) -> int:
    """The key of an object in the index of all; in `OTHER`, those that may not be seen are elsewhere."""
    return 10 - number if number in GRANTED or prefix != OTHER else 4 * number


def _grants(number: int) -> list[Any]:
    if number in GRANTED:
        return [db0.as_tag("GRANT", "user")]
    if number == DENIED[0]:
        return [db0.as_tag("GRANT", "other")]
    return [db0.as_tag("GRANT", "user"), db0.as_tag("DENY", "user")]


def _leave(prefix: str, shelf: Any, made: dict[str, Any]) -> None:
    """Delete what is to be absent; every prefix gets a commit."""
    if prefix == ABSENT:
        for name in [name for name in made if int(name[-1]) in DENIED]:
            one = made.pop(name)
            shelf.index.remove(_key(prefix, int(name[-1])), one)
            shelf.hidden.remove(int(name[-1]), one)
            db0.tags(one).remove(*db0.tags_of(one))
            del one
    db0.touch(shelf)
    db0.commit()

"""Classes, contexts and a small world for the tests of data filtering."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import perdure as db0

SEEN: ContextVar[Any] = ContextVar("seen")
"""What the accounts of these tests may see."""


@db0.memo(access_control=True)
class Doc:
    """Restricted."""

    def __init__(self, name: str, other: Any = None) -> None:
        self.name = name
        self.other = other


@db0.memo
class Page(Doc):
    """Restricted by its base."""


@db0.memo
class Note:
    """Not restricted, nor is anything below it."""

    def __init__(self, name: str, other: Any = None) -> None:
        self.name = name
        self.other = other


@db0.memo
class Paper:
    """Not restricted, with a class below it that is."""

    def __init__(self, name: str) -> None:
        self.name = name


@db0.memo(access_control=True)
class Letter(Paper):
    """Restricted by its own flag."""


@db0.memo(access_control=True, immutable=True)
class Part:
    """Restricted and written once."""

    def __init__(self, name: str) -> None:
        self.name = name


@db0.memo(immutable=True)
class Whole:
    """Written once, and holds parts."""

    def __init__(self, name: str, parts: Any = ()) -> None:
        self.name = name
        self.parts = tuple(parts)


@db0.memo(singleton=True, access_control=True)
class Settings:
    """A restricted singleton."""

    def __init__(self, name: str = "settings") -> None:
        self.name = name


@contextmanager
def seeing(*criteria: Any, predicate: Any = None) -> Iterator[Any]:
    """Be an account that may see what meets the criteria."""
    made = db0.predicate(*criteria) if predicate is None else predicate
    token = SEEN.set(made)
    try:
        yield made
    finally:
        SEEN.reset(token)


def names(found: Any) -> list[str]:
    """The names of objects, in order of the names."""
    return sorted(one.name for one in found)


class World:
    """Objects with the tag "x", of which those called like `seen_...` can be seen by those who see "open"."""

    def __init__(self) -> None:
        self.root = Note("root")
        self.docs = [Doc("seen_doc"), Page("seen_page"), Doc("denied_doc"), Page("denied_page")]
        self.notes = [Note("seen_note"), Note("denied_note")]
        self.papers = [Paper("seen_paper"), Letter("seen_letter"), Paper("denied_paper"), Letter("denied_letter")]
        self.index = db0.index()
        self.all = [*self.docs, *self.notes, *self.papers]
        for number, one in enumerate(self.all):
            self.index.add(number, one)
            db0.tags(one).add("x", "even" if number % 2 == 0 else "odd")
            if one.name.startswith("seen"):
                db0.tags(one).add("open")
        self.root.index = self.index
        self.root.all = list(self.all)
        db0.tags(self.root).add("root")
        db0.commit()
        self.uuids = {one.name: db0.uuid(one) for one in self.all}
        self.seen = sorted(name for name in self.uuids if name.startswith("seen"))

"""The key spaces: what each holds and how its changes are kept, merged and logged."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "BLOBS",
    "CATALOG",
    "COUNTERS",
    "ENTRIES",
    "INTERNED",
    "LOG",
    "META",
    "OBJECT_TAGS",
    "POSTINGS",
    "RECORDS",
    "REFCOUNTS",
    "SPACES",
    "Space",
]

Merge = Literal["counter", "posting"]
Log = Literal["ids", "keys"]


class Space(int):
    """A key space; it is its number, so it serves wherever a space is asked for.

    `versioned`: history is kept, and puts of the same key conflict; otherwise only the newest value exists.
    `merge`: the kind of merges it takes. `log`: whether the log names its changes as runs of object ids, as
    keys, or not. Keys of a versioned space are prefix-free.
    """

    name: str
    versioned: bool
    merge: Merge | None
    log: Log | None

    def __new__(
        cls,
        number: int,
        name: str,
        versioned: bool = True,
        merge: Merge | None = None,
        log: Log | None = "keys",
    ) -> Space:
        """A space with the number `number`."""
        space = super().__new__(cls, number)
        space.name = name
        space.versioned = versioned
        space.merge = merge
        space.log = log
        return space

    @property
    def id(self) -> int:
        """The number of the space."""
        return int(self)

    def __repr__(self) -> str:
        return self.name


META = Space(0, "META", versioned=False, log=None)
LOG = Space(1, "LOG", versioned=False, log=None)
RECORDS = Space(2, "RECORDS", log="ids")
ENTRIES = Space(3, "ENTRIES", log="ids")
POSTINGS = Space(4, "POSTINGS", merge="posting")
OBJECT_TAGS = Space(5, "OBJECT_TAGS", log="ids")
REFCOUNTS = Space(6, "REFCOUNTS", versioned=False, merge="counter", log="ids")
CATALOG = Space(7, "CATALOG")
INTERNED = Space(8, "INTERNED")
BLOBS = Space(9, "BLOBS", log="ids")
COUNTERS = Space(10, "COUNTERS", merge="counter", log="ids")

SPACES: tuple[Space, ...] = (
    META,
    LOG,
    RECORDS,
    ENTRIES,
    POSTINGS,
    OBJECT_TAGS,
    REFCOUNTS,
    CATALOG,
    INTERNED,
    BLOBS,
    COUNTERS,
)
"""All spaces; `SPACES[number]` is the space of that number."""

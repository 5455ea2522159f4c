"""What a transaction asks of the storage, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from pyroaring import BitMap

__all__ = ["Batch", "Committed", "PostingDelta", "Problem", "Resolve"]

Resolve = Callable[[int, bytes, "bytes | None", "bytes | None", "bytes | None"], "bytes | None"]
"""`resolve(space, key, old, committed, new)` gives the value to write, or raises ConflictError."""


@dataclass(slots=True)
class PostingDelta:
    """A change of one posting: ids to add and to remove (low 16 bits each); an id in both is added."""

    adds: BitMap = field(default_factory=BitMap)
    removes: BitMap = field(default_factory=BitMap)

    def applied(self, members: BitMap) -> BitMap:
        """What a posting with these members has after the change."""
        return (members - self.removes) | self.adds


@dataclass(slots=True)
class Batch:
    """The changes of one transaction, by space and key.

    `base`: the state that they were worked out on. `puts`: new values; None deletes. `merges`: amounts to
    add to a counter, or changes of a posting; they never conflict. `reads`: keys that must not have changed
    since `base`. `required`: keys that must not have been deleted since. `expected`: counters without
    versions that must hold this value. `user`, `description`, `extension` go into the log as they are.

    ```
    Batch(base=view.state, puts={RECORDS: {encode_uint(1): b"..."}}, user="ada")
    ```
    """

    base: int
    puts: dict[int, dict[bytes, bytes | None]] = field(default_factory=dict)
    merges: dict[int, dict[bytes, int | PostingDelta]] = field(default_factory=dict)
    reads: dict[int, set[bytes]] = field(default_factory=dict)
    required: Mapping[int, Collection[bytes]] = field(default_factory=dict)
    expected: dict[int, dict[bytes, int]] = field(default_factory=dict)
    user: str = ""
    description: str = ""
    extension: bytes = b""


@dataclass(frozen=True, slots=True)
class Committed:
    """The state that a commit made, and its time: microseconds since 1970 (UTC), later than any before."""

    state: int
    time: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that `verify` found: where, and what is wrong. `space` is -1 for the file as a whole."""

    space: int
    key: bytes
    text: str

    def __str__(self) -> str:
        if self.space < 0:
            return self.text
        return f"space {self.space}, key 0x{self.key.hex()}: {self.text}"

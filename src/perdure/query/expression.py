"""What a query asks for, as a tree of values: hashable, comparable, independent of any connection.

Set nodes stand for sets of object ids; `Sorted` and `Sliced` give them an order. `both` and `either` build
normal forms, so that equal questions are equal trees: nested ones are flattened, members sorted, doubles out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.session import Connection

__all__ = [
    "EMPTY",
    "And",
    "ClassTagged",
    "Elsewhere",
    "Empty",
    "Node",
    "Not",
    "OfType",
    "Or",
    "Range",
    "Sliced",
    "Sorted",
    "Tagged",
    "TheObject",
    "both",
    "either",
    "is_local",
    "is_ordered",
    "tagged",
]


class Node:
    """Base of all nodes."""

    __slots__ = ()

    @property
    def rank(self) -> bytes:
        """Where the node stands among the members of an `And` or `Or`."""
        return repr(self).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Empty(Node):
    """Nothing."""


EMPTY = Empty()


@dataclass(frozen=True, slots=True)
class Tagged(Node):
    """Objects with the tag of this key."""

    key: bytes

    @property
    def rank(self) -> bytes:
        """See `Node.rank`: before all other nodes."""
        return b"\0" + self.key


@dataclass(frozen=True, slots=True)
class ClassTagged(Node):
    """Objects that have a class as tag."""

    identity: str
    cls: type = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OfType(Node):
    """Instances of a class and of those that derive from it."""

    identity: str
    cls: type = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TheObject(Node):
    """One object of one database, if it exists."""

    database: int
    oid: int


@dataclass(frozen=True, slots=True)
class Range(Node):
    """Members of an index with a key in a range: `low` and `high` are encoded keys.

    `nulls` tells whether members with the key None belong to it, `keyed` whether those with other keys do. The
    members of a `passive` index are not held by it: something else has to say which of them are asked for.
    """

    index_oid: int
    low: bytes = b""
    high: bytes = b"\xff"
    nulls: bool = True
    keyed: bool = True
    passive: bool = False


@dataclass(frozen=True, slots=True)
class Not(Node):
    """What is to be left out; only as a member of an `And`."""

    node: Node


@dataclass(frozen=True, slots=True)
class And(Node):
    """What all members have in common."""

    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """What at least one member has."""

    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Sorted(Node):
    """The members of an index among `source`, in the order of their keys, once a key."""

    source: Node
    index_oid: int
    descending: bool = False
    nulls_first: bool = False
    passive: bool = False
    where: Connection | None = field(default=None, repr=False)
    """The connection that the index is read on, when it is another one than the query's."""


@dataclass(frozen=True, slots=True)
class Sliced(Node):
    """A slice of `source`, as Python slices a list; `step` is positive."""

    source: Node
    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Elsewhere(Node):
    """What `node` finds on another connection to the same database: another state of it."""

    connection: Connection = field(repr=False)
    node: Node


@lru_cache(maxsize=4096)
def tagged(keys: tuple[bytes, ...]) -> Node:
    """What has all tags of these keys."""
    return both([Tagged(key) for key in keys])


def both(members: Iterable[Node]) -> Node:
    """The `And` of `members` in normal form."""
    flat: set[Node] = set()
    for member in members:
        if isinstance(member, And):
            flat.update(member.members)
        else:
            flat.add(member)
    if EMPTY in flat:
        return EMPTY
    flat.discard(Not(EMPTY))
    if len(flat) == 1:
        return flat.pop()
    return And(tuple(sorted(flat, key=_rank))) if flat else EMPTY


def either(members: Iterable[Node]) -> Node:
    """The `Or` of `members` in normal form."""
    flat: set[Node] = set()
    for member in members:
        if isinstance(member, Or):
            flat.update(member.members)
        elif member != EMPTY:
            flat.add(member)
    if len(flat) == 1:
        return flat.pop()
    return Or(tuple(sorted(flat, key=_rank))) if flat else EMPTY


def _rank(node: Node) -> bytes:
    return node.rank


def is_ordered(node: Node) -> bool:
    """Whether the node gives its objects an order of its own, and maybe an object more than once."""
    if isinstance(node, Sliced):
        return is_ordered(node.source)
    return isinstance(node, Sorted)


def is_local(node: object) -> bool:
    """Whether all of the node is worked out on the connection of its query."""
    if isinstance(node, Elsewhere):
        return False
    if isinstance(node, Sorted):
        return node.where is None and is_local(node.source)
    if isinstance(node, And | Or):
        return all(is_local(member) for member in node.members)
    if isinstance(node, Not):
        return is_local(node.node)
    return not isinstance(node, Sliced) or is_local(node.source)

"""What a query asks for, as a tree of values: hashable, comparable, independent of any connection.

Set nodes stand for sets of object ids; `Sorted` and `Sliced` give them an order, `Split` decorates them with tags.
`both` and `either` build normal forms, so that equal questions are equal trees: nested ones are flattened, members
sorted, doubles out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure.session import Connection

__all__ = [
    "EMPTY",
    "Allowed",
    "And",
    "ClassTagged",
    "Elsewhere",
    "Empty",
    "Filtered",
    "LeadingTags",
    "Node",
    "Not",
    "OfType",
    "Or",
    "Range",
    "Sliced",
    "Sorted",
    "Split",
    "Tagged",
    "TheObject",
    "Within",
    "both",
    "calls_functions",
    "either",
    "is_decorated",
    "is_local",
    "is_ordered",
    "parts",
    "rebuilt",
    "tagged",
    "walk",
    "within",
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
class LeadingTags(Node):
    """Objects with a composite tag that begins with the elements of the one of this key."""

    key: bytes

    @property
    def head(self) -> bytes:
        """How the keys of these tags begin: as this one, without the end of its tuple."""
        return self.key[:-1]


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
    """A slice of `source`, as Python slices a list."""

    source: Node
    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Elsewhere(Node):
    """What `node` finds on another connection to the same database: another state of it."""

    connection: Connection = field(repr=False)
    node: Node


@dataclass(frozen=True, slots=True)
class Filtered(Node):
    """What of `source` a Python function accepts, in the order of `source`."""

    source: Node
    predicate: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Split(Node):
    """What of `source` has one of some tags, each object together with the tag: with the first one, or with each.

    The order is that of `source`.
    """

    source: Node
    groups: tuple[Node, ...]
    """Tags: `Tagged` or `ClassTagged` nodes."""
    exclusive: bool = True


@dataclass(frozen=True, slots=True)
class Within(Node):
    """What of `source` is in a set, in the order of `source` and with its decorations."""

    source: Node
    members: Node


class Allowed(Node):
    """What a predicate lets be seen; put into a query when it is evaluated, and never part of its definition."""

    __slots__ = ("_hash", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self._hash = hash(node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Allowed) and self._hash == other._hash and self.node == other.node

    def __hash__(self) -> int:
        return self._hash


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


def within(source: Node, members: Node) -> Node:
    """What of `source`, which may be decorated, is in the set `members`."""
    if isinstance(source, Split):
        return Split(within(source.source, members), source.groups, source.exclusive)
    if is_ordered(source) or isinstance(source, Sliced) or is_decorated(source):
        return Within(source, members)
    return both([source, members])


def is_ordered(node: Node) -> bool:
    """Whether the node gives its objects an order of its own, and maybe an object more than once."""
    if isinstance(node, Sliced | Filtered):
        return is_ordered(node.source)
    return isinstance(node, Sorted | Split | Within)


def is_decorated(node: Node) -> bool:
    """Whether the node gives tuples of an object and tags."""
    while isinstance(node, Sorted | Sliced | Filtered | Within):
        node = node.source
    return isinstance(node, Split) or (isinstance(node, Elsewhere) and is_decorated(node.node))


def parts(node: Node) -> tuple[Node, ...]:
    """The nodes that a node is made of."""
    if isinstance(node, And | Or):
        return node.members
    if isinstance(node, Not | Elsewhere):
        return (node.node,)
    if isinstance(node, Split):
        return (node.source, *node.groups)
    if isinstance(node, Within):
        return node.source, node.members
    return (node.source,) if isinstance(node, Sorted | Sliced | Filtered) else ()


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with what `change` gives for each of the sets it is made of."""
    match node:
        case And():
            return both([change(member) for member in node.members])
        case Or():
            return either([change(member) for member in node.members])
        case Not():
            return Not(change(node.node))
        case Within():
            return Within(change(node.source), change(node.members))
        case Sorted() | Sliced() | Filtered() | Split():
            return replace(node, source=change(node.source))
    return node


def walk(node: Node) -> Iterator[Node]:
    """The node, and all nodes below it."""
    yield node
    for part in parts(node):
        yield from walk(part)


def is_local(node: Node) -> bool:
    """Whether all of the node is worked out on the connection of its query."""
    return not any(isinstance(one, Elsewhere) or getattr(one, "where", None) is not None for one in walk(node))


def calls_functions(node: Node) -> bool:
    """Whether working the node out calls functions of the user."""
    return any(isinstance(one, Filtered) for one in walk(node))

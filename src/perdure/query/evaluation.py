"""Turning expressions into object ids, chunk by chunk.

A plan answers for one set node: which chunks (object id >> 16) it may have members in, and the bitmap of the
low 16 bits of those in a chunk. Postings are decoded when the plan is made and never changed after, so a plan
keeps giving the answer of that moment. Plans are cheap; objects are not touched here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import singledispatch
from typing import Any
from weakref import WeakKeyDictionary

from pyroaring import BitMap

from perdure.errors import ObjectError
from perdure.query.expression import (
    And,
    ClassTagged,
    Elsewhere,
    Empty,
    LeadingTags,
    Node,
    Not,
    OfType,
    Or,
    Tagged,
    TheObject,
)
from perdure.query.labels import class_key
from perdure.session import Connection, by_chunk, class_tag, postings_under

__all__ = ["Common", "Evaluation", "Leaf", "Plan", "make_plan", "planner"]

_NONE = BitMap()
_KEPT = 512
_SHIFTED = 1 << 16
"""Bitmaps have numbers below 2³²: chunks below this one can be shifted to where they belong."""
_ORPHANS, _HEAD = "orphans", "head"


class Plan:
    """A set of object ids; also the base of the kinds of plans."""

    __slots__ = ()

    weight = 0
    """About how many members there are, at most."""
    lazy = False
    """Whether finding members runs functions of the user: such parts come last, and look at what is left only."""

    def chunks(self) -> Iterable[int]:
        """The chunks that may have members."""
        raise NotImplementedError

    def chunk(self, number: int) -> BitMap:
        """The members in a chunk; not to be changed."""
        raise NotImplementedError

    def within(self, number: int, members: BitMap) -> BitMap:
        """Those of `members` of a chunk that are members here."""
        return members & self.chunk(number)

    def count(self) -> int:
        """How many members there are."""
        return sum([len(self.chunk(number)) for number in self.chunks()])

    def is_empty(self) -> bool:
        """Whether there are none; looks no further than the first."""
        return not any(self.chunk(number) for number in self.chunks())

    def contains(self, oid: int) -> bool:
        """Whether an object id is a member."""
        return oid & 0xFFFF in self.chunk(oid >> 16)

    def all_ids(self) -> list[int]:
        """The members in ascending order."""
        found: list[int] = []
        for number in sorted(self.chunks()):
            if number < _SHIFTED:
                found.extend(self.chunk(number).shift(number << 16))
            else:
                found.extend([number << 16 | low for low in self.chunk(number)])
        return found

    def ids(self, skip: int = 0) -> Iterator[int]:
        """The members in ascending order, without the first `skip`."""
        for number in sorted(self.chunks()):
            members = self.chunk(number)
            if skip:
                size = len(members)
                if skip >= size:
                    skip -= size
                    continue
                members, skip = members[skip:], 0
            base = number << 16
            for low in members:
                yield base | low


class Leaf(Plan):
    """Members that are at hand."""

    __slots__ = ("members", "weight")

    def __init__(self, members: dict[int, BitMap]) -> None:
        self.members = members
        self.weight = sum([len(chunk) for chunk in members.values()])

    def chunks(self) -> Iterable[int]:
        """See `Plan.chunks`."""
        return self.members.keys()

    def chunk(self, number: int) -> BitMap:
        """See `Plan.chunk`."""
        return self.members.get(number, _NONE)

    def within(self, number: int, members: BitMap) -> BitMap:
        """See `Plan.within`."""
        return members & self.members.get(number, _NONE)

    def count(self) -> int:
        """See `Plan.count`."""
        return self.weight


NOTHING = Leaf({})


class Union(Plan):
    """What any part has."""

    __slots__ = ("_parts", "lazy", "weight")

    def __init__(self, parts: list[Plan]) -> None:
        self._parts = parts
        self.weight = sum([part.weight for part in parts])
        self.lazy = any(part.lazy for part in parts)

    def chunks(self) -> Iterable[int]:
        """See `Plan.chunks`."""
        return {number for part in self._parts for number in part.chunks()}

    def chunk(self, number: int) -> BitMap:
        """See `Plan.chunk`."""
        return BitMap.union(*[part.chunk(number) for part in self._parts])

    def within(self, number: int, members: BitMap) -> BitMap:
        """See `Plan.within`."""
        if not self.lazy:
            return members & self.chunk(number)
        return BitMap.union(*[part.within(number, members) for part in self._parts])


class Common(Plan):
    """What all parts have and no exception has; the smallest part comes first."""

    __slots__ = ("_exceptions", "_first", "_rest", "lazy", "weight")

    def __init__(self, parts: list[Plan], exceptions: list[Plan]) -> None:
        parts.sort(key=lambda part: (part.lazy, part.weight))
        exceptions.sort(key=lambda part: part.lazy)
        self._first = parts[0]
        self._rest = parts[1:]
        self._exceptions = exceptions
        self.weight = min([part.weight for part in parts])
        self.lazy = parts[-1].lazy or (bool(exceptions) and exceptions[-1].lazy)

    def chunks(self) -> Iterable[int]:
        """See `Plan.chunks`."""
        found = set(self._first.chunks())
        for part in self._rest:
            found.intersection_update(part.chunks())
        return found

    def chunk(self, number: int) -> BitMap:
        """See `Plan.chunk`."""
        return self._reduce(number, self._first.chunk(number))

    def _reduce(self, number: int, found: BitMap) -> BitMap:
        for part in self._rest:
            if not found:
                return found
            found = part.within(number, found)
        for part in self._exceptions:
            if not found:
                return found
            found = found - (part.within(number, found) if part.lazy else part.chunk(number))
        return found

    def within(self, number: int, members: BitMap) -> BitMap:
        """See `Plan.within`."""
        return self._reduce(number, self._first.within(number, members))

    def contains(self, oid: int) -> bool:
        """See `Plan.contains`."""
        return bool(self.within(oid >> 16, BitMap([oid & 0xFFFF])))

    def count(self) -> int:
        """See `Plan.count`."""
        if len(self._rest) != 1 or self._exceptions or self.lazy:
            return super().count()
        total = 0
        for number in self.chunks():
            total += self._first.chunk(number).intersection_cardinality(self._rest[0].chunk(number))
        return total


class Evaluation:
    """What a connection holds now: flushes it, and makes plans for expressions."""

    __slots__ = ("connection", "kept")

    def __init__(self, connection: Connection) -> None:
        if connection.is_closed():
            raise ObjectError(f"{connection.database.name} is no longer accessible: it was closed")
        self.connection = connection
        if connection.writable:
            connection.flush()
        self.kept = _kept_for(connection)

    def plan(self, node: Node) -> Plan:
        """The plan of a node; ordered nodes lose their order."""
        with self.connection.lock:
            return make_plan(node, self)

    def posting(self, key: bytes) -> Leaf:
        """What has the tag of a key."""
        found: Leaf | None = self.kept.get(key)
        if found is None:
            found = Leaf(self.connection.tagging.posting(key))
            self.keep(key, found)
        return found

    def postings_under(self, head: bytes) -> Leaf:
        """What has a tag whose key begins with `head`."""
        found: Leaf | None = self.kept.get((_HEAD, head))
        if found is None:
            found = Leaf(postings_under(self.connection, head))
            self.keep((_HEAD, head), found)
        return found

    def orphans(self) -> Leaf:
        """Objects that lost their last holder: types do not find them any more."""
        found: Leaf | None = self.kept.get(_ORPHANS)
        if found is None:
            found = Leaf(by_chunk(self.connection.lifetime.orphans()))
            self.keep(_ORPHANS, found)
        return found

    def keep(self, key: object, found: Any) -> None:
        """Remember a posting or result until the connection sees a change."""
        if len(self.kept) >= _KEPT:
            self.kept.clear()
        self.kept[key] = found


_caches: WeakKeyDictionary[Connection, tuple[int, dict[object, Any]]] = WeakKeyDictionary()


def _kept_for(connection: Connection) -> dict[object, Any]:
    found = _caches.get(connection)
    if found is None or found[0] != connection.generation:
        found = (connection.generation, {})
        _caches[connection] = found
    return found[1]


@singledispatch
def make_plan(node: Node, evaluation: Evaluation) -> Plan:
    """The plan of a node; each kind of node registers its own."""
    raise TypeError(f"{type(node).__name__} is no set of objects")


planner: Callable[[type], Callable[[Callable[..., Plan]], Callable[..., Plan]]] = make_plan.register
"""Decorator that registers the plan of a kind of node."""


@planner(Empty)
def _empty(_node: Empty, _evaluation: Evaluation) -> Plan:
    return NOTHING


@planner(Tagged)
def _tagged(node: Tagged, evaluation: Evaluation) -> Plan:
    return evaluation.posting(node.key)


@planner(ClassTagged)
def _class_tagged(node: ClassTagged, evaluation: Evaluation) -> Plan:
    ids = evaluation.connection.catalog.ids_of(node.identity)
    return _any([evaluation.posting(class_key(class_id)) for class_id in ids])


@planner(LeadingTags)
def _leading_tags(node: LeadingTags, evaluation: Evaluation) -> Plan:
    return evaluation.postings_under(node.head)


@planner(OfType)
def _of_type(node: OfType, evaluation: Evaluation) -> Plan:
    family = evaluation.connection.catalog.family(node.cls)
    found = _any([evaluation.posting(class_tag(class_id)) for class_id in family])
    orphans = evaluation.orphans()
    return Common([found], [orphans]) if orphans.weight else found


@planner(TheObject)
def _the_object(node: TheObject, evaluation: Evaluation) -> Plan:
    connection = evaluation.connection
    if node.database != connection.database.uuid or not connection.contains(node.oid):
        return NOTHING
    return Leaf(by_chunk([node.oid]))


@planner(And)
def _and(node: And, evaluation: Evaluation) -> Plan:
    parts: list[Plan] = []
    exceptions: list[Plan] = []
    for member in node.members:
        if isinstance(member, Not):
            exceptions.append(make_plan(member.node, evaluation))
        else:
            part = make_plan(member, evaluation)
            if not part.weight:
                return NOTHING
            parts.append(part)
    return Common(parts, exceptions)


@planner(Or)
def _or(node: Or, evaluation: Evaluation) -> Plan:
    return _any([make_plan(member, evaluation) for member in node.members])


@planner(Elsewhere)
def _elsewhere(node: Elsewhere, evaluation: Evaluation) -> Plan:
    if node.connection.database.uuid != evaluation.connection.database.uuid:
        return NOTHING
    with node.connection.lock:
        return make_plan(node.node, Evaluation(node.connection))


def _any(parts: list[Plan]) -> Plan:
    parts = [part for part in parts if part.weight]
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else Union(parts)

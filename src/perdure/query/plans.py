"""Sets of object ids, chunk by chunk, and what is common to two plans of one question.

A plan answers for one set node: which chunks (object id >> 16) it may have members in, and the bitmap of the
low 16 bits of those in a chunk. Bitmaps are never changed once they are in a plan, so a plan keeps giving the answer of
its moment, and two plans of one question answer alike for a chunk when they have the same bitmaps there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pyroaring import BitMap

__all__ = ["NOTHING", "Common", "Leaf", "Plan", "Remembered", "Union", "changed_chunks", "recounted", "remembered"]

_NONE = BitMap()
_SHIFTED = 1 << 16
"""Bitmaps have numbers below 2³²: chunks below this one can be shifted to where they belong."""
_SHARE = 4
"""A count is brought up to date when at most one of so many chunks has changed; else it is made anew."""


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
Sides = tuple[list[Plan], list[Plan]]
"""What there must be, and what there must not be."""


class Union(Plan):
    """What any part has."""

    __slots__ = ("lazy", "parts", "weight")

    def __init__(self, parts: list[Plan]) -> None:
        self.parts = parts
        self.weight = sum([part.weight for part in parts])
        self.lazy = any(part.lazy for part in parts)

    def chunks(self) -> Iterable[int]:
        """See `Plan.chunks`."""
        return {number for part in self.parts for number in part.chunks()}

    def chunk(self, number: int) -> BitMap:
        """See `Plan.chunk`."""
        return BitMap.union(*[part.chunk(number) for part in self.parts])

    def within(self, number: int, members: BitMap) -> BitMap:
        """See `Plan.within`."""
        if not self.lazy:
            return members & self.chunk(number)
        return BitMap.union(*[part.within(number, members) for part in self.parts])


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

    def sides(self) -> Sides:
        """The parts and the exceptions."""
        return [self._first, *self._rest], self._exceptions


class Remembered(Plan):
    """A plan that works out each chunk once; made by `remembered`."""

    __slots__ = ("_known", "_numbers", "source", "weight")

    def __init__(self, source: Plan, known: dict[int, BitMap]) -> None:
        self.source = source
        self._numbers = frozenset(source.chunks())
        self._known = known
        self.weight = source.weight

    def known_except(self, changed: set[int]) -> dict[int, BitMap]:
        """What has been worked out of other chunks than these."""
        return {number: members for number, members in self._known.copy().items() if number not in changed}

    def chunks(self) -> Iterable[int]:
        """See `Plan.chunks`."""
        return self._numbers

    def chunk(self, number: int) -> BitMap:
        """See `Plan.chunk`."""
        found = self._known.get(number)
        if found is None:
            found = self._known[number] = self.source.chunk(number) if number in self._numbers else _NONE
        return found


def remembered(source: Plan, before: Remembered | None) -> Remembered:
    """A plan that remembers chunks of `source`, with what an earlier one of the same node knows; or that one."""
    changed = None if before is None else changed_chunks(source, before.source)
    if before is None or changed is None:
        return Remembered(source, {})
    return Remembered(source, before.known_except(changed)) if changed else before


def changed_chunks(plan: Plan, before: Plan) -> set[int] | None:
    """The chunks in which a plan may have other members than an earlier plan of the same node; None: it cannot be told.

    Plans that are put together alike, of parts that have the same members in a chunk, have the same members in it.
    """
    match plan, before:
        case _ if plan is before:
            return set()
        case Leaf(), Leaf():
            members, others = plan.members, before.members
            return {number for number in {*members, *others} if not _is_same(members.get(number), others.get(number))}
        case Union(), Union():
            return _changed_in_parts(plan.parts, before.parts)
        case Remembered(), Remembered():
            return changed_chunks(plan.source, before.source)
        case (Common(), _) | (_, Common()):
            sides = plan.sides() if isinstance(plan, Common) else ([plan], [])
            return _changed_in_sides(sides, before.sides() if isinstance(before, Common) else ([before], []))
    return None


def _changed_in_sides(sides: Sides, before: Sides) -> set[int] | None:
    """`changed_chunks` for parts and exceptions; there may be exceptions where there were none."""
    missing = len(sides[1]) - len(before[1])
    changed = _changed_in_parts(sides[0], before[0])
    left_out = _changed_in_parts(sides[1] + [NOTHING] * -missing, before[1] + [NOTHING] * missing)
    return None if changed is None or left_out is None else changed | left_out


def _changed_in_parts(parts: list[Plan], before: list[Plan]) -> set[int] | None:
    if len(parts) != len(before):
        return None
    changed: set[int] = set()
    for part, part_before in zip(parts, before, strict=True):
        found = changed_chunks(part, part_before)
        if found is None:
            return None
        changed |= found
    return changed


def _is_same(members: BitMap | None, others: BitMap | None) -> bool:
    """Whether two chunks are the same: nearly always they are one object, so that nothing is compared."""
    return members is others or (members is not None and others is not None and members == others)


def recounted(plan: Plan, before: tuple[Plan, int] | None) -> int:
    """How many members a plan has, where an earlier plan of the same node had so many."""
    if before is None:
        return plan.count()
    earlier, total = before
    changed = changed_chunks(plan, earlier)
    if changed is None or len(changed) * _SHARE > len({*plan.chunks()}):
        return plan.count()
    for number in changed:
        total += len(plan.chunk(number)) - len(earlier.chunk(number))
    return total

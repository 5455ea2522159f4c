"""The tree of pages below a sequence: replacing, walking and storing ranges of elements.

Every change is one operation: replace the elements from `start` to `stop` by others. It opens the nodes on its way
(registers them for the next flush), cuts those that grow too full and joins those that shrink too far. Whoever
calls it holds the lock of the sequence's owner.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from perdure.errors import CorruptRecordError
from perdure.kernel import durable, sequence
from perdure.session import Weak, register_builtin

__all__ = ["Page", "open_node", "read", "restore_node", "root_values", "splice", "walk"]

FANOUT = 128
BYTES_LEAF = 8000
INLINE = 128
"""Elements that a list or tuple keeps in its own record."""
BYTES_INLINE = 1800

_LEAF, _BRANCH, _BYTES = sequence.LEAF_RECORD, 1, 2

Node = sequence.Node
Root = sequence.HotSequence


@register_builtin(2)
class Page(Node):
    """A leaf or branch below the root of a sequence."""

    __slots__ = ()

    def _perdure_store_(self) -> list[object]:
        return node_values(self)

    def _perdure_restore_(self, values: list[object]) -> None:
        restore_node(self, values)

    def _perdure_loosen_(self) -> tuple[object, ...]:
        return loosen(self)

    @staticmethod
    def _perdure_dropped_(connection: object, oid: int) -> None:
        """Nothing: all that a page holds is in its record."""

    def _perdure_forget_(self) -> None:
        self._perdure_set_(None, None)


def new_page(items: Any, ends: list[int] | None = None) -> Page:
    """A page with these items."""
    page = Page()
    page._perdure_set_(items, ends)
    return page


def open_node(node: Node) -> Any:
    """Make a node ready to be changed; its items."""
    durable.mark_dirty(node)
    return node._perdure_items_


def size_of(node: Node) -> int:
    """How many elements are below a node that is loaded."""
    ends = node._perdure_ends_
    return len(node._perdure_items_) if ends is None else ends[-1] if ends else 0


def capacity(node: Node) -> int:
    """How many items a node may have."""
    if node._perdure_ends_ is not None:
        return FANOUT
    return BYTES_LEAF if type(node._perdure_items_) is bytearray else sequence.LEAF


def counts_of(ends: list[int]) -> list[int]:
    """How many elements are below each child of a branch with these ends."""
    return [ends[0], *map(int.__sub__, ends[1:], ends)] if ends else []


# -- records -------------------------------------------------------------------------------------------------


def node_values(node: Node) -> list[object]:
    """The record of a node: kind, then elements, bytes, or counts and children."""
    items = node._perdure_items_
    if node._perdure_ends_ is not None:
        return [_BRANCH, tuple(counts_of(node._perdure_ends_)), *items]
    if type(items) is bytearray:
        return [_BYTES, bytes(items)]
    return [_LEAF, *items]


def restore_node(node: Node, values: list[Any]) -> None:
    """Set the items of a node from its record."""
    kind = values[0] if values else None
    ends: list[int] | None = None
    items: Any
    if kind == _LEAF:
        items = values[1:]
    elif kind == _BYTES and len(values) == 2 and type(values[1]) is bytes:
        items = bytearray(values[1])
    elif kind == _BRANCH and len(values) > 2 and len(values[1]) == len(values) - 2:
        items, ends = values[2:], list(accumulate(values[1]))
        if not all(isinstance(child, Page) for child in items) or min(values[1]) <= 0:
            raise CorruptRecordError(f"damaged record of {durable.describe(node)}: its children are no pages")
    else:
        raise CorruptRecordError(f"damaged record of {durable.describe(node)}: it is no page")
    node._perdure_set_(items, ends)


def loosen(node: Node) -> tuple[object, ...]:
    """Make the elements of a loaded node that are objects of other databases weak; all elements, then."""
    items = node._perdure_items_
    if type(items) is not list or node._perdure_ends_ is not None:
        return ()
    home = durable.owner_of(node)
    for place, item in enumerate(items):
        if isinstance(item, durable.Durable) and durable.owner_of(item) not in (home, None):
            items[place] = Weak(item)
    return tuple(items)


def root_values(root: Root) -> list[object]:
    """The record of a sequence; a large one that is still in one piece is cut into pages first."""
    if root._perdure_ends_ is None:
        items = root._perdure_items_
        limit = BYTES_INLINE if type(items) is bytearray else INLINE
        if len(items) > limit:
            grow(root)
        return node_values(root)
    items, ends = root._perdure_items_, root._perdure_ends_
    settle(root)
    return [_BRANCH, tuple(counts_of(ends)), *items]


def grow(root: Root) -> None:
    """Cut the items of a root into pages, full ones."""
    nodes = [new_page(part) for part in cut(root._perdure_items_, capacity(root), True)]
    root._perdure_set_(*stack(nodes))


def stack(nodes: list[Page]) -> tuple[list[Page], list[int]]:
    """Children and ends of a root above these nodes, with more levels between where they are too many."""
    while len(nodes) > FANOUT:
        nodes = [new_page(part, list(accumulate(map(size_of, part)))) for part in cut(nodes, FANOUT, True)]
    return nodes, list(accumulate(map(size_of, nodes)))


def settle(root: Root) -> None:
    """Add the appended elements to the ends of the root and the branches above the last leaf."""
    items, ends = root._perdure_items_, root._perdure_ends_
    if ends is None:
        return
    lag = root._perdure_length_ - ends[-1]
    while lag and ends is not None:
        ends[-1] += lag
        last = items[-1]
        durable.load(last)
        if last._perdure_ends_ is not None:
            durable.mark_dirty(last)
        items, ends = last._perdure_items_, last._perdure_ends_


# -- changing ------------------------------------------------------------------------------------------------


def splice(root: Root, start: int, stop: int, new: Any) -> None:
    """Replace the elements from `start` to `stop` by those of `new`, a list (a bytearray for bytes)."""
    open_node(root)
    if root._perdure_ends_ is None:
        root._perdure_items_[start:stop] = new
        return
    root._perdure_tail_ = None
    settle(root)
    load_edges(root, start, stop)
    root._perdure_changing_ = True
    try:
        extra = replace(root, start, stop, new)
        items, ends = root._perdure_items_, root._perdure_ends_
        if extra:
            items, ends = stack([new_page(items, ends), *extra])
        while ends is not None and len(items) == 1:
            (child,) = items
            durable.load(child)
            items, ends = child._perdure_items_[:], child._perdure_ends_
        root._perdure_set_(items or new[:0], ends[:] if ends else None)
    finally:
        root._perdure_changing_ = False
    if root._perdure_ends_ is not None and len(root) <= INLINE // 2:
        root._perdure_set_(read(root, 0, len(root), raw=True), None)


def load_edges(node: Node, start: int, stop: int) -> None:
    """Load what a change will touch, so that a page that cannot be read stops it before it begins."""
    ends = node._perdure_ends_
    if not ends:
        return
    children = node._perdure_items_
    first, last = edges(ends, start, stop)
    for place in {first, last} if stop == start else range_of_neighbours(first, last, len(children)):
        durable.load(children[place])
    before = ends[first - 1] if first else 0
    load_edges(children[first], start - before, min(stop, ends[first]) - before)
    if last != first:
        load_edges(children[last], 0, stop - ends[last - 1])


def edges(ends: list[int], start: int, stop: int) -> tuple[int, int]:
    """The first and the last child that a change from `start` to `stop` touches."""
    first = min(bisect_right(ends, start), len(ends) - 1)
    return first, max(first, bisect_left(ends, stop)) if stop > start else first


def range_of_neighbours(first: int, last: int, length: int) -> set[int]:
    """The two and those beside them."""
    return {place for edge in (first, last) for place in (edge - 1, edge, edge + 1) if 0 <= place < length}


def replace(node: Node, start: int, stop: int, new: Any) -> list[Page]:
    """Replace elements below `node`; the pages that have to follow it on its level."""
    items = open_node(node)
    if node._perdure_ends_ is None:
        at_end = start == len(items)
        items[start:stop] = new
    else:
        at_end = start == node._perdure_ends_[-1]
        replace_below(node, start, stop, new)
    limit = capacity(node)
    if len(node._perdure_items_) <= limit:
        return []
    parts = cut(node._perdure_items_, limit, at_end)
    if node._perdure_ends_ is None:
        node._perdure_set_(parts[0], None)
        return [new_page(part) for part in parts[1:]]
    counts = cut(counts_of(node._perdure_ends_ or []), limit, at_end)
    node._perdure_set_(parts[0], list(accumulate(counts[0])))
    return [new_page(part, list(accumulate(sizes))) for part, sizes in zip(parts[1:], counts[1:], strict=True)]


def replace_below(node: Node, start: int, stop: int, new: Any) -> None:
    """The same for an open branch, which is left with any number of children."""
    ends = node._perdure_ends_
    assert ends is not None
    children, counts = node._perdure_items_[:], counts_of(ends)
    first, last = edges(ends, start, stop)
    before = ends[first - 1] if first else 0
    if first == last:
        child = children[first]
        fresh = [child, *replace(child, start - before, stop - before, new)]
    else:
        tail, head = children[last], children[first]
        extra = replace(tail, 0, stop - ends[last - 1], new[:0])
        fresh = [head, *replace(head, start - before, counts[first], new), tail, *extra]
    fresh = [child for child in fresh if size_of(child)]
    children[first : last + 1] = fresh
    counts[first : last + 1] = [size_of(child) for child in fresh]
    if len(new) < stop - start:
        join_small(children, counts, first, len(fresh))
    node._perdure_set_(children, list(accumulate(counts)))


def join_small(children: list[Page], counts: list[int], first: int, number: int) -> None:
    """Join each of `number` children from `first` on that is less than a quarter full with a neighbour."""
    place = first + number - 1
    while place >= first and len(children) > 1:
        child = children[place]
        if len(child._perdure_items_) < capacity(child) // 4:
            left = place - 1 if place else 0
            join(children, counts, left)
        place -= 1


def join(children: list[Page], counts: list[int], left: int) -> None:
    """Join two neighbours, or level them when one page cannot take all."""
    one, other = children[left], children[left + 1]
    items = open_node(one) + open_node(other)
    limit = capacity(one)
    parts = [items] if len(items) <= limit else cut(items, limit, False)
    if one._perdure_ends_ is None:
        ends: list[Any] = [None, None]
        sizes = [len(part) for part in parts]
    else:
        inner = counts_of(one._perdure_ends_) + counts_of(other._perdure_ends_ or [])
        groups = [inner] if len(parts) == 1 else cut(inner, limit, False)
        ends = [list(accumulate(group)) for group in groups]
        sizes = [sum(group) for group in groups]
    for page, part, its_ends in zip((one, other), parts, ends, strict=False):
        page._perdure_set_(part, its_ends)
    counts[left : left + 2] = sizes
    if len(parts) == 1:
        del children[left + 1]


def cut(items: Any, limit: int, full: bool) -> list[Any]:
    """Parts of at most `limit` items: full ones and a rest, or parts of even size."""
    step = limit if full else -(-len(items) // -(-len(items) // limit))
    return [items[place : place + step] for place in range(0, len(items), step)]


# -- reading -------------------------------------------------------------------------------------------------


def walk(root: Root, start: int, stop: int, *, raw: bool = False) -> Iterator[Any]:
    """Copies of the parts of the leaves between two positions (as far as there are elements), in order.

    Weak references are read as their targets, but for `raw`.
    """
    while start < stop:
        try:
            part = root._perdure_part_(start, stop, raw)
        except IndexError:
            return
        yield part
        start += len(part)


def read(root: Root, start: int, stop: int, *, raw: bool = False) -> Any:
    """A copy of the elements between two positions, as one list or bytearray."""
    parts = walk(root, start, stop, raw=raw)
    found = next(parts, None)
    if found is None:
        return root._perdure_items_[:0] if root._perdure_ends_ is None else []
    for part in parts:
        found += part
    return found

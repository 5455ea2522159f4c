"""Pure-Python twin of `kernel/sequence.pyx`: sequences as trees of pages, by the same rules."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from perdure.errors import CorruptRecordError
from perdure.kernel._pure import durable
from perdure.kernel._pure._fields import is_identified
from perdure.kernel._pure.durable import Durable, _is_free
from perdure.kernel._pure.records import WHOLE

LEAF = 256
LEAF_RECORD = 0
_PEEKS = 64

_PLAIN = frozenset({int, str, float, type(None), bool, bytes})
_weak_type: type | None = None


def set_weak_type(kind: type | None) -> None:
    """Elements of type `kind` are read as their `target`."""
    global _weak_type
    _weak_type = kind


def _locked(obj: Durable) -> AbstractContextManager[Any]:
    """The lock of the object's owner; nothing for a new object without one."""
    owner = durable.owner_of(obj)
    return nullcontext() if owner is None else owner.lock


def _unwrap(value: Any) -> Any:
    return cast(Any, value).target if type(value) is _weak_type else durable.release(value)


def _is_plain(value: object) -> bool:
    return type(value) in _PLAIN or (isinstance(value, Durable) and is_identified(value))


def convert_all(values: Iterable[Any], convert: Callable[[Any], Any]) -> list[Any]:
    """A list of `values`, each plain one as it is and every other one through `convert`."""
    return [value if _is_plain(value) else convert(value) for value in list(values)]


def read_items(items: Any, start: int, stop: int) -> Any:
    """A copy of a part of a leaf's items, weak ones as their targets, to be given out."""
    if type(items) is not list:
        return items[start:stop]
    return [_unwrap(value) for value in items[start:stop]]


def find_equal(items: list[Any], value: object, equal: Callable[[Any, Any], bool]) -> int:
    """The first place in `items` of what equals `value`, or -1; `equal(item, value)` judges all but plain pairs."""
    simple = type(value) in _PLAIN
    for index, raw in enumerate(items):
        item = cast(Any, raw)._perdure_aim_() if type(raw) is _weak_type else raw
        if simple and type(item) in _PLAIN:
            if item is value or item == value:
                return index
        elif equal(item, value):
            return index
    return -1


class Node(Durable):
    """A leaf or branch of the tree."""

    __slots__ = ("_perdure_ends_", "_perdure_items_", "_perdure_peeks_")

    _perdure_items_: Any
    _perdure_ends_: list[int] | None
    _perdure_peeks_: int

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = Durable.__new__(cls)
        self._perdure_blank_()
        return self

    @classmethod
    def _perdure_bare_(cls) -> Any:
        return Node.__new__(cls)

    def _perdure_blank_(self) -> None:
        self._perdure_items_ = None
        self._perdure_ends_ = None
        self._perdure_peeks_ = 0

    def _perdure_set_(self, items: Any, ends: list[int] | None) -> None:
        self._perdure_items_ = items
        self._perdure_ends_ = ends


def _child_of(branch: Node, index: int) -> tuple[Node, int]:
    """The child of a branch below which the element at `index` is, and the element's place there."""
    ends = branch._perdure_ends_ or []
    place = bisect_right(ends, index, 0, len(ends) - 1)
    return branch._perdure_items_[place], index - (ends[place - 1] if place else 0)


class HotSequence(Node):
    """The root of a sequence, with the reading that its subclasses share."""

    __slots__ = ("_perdure_changing_", "_perdure_length_", "_perdure_tail_", "_perdure_version_")

    _perdure_length_: int
    _perdure_version_: int
    _perdure_tail_: Node | None
    _perdure_changing_: bool

    def _perdure_blank_(self) -> None:
        super()._perdure_blank_()
        self._perdure_length_ = 0
        self._perdure_version_ = 0
        self._perdure_tail_ = None
        self._perdure_changing_ = False

    def _perdure_set_(self, items: Any, ends: list[int] | None) -> None:
        self._perdure_length_ = ends[-1] if ends else 0
        self._perdure_items_ = items
        self._perdure_ends_ = ends
        self._perdure_tail_ = None
        self._perdure_version_ += 1

    def _perdure_find_(self, index: int) -> tuple[Node, int]:
        with _locked(self):
            durable.load(self)
            if index >= len(self):
                raise IndexError(f"{type(self).__name__} index out of range")
            node: Node = self
            while node._perdure_ends_ is not None:
                node, index = _child_of(node, index)
                durable.load(node)
            if index >= len(node._perdure_items_):
                raise CorruptRecordError(
                    f"damaged page #{durable.oid_of(node)}: it has fewer elements than its list counts"
                )
            return node, index

    def _perdure_part_(self, start: int, stop: int, raw: bool) -> Any:
        with _locked(self):
            node, offset = self._perdure_find_(start)
            items = node._perdure_items_
            stop = min(len(items), offset + stop - start)
            return items[offset:stop] if raw else read_items(items, offset, stop)

    def __len__(self) -> int:
        with _locked(self):
            durable.load(self)
            return self._perdure_length_ if self._perdure_ends_ is not None else len(self._perdure_items_)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._perdure_slice_(index)
        if not hasattr(index, "__index__"):
            raise TypeError(f"{type(self).__name__} indices must be integers or slices, not {type(index).__name__}")
        place = operator.index(index)
        length = len(self)
        if place < 0:
            place += length
        if not 0 <= place < length:
            raise IndexError(f"{type(self).__name__} index out of range")
        with _locked(self):
            value = self._peek(place)
            if value is not WHOLE:
                return _unwrap(value)
            node, place = self._perdure_find_(place)
            return _unwrap(node._perdure_items_[place])

    def _peek(self, index: int) -> object:
        """The element at `index` by itself, if its page is not loaded and was hardly used; else `WHOLE`."""
        node: Node = self
        while durable.state_of(node) > durable.GHOST and node._perdure_ends_ is not None:
            node, index = _child_of(node, index)
        owner = durable.owner_of(node)
        if durable.state_of(node) != durable.GHOST or owner is None or node._perdure_peeks_ >= _PEEKS:
            return WHOLE
        node._perdure_peeks_ += 1
        return owner.peek(node, index + 1, LEAF_RECORD)

    def __iter__(self) -> Iterator[Any]:
        durable.load(self)
        return SequenceIterator(self)

    def _perdure_forget_(self) -> None:
        self._perdure_items_ = None
        self._perdure_ends_ = None
        self._perdure_tail_ = None
        self._perdure_version_ += 1


class HotList(HotSequence):
    """A sequence with writing."""

    __slots__ = ()

    def append(self, value: Any) -> None:
        """Add an element at the end."""
        if not _is_plain(value):
            value = self._perdure_convert_("", value)
        if durable.owner_of(self) is None and _is_free(self) and self._perdure_ends_ is None:
            self._perdure_items_.append(value)
        else:
            self._perdure_append_(value)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._perdure_assign_(index, value)

    def __delitem__(self, index: Any) -> None:
        self._perdure_delete_(index)


class SequenceIterator:
    """Steps through a sequence by index, as a list's iterator does: it sees what is appended meanwhile."""

    def __init__(self, sequence: HotSequence) -> None:
        self._sequence: HotSequence | None = sequence
        self._index = 0

    def __iter__(self) -> SequenceIterator:
        return self

    def __next__(self) -> Any:
        if self._sequence is None:
            raise StopIteration
        if self._index >= len(self._sequence):
            self._sequence = None
            raise StopIteration
        try:
            value = self._sequence[self._index]
        except IndexError:  # another thread removed it
            self._sequence = None
            raise StopIteration from None
        self._index += 1
        return value

    def __length_hint__(self) -> int:
        return 0 if self._sequence is None else max(0, len(self._sequence) - self._index)

"""What durable lists and tuples share: storing, slices, searching, comparing, printing."""

from __future__ import annotations

from collections.abc import Iterator
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

from perdure.collections.comparing import equal, first_difference
from perdure.collections.pages import loosen, read, restore_node, root_values, walk
from perdure.collections.placing import describe_lost
from perdure.kernel import sequence

if TYPE_CHECKING:
    from perdure.session import Connection

__all__ = ["SequenceMethods"]


class SequenceMethods(sequence.HotSequence):
    """Reading of a sequence; its elements are in memory or in pages. See `perdure.kernel.sequence`."""

    __slots__ = ()

    _perdure_plain_: type
    """The type of Python that this one stands for."""

    def _perdure_begin_(self, items: Any) -> None:
        self._perdure_set_(items, None)

    # -- storing -----------------------------------------------------------------------------------------------

    def _perdure_loosen_(self) -> tuple[object, ...]:
        return loosen(self)

    def _perdure_store_(self) -> list[object]:
        return root_values(self)

    def _perdure_restore_(self, values: list[object]) -> None:
        restore_node(self, values)

    @staticmethod
    def _perdure_dropped_(connection: Connection, oid: int) -> None:
        """Nothing: pages and elements are released with the records that refer to them."""

    # -- reading -----------------------------------------------------------------------------------------------

    def _perdure_read_(self, start: int, stop: int) -> Any:
        """A plain list (or bytearray) of the elements between two valid positions."""
        return read(self, start, stop)

    def _perdure_slice_(self, wanted: slice) -> Any:
        start, stop, step = wanted.indices(len(self))
        if step == 1:
            return self._perdure_read_(start, max(start, stop))
        places = range(start, stop, step)
        if not places:
            return self._perdure_read_(0, 0)
        low, high = min(places[0], places[-1]), max(places[0], places[-1])
        if abs(step) > sequence.LEAF:
            return [self[place] for place in places]
        return self._perdure_read_(low, high + 1)[:: abs(step)][:: 1 if step > 0 else -1]

    def _perdure_search_(self, value: object, start: int, stop: int) -> int:
        for part in walk(self, start, stop, raw=True):  # objects are compared by identity, and not given out
            place = sequence.find_equal(part, value, equal)
            if place >= 0:
                return start + place
            start += len(part)
        return -1

    def __contains__(self, value: object) -> bool:
        return self._perdure_search_(value, 0, len(self)) >= 0

    def __reversed__(self) -> Iterator[Any]:
        return self._perdure_backwards_(len(self))

    def _perdure_backwards_(self, place: int) -> Iterator[Any]:
        while place > 0:
            place -= 1
            if place < len(self):
                yield self[place]

    def index(self, value: object, start: int = 0, stop: int = 1 << 62, /) -> int:
        """The first place of an element equal to `value` between `start` and `stop`; ValueError when there is none."""
        start, stop, _ = slice(start, stop).indices(len(self))
        place = self._perdure_search_(value, start, stop)
        if place < 0:
            raise ValueError(f"{value!r} is not in {type(self).__name__.lower()}")
        return place

    def count(self, value: object, /) -> int:
        """How many elements equal `value`."""
        found, place = 0, -1
        length = len(self)
        while (place := self._perdure_search_(value, place + 1, length)) >= 0:
            found += 1
        return found

    # -- comparing ---------------------------------------------------------------------------------------------

    def _perdure_alike_(self, other: object) -> bool:
        return isinstance(other, (type(self), self._perdure_plain_))

    def __eq__(self, other: object) -> bool:
        if not self._perdure_alike_(other):
            return NotImplemented
        if self is other:
            return True
        return len(self) == len(other) and first_difference(self, other) is None  # type: ignore[arg-type]

    def __lt__(self, other: Any) -> bool:
        if not self._perdure_alike_(other):
            return NotImplemented
        pair = first_difference(self, other)
        return len(self) < len(other) if pair is None else bool(pair[0] < pair[1])

    def __le__(self, other: Any) -> bool:
        if not self._perdure_alike_(other):
            return NotImplemented
        pair = first_difference(self, other)
        return len(self) <= len(other) if pair is None else bool(pair[0] <= pair[1])

    def __gt__(self, other: Any) -> bool:
        if not self._perdure_alike_(other):
            return NotImplemented
        pair = first_difference(self, other)
        return len(self) > len(other) if pair is None else bool(pair[0] > pair[1])

    def __ge__(self, other: Any) -> bool:
        if not self._perdure_alike_(other):
            return NotImplemented
        pair = first_difference(self, other)
        return len(self) >= len(other) if pair is None else bool(pair[0] >= pair[1])

    __hash__ = None  # type: ignore[assignment]

    # -- all of it -----------------------------------------------------------------------------------------------

    @recursive_repr("[...]")
    def __repr__(self) -> str:
        return describe_lost(self) or repr(self._perdure_plain_(self))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"cannot pickle or copy deeply a durable {type(self).__name__}; read its elements instead")

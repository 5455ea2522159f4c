"""The durable list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableSequence
from itertools import islice
from operator import index as as_index
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, overload

from perdure.collections.comparing import guard, register_content
from perdure.collections.convert import Converting, convert, register_conversion
from perdure.collections.pages import open_node, read, splice
from perdure.collections.parameters import T
from perdure.collections.placing import check_place
from perdure.collections.sequences import SequenceMethods
from perdure.kernel import durable, sequence
from perdure.session import Weak, register_builtin

__all__ = ["List"]

_CHUNK = 16 * sequence.LEAF


@register_content
@register_builtin(1)
class List(SequenceMethods, sequence.HotList, Generic[T]):
    """A list that lives in a database, of any size: it has every method of Python's list.

    Slices of it are plain lists. Python containers put into it become durable ones.

    >>> numbers = List([3, 1])
    >>> numbers.append(2); numbers.sort(); numbers
    [1, 2, 3]
    """

    __slots__ = ()
    _perdure_plain_ = list

    def __init__(self, iterable: Iterable[T] | None = None, /) -> None:
        check_place()
        values: Iterable[Any] = () if iterable is None else iterable
        self._perdure_begin_(sequence.convert_all(values, Converting().convert))

    def _perdure_convert_(self, name: str, value: object) -> object:
        return convert(value)

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[T]: ...
        def __reversed__(self) -> Iterator[T]: ...
        def append(self, value: T, /) -> None:
            """See `sequence.HotList.append`."""

        @overload
        def __getitem__(self, index: SupportsIndex) -> T: ...
        @overload
        def __getitem__(self, index: slice) -> list[T]: ...
        def __getitem__(self, index: Any) -> Any: ...
        @overload
        def __setitem__(self, index: SupportsIndex, value: T) -> None: ...
        @overload
        def __setitem__(self, index: slice, value: Iterable[T]) -> None: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    # -- changing ----------------------------------------------------------------------------------------------

    def _perdure_append_(self, value: object) -> None:
        with guard(self):
            items = open_node(self)
            if self._perdure_ends_ is None:
                items.append(value)
                return
            self._perdure_tail_ = None
            tail, _ = self._perdure_find_(len(self) - 1)
            if len(open_node(tail)) < sequence.LEAF:
                tail._perdure_items_.append(value)
                self._perdure_length_ += 1
            else:
                splice(self, len(self), len(self), [value])
                tail, _ = self._perdure_find_(len(self) - 1)
                open_node(tail)
            self._perdure_tail_ = tail

    def _perdure_place_(self, index: Any, what: str) -> int:
        place = as_index(index)
        length = len(self)
        if place < 0:
            place += length
        if not 0 <= place < length:
            raise IndexError(f"List {what}index out of range")
        return place

    def _perdure_assign_(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._perdure_assign_slice_(index, list(value))
            return
        value = convert(value)
        with guard(self):
            durable.load(self)
            node, offset = self._perdure_find_(self._perdure_place_(index, "assignment "))
            open_node(node)[offset] = value

    def _perdure_assign_slice_(self, wanted: slice, values: list[Any]) -> None:
        values = sequence.convert_all(values, Converting().convert)
        with guard(self):
            open_node(self)
            start, stop, step = wanted.indices(len(self))
            if step == 1:
                splice(self, start, max(start, stop), values)
                return
            places = range(start, stop, step)
            if len(places) != len(values):
                raise ValueError(
                    f"attempt to assign sequence of size {len(values)} to extended slice of size {len(places)}"
                )
            for place, value in zip(places, values, strict=True):
                node, offset = self._perdure_find_(place)
                open_node(node)[offset] = value

    def _perdure_delete_(self, index: Any) -> None:
        with guard(self):
            open_node(self)
            if not isinstance(index, slice):
                place = self._perdure_place_(index, "assignment ")
                splice(self, place, place + 1, [])
                return
            start, stop, step = index.indices(len(self))
            if step == 1:
                splice(self, start, max(start, stop), [])
                return
            for place in sorted(range(start, stop, step), reverse=True):
                splice(self, place, place + 1, [])

    def insert(self, index: SupportsIndex, value: T, /) -> None:
        """Put `value` before the element at `index`."""
        stored = convert(value)
        with guard(self):
            open_node(self)
            length = len(self)
            place = as_index(index)
            place = max(0, place + length) if place < 0 else min(place, length)
            splice(self, place, place, [stored])

    def extend(self, iterable: Iterable[T], /) -> None:
        """Add all elements of an iterable at the end."""
        if isinstance(iterable, (list, tuple, SequenceMethods)):
            self._perdure_extend_(list(iterable))
            return
        source = iter(iterable)
        while chunk := list(islice(source, _CHUNK)):
            self._perdure_extend_(chunk)

    def _perdure_extend_(self, values: list[Any]) -> None:
        values = sequence.convert_all(values, Converting().convert)
        with guard(self):
            open_node(self)
            splice(self, len(self), len(self), values)

    def __iadd__(self, other: Iterable[T]) -> List[T]:  # type: ignore[misc]
        self.extend(other)
        return self

    def pop(self, index: SupportsIndex = -1, /) -> T:
        """Remove the element at `index` and give it."""
        with guard(self):
            open_node(self)
            length = len(self)
            if not length:
                raise IndexError("pop from empty List")
            place = self._perdure_place_(index, "pop ")
            value = self[place]
            if place < length - 1 or not self._perdure_drop_last_():
                splice(self, place, place + 1, [])
            return value

    def _perdure_drop_last_(self) -> bool:
        """Remove the last element if that leaves its page filled well enough."""
        if self._perdure_ends_ is None:
            return False
        self._perdure_tail_ = None
        tail, _ = self._perdure_find_(len(self) - 1)
        if len(open_node(tail)) <= sequence.LEAF // 2:
            return False
        tail._perdure_items_.pop()
        self._perdure_length_ -= 1
        self._perdure_tail_ = tail
        return True

    def remove(self, value: object, /) -> None:
        """Remove the first element equal to `value`; ValueError when there is none."""
        with guard(self):
            open_node(self)
            place = self._perdure_search_(value, 0, len(self))
            if place < 0:
                raise ValueError("List.remove(x): x not in List")
            splice(self, place, place + 1, [])

    def clear(self) -> None:
        """Remove all elements."""
        with guard(self):
            open_node(self)
            splice(self, 0, len(self), [])

    def _perdure_rewrite_(self, change: Callable[[list[Any]], None]) -> None:
        with guard(self):
            open_node(self)
            raw = read(self, 0, len(self), raw=True)
            change(raw)
            splice(self, 0, len(self), raw)

    def reverse(self) -> None:
        """Turn the order around."""
        self._perdure_rewrite_(list.reverse)

    def sort(self, *, key: Callable[[T], Any] | None = None, reverse: bool = False) -> None:
        """Order the elements, as `list.sort` does."""

        def change(items: list[Any]) -> None:
            if durable.is_sifting() or any(type(item) is Weak for item in items):
                items.sort(key=lambda item: _read(item, key), reverse=reverse)
            else:
                items.sort(key=key, reverse=reverse)

        self._perdure_rewrite_(change)

    # -- new ones ----------------------------------------------------------------------------------------------

    def copy(self) -> List[T]:
        """A new durable list of the same elements."""
        return List(self)

    __copy__ = copy

    def __add__(self, other: Any) -> List[T]:
        if not self._perdure_alike_(other):
            return NotImplemented
        return List([*self, *other])

    def __radd__(self, other: Any) -> List[T]:
        if not self._perdure_alike_(other):
            return NotImplemented
        return List([*other, *self])

    def __mul__(self, times: Any) -> List[T]:
        if not hasattr(times, "__index__"):
            return NotImplemented
        return List(list(self) * as_index(times))

    __rmul__ = __mul__

    def __imul__(self, times: Any) -> List[T]:
        if not hasattr(times, "__index__"):
            return NotImplemented
        number = as_index(times)
        if number <= 0:
            self.clear()
        elif number > 1:
            self._perdure_extend_(list(self) * (number - 1))
        return self


def _read(item: Any, key: Callable[[Any], Any] | None) -> Any:
    value = item.target if type(item) is Weak else durable.release(item)
    return value if key is None else key(value)


def _convert_list(value: list[Any], converting: Converting) -> List:
    result = List()
    converting.note(value, result)
    result._perdure_begin_(sequence.convert_all(value, converting.convert))
    return result


register_conversion(list, _convert_list)
sequence.set_weak_type(Weak)
MutableSequence.register(List)

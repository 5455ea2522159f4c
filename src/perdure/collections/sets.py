"""The durable set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet
from collections.abc import Set as AbstractSet
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Generic

from perdure.collections.comparing import guard, register_content
from perdure.collections.convert import Converting, register_conversion
from perdure.collections.entries import ABSENT, KeyedMethods
from perdure.collections.keying import hot_key
from perdure.collections.parameters import T
from perdure.collections.placing import check_place, describe_lost
from perdure.kernel import durable, mapping
from perdure.session import register_builtin

__all__ = ["Set"]


@register_content
@register_builtin(5)
class Set(KeyedMethods, mapping.HotSet, Generic[T]):
    """A set that lives in a database, of any size: it has every method of Python's set.

    Durable objects are elements by identity. What an operation makes is a new durable set, and a plain one when
    the left operand is plain.

    >>> Set("ab") | {"c"} == {"a", "b", "c"}
    True
    """

    __slots__ = ()
    _perdure_ordered_ = False

    def __init__(self, iterable: Iterable[T] | None = (), /) -> None:
        check_place()
        self._perdure_begin_()
        for element in () if iterable is None else iterable:
            self.add(element)

    if TYPE_CHECKING:

        def add(self, element: T, /) -> None:
            """See `mapping.HotSet.add`."""

    def __iter__(self) -> Iterator[T]:
        whole = self._perdure_whole_()
        if whole is not None and not self._perdure_special_:
            return iter(whole)
        return (element for element, _ in self._perdure_pairs_())

    # -- changing ------------------------------------------------------------------------------------------

    def _perdure_put_(self, key: object, value: object) -> None:
        if not self._perdure_has_(key):
            super()._perdure_put_(key, value)

    def discard(self, element: Any, /) -> None:
        """Remove an element if it is there."""
        self._perdure_take_(hot_key(_as_element(element)))

    def remove(self, element: Any, /) -> None:
        """Remove an element; KeyError when it is not there."""
        if self._perdure_take_(hot_key(_as_element(element))) is ABSENT:
            raise KeyError(element)

    def _perdure_has_(self, key: object) -> bool:
        return super()._perdure_has_(_as_element(key))

    def pop(self) -> T:
        """Remove some element and give it; KeyError when there is none."""
        with guard(self):
            durable.mark_dirty(self)
            element: T
            for element, _ in self._perdure_backwards_():
                self._perdure_take_(hot_key(element))
                return element
        raise KeyError("pop from an empty set")

    def update(self, *iterables: Iterable[T]) -> None:
        """Add the elements of all iterables."""
        for iterable in iterables:
            for element in list(iterable) if iterable is self else iterable:
                self.add(element)

    def intersection_update(self, *iterables: Iterable[Any]) -> None:
        """Keep only the elements that are in all iterables."""
        others = [_hot_keys(iterable) for iterable in iterables]
        for hot in [one for one in map(hot_key, self) if not all(one in other for other in others)]:
            self._perdure_take_(hot)

    def difference_update(self, *iterables: Iterable[Any]) -> None:
        """Remove the elements of all iterables."""
        for iterable in iterables:
            for element in list(iterable) if iterable is self else iterable:
                self.discard(element)

    def symmetric_difference_update(self, iterable: Iterable[Any], /) -> None:
        """Keep the elements that are in one of both, not in both."""
        for hot, element in {hot_key(element): element for element in iterable}.items():
            if self._perdure_take_(hot) is ABSENT:
                self.add(element)

    # -- new ones ------------------------------------------------------------------------------------------

    def copy(self) -> Set[T]:
        """A new durable set of the same elements."""
        return Set(self)

    __copy__ = copy

    def union(self, *iterables: Iterable[T]) -> Set[T]:
        """A new set of the elements of all."""
        result = self.copy()
        result.update(*iterables)
        return result

    def intersection(self, *iterables: Iterable[Any]) -> Set[T]:
        """A new set of the elements that are in all."""
        others = [_hot_keys(iterable) for iterable in iterables]
        return Set(one for one in self if all(hot_key(one) in other for other in others))

    def difference(self, *iterables: Iterable[Any]) -> Set[T]:
        """A new set of the elements that are in none of the others."""
        others = [_hot_keys(iterable) for iterable in iterables]
        return Set(one for one in self if not any(hot_key(one) in other for other in others))

    def symmetric_difference(self, iterable: Iterable[T], /) -> Set[T]:
        """A new set of the elements that are in one of both, not in both."""
        result = self.copy()
        result.symmetric_difference_update(iterable)
        return result

    def __or__(self, other: Any) -> Set[T]:
        return self.union(other) if isinstance(other, AbstractSet) else NotImplemented

    def __and__(self, other: Any) -> Set[T]:
        return self.intersection(other) if isinstance(other, AbstractSet) else NotImplemented

    def __sub__(self, other: Any) -> Set[T]:
        return self.difference(other) if isinstance(other, AbstractSet) else NotImplemented

    def __xor__(self, other: Any) -> Set[T]:
        return self.symmetric_difference(other) if isinstance(other, AbstractSet) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return _like(other, Set(other).union(self)) if isinstance(other, AbstractSet) else NotImplemented

    def __rand__(self, other: Any) -> Any:
        return _like(other, Set(other).intersection(self)) if isinstance(other, AbstractSet) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return _like(other, Set(other).difference(self)) if isinstance(other, AbstractSet) else NotImplemented

    def __rxor__(self, other: Any) -> Any:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return _like(other, Set(other).symmetric_difference(self))

    def __ior__(self, other: Any) -> Set[T]:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        self.update(other)
        return self

    def __iand__(self, other: Any) -> Set[T]:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        self.intersection_update(other)
        return self

    def __isub__(self, other: Any) -> Set[T]:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        self.difference_update(other)
        return self

    def __ixor__(self, other: Any) -> Set[T]:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        self.symmetric_difference_update(other)
        return self

    # -- comparing -----------------------------------------------------------------------------------------

    def isdisjoint(self, iterable: Iterable[Any], /) -> bool:
        """Whether both have no element in common."""
        return not any(element in self for element in iterable)

    def issubset(self, iterable: Iterable[Any], /) -> bool:
        """Whether all elements are in the other."""
        other = _hot_keys(iterable)
        return len(self) <= len(other) and all(hot_key(element) in other for element in self)

    def issuperset(self, iterable: Iterable[Any], /) -> bool:
        """Whether all of the other's elements are in this one."""
        return all(element in self for element in iterable)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return len(self) == len(other) and self.issuperset(other)

    def __le__(self, other: Any) -> bool:
        return self.issubset(other) if isinstance(other, AbstractSet) else NotImplemented

    def __lt__(self, other: Any) -> bool:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return len(self) < len(other) and self.issubset(other)

    def __ge__(self, other: Any) -> bool:
        return self.issuperset(other) if isinstance(other, AbstractSet) else NotImplemented

    def __gt__(self, other: Any) -> bool:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return len(self) > len(other) and self.issuperset(other)

    __hash__ = None  # type: ignore[assignment]

    @recursive_repr("{...}")
    def __repr__(self) -> str:
        return describe_lost(self) or ("{" + ", ".join(map(repr, self)) + "}" if len(self) else "set()")


def _as_element(element: object) -> object:
    """What to look for: a plain set stands for the frozenset equal to it, as in Python."""
    return frozenset(element) if isinstance(element, (set, Set)) else element


def _hot_keys(iterable: Iterable[Any]) -> AbstractSet[object]:
    return set(map(hot_key, iterable))


def _like(plain: Any, result: Set) -> Any:
    if isinstance(plain, frozenset):
        return frozenset(result)
    return set(result) if isinstance(plain, AbstractSet) else result


def _convert_set(value: set[Any], converting: Converting) -> Set:
    return Set(converting.convert(element) for element in value)


register_conversion(set, _convert_set)
MutableSet.register(Set)

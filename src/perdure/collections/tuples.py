"""The durable tuple."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import index as as_index
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, overload

from perdure.collections.comparing import register_content
from perdure.collections.convert import Converting
from perdure.collections.parameters import T
from perdure.collections.placing import check_place, describe_lost
from perdure.collections.sequences import SequenceMethods
from perdure.kernel import sequence
from perdure.session import register_builtin

__all__ = ["Tuple"]


@register_content
@register_builtin(3)
class Tuple(SequenceMethods, Generic[T]):
    """A tuple that lives in a database, of any size: it has every method of Python's tuple.

    Slices of it are plain tuples.

    >>> Tuple([1, 2]) == (1, 2), Tuple("ab") + ("c",)
    (True, ('a', 'b', 'c'))
    """

    __slots__ = ()
    _perdure_plain_ = tuple

    def __init__(self, iterable: Iterable[T] = (), /) -> None:
        check_place()
        self._perdure_begin_(sequence.convert_all(iterable, Converting().convert))

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[T]: ...
        def __reversed__(self) -> Iterator[T]: ...
        @overload
        def __getitem__(self, index: SupportsIndex) -> T: ...
        @overload
        def __getitem__(self, index: slice) -> tuple[T, ...]: ...
        def __getitem__(self, index: Any) -> Any: ...

    def _perdure_slice_(self, wanted: slice) -> tuple[Any, ...]:
        return tuple(super()._perdure_slice_(wanted))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __add__(self, other: Any) -> Tuple[T]:
        if not self._perdure_alike_(other):
            return NotImplemented
        return Tuple([*self, *other])

    def __radd__(self, other: Any) -> Tuple[T]:
        if not self._perdure_alike_(other):
            return NotImplemented
        return Tuple([*other, *self])

    def __mul__(self, times: Any) -> Tuple[T]:
        if not hasattr(times, "__index__"):
            return NotImplemented
        return Tuple(list(self) * as_index(times))

    __rmul__ = __mul__

    def __copy__(self) -> Tuple[T]:
        return self

    @recursive_repr("(...)")
    def __repr__(self) -> str:
        return describe_lost(self) or repr(tuple(self))


Sequence.register(Tuple)

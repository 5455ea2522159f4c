"""The durable tuple."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index as as_index
from reprlib import recursive_repr
from typing import Any

from perdure.collections.comparing import register_content
from perdure.collections.convert import Converting
from perdure.collections.placing import check_place, describe_lost
from perdure.collections.sequences import SequenceMethods
from perdure.kernel import sequence
from perdure.session import register_builtin

__all__ = ["Tuple"]


@register_content
@register_builtin(3)
class Tuple(SequenceMethods):
    """A tuple that lives in a database, of any size: it has every method of Python's tuple.

    Slices of it are plain tuples.

    >>> Tuple([1, 2]) == (1, 2), Tuple("ab") + ("c",)
    (True, ('a', 'b', 'c'))
    """

    __slots__ = ()
    _perdure_plain_ = tuple

    def __init__(self, iterable: Iterable[Any] = (), /) -> None:
        check_place()
        self._perdure_begin_(sequence.convert_all(iterable, Converting().convert))

    def _perdure_slice_(self, wanted: slice) -> tuple[Any, ...]:
        return tuple(super()._perdure_slice_(wanted))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __add__(self, other: Any) -> Tuple:
        if not self._perdure_alike_(other):
            return NotImplemented
        return Tuple([*self, *other])

    def __radd__(self, other: Any) -> Tuple:
        if not self._perdure_alike_(other):
            return NotImplemented
        return Tuple([*other, *self])

    def __mul__(self, times: Any) -> Tuple:
        if not hasattr(times, "__index__"):
            return NotImplemented
        return Tuple(list(self) * as_index(times))

    __rmul__ = __mul__

    def __copy__(self) -> Tuple:
        return self

    @recursive_repr("(...)")
    def __repr__(self) -> str:
        return describe_lost(self) or repr(tuple(self))


Sequence.register(Tuple)

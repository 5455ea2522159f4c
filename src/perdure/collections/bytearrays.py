"""The durable bytearray."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableSequence
from operator import index as as_index
from typing import Any

from perdure.collections.comparing import guard, register_content
from perdure.collections.convert import Converting, register_conversion
from perdure.collections.pages import BYTES_LEAF, open_node, splice, walk
from perdure.collections.placing import check_place, describe_lost
from perdure.collections.sequences import SequenceMethods
from perdure.session import register_builtin

__all__ = ["ByteArray"]


def _argument(value: Any) -> Any:
    return bytes(value) if isinstance(value, ByteArray) else value


def _arguments(value: Any) -> Any:
    """The same, also for those in a tuple (`startswith`) or another iterable (`join`)."""
    if isinstance(value, (ByteArray, str, int, bytes, bytearray, type(None))) or not isinstance(value, Iterable):
        return _argument(value)
    return tuple(map(_argument, value))


def _as_bytes(value: Any) -> bytearray:
    """The bytes to put in: of a bytes-like object or an iterable of ints."""
    if isinstance(value, (int, str)):
        raise TypeError(f"can assign only bytes, buffers, or iterables of ints, not {type(value).__name__}")
    return bytearray(_argument(value))


def _result(value: Any) -> Any:
    if type(value) is bytearray:
        return ByteArray(value)
    if type(value) in (list, tuple):
        return type(value)(map(_result, value))
    return value


def _reader(name: str) -> Callable[..., Any]:
    """A method of bytearray that leaves it as it is; bytearrays that it gives become durable ones."""
    method = getattr(bytearray, name)

    def read(self: ByteArray, *args: Any, **named: Any) -> Any:
        return _result(method(self._perdure_bytes_(), *map(_arguments, args), **named))

    read.__name__, read.__doc__ = name, method.__doc__
    return read


@register_content
@register_builtin(6)
class ByteArray(SequenceMethods):
    """A bytearray that lives in a database, of any size: it has every method of Python's bytearray.

    Slices of it are plain bytearrays; other methods that give bytes give a new durable one. Methods that change or
    read a part touch only the pages of that part; those that search or transform read all of it.

    >>> data = ByteArray(b"abc")
    >>> data[1] = 120; data.append(33); data
    bytearray(b'axc!')
    """

    __slots__ = ()
    _perdure_plain_ = bytearray

    def __init__(self, source: Any = b"", /, encoding: str | None = None, errors: str | None = None) -> None:
        check_place()
        if encoding is not None or errors is not None:
            items = bytearray(source, encoding or "utf-8", errors or "strict")
        else:
            items = source._perdure_bytes_() if isinstance(source, ByteArray) else bytearray(source)
        self._perdure_begin_(items)

    def _perdure_bytes_(self) -> bytearray:
        return self._perdure_read_(0, len(self))

    def _perdure_read_(self, start: int, stop: int) -> bytearray:
        return bytearray().join(walk(self, start, stop))

    def __bytes__(self) -> bytes:
        return bytes(self._perdure_bytes_())

    def __iter__(self) -> Iterator[int]:
        place = 0
        while place < len(self):
            for part in walk(self, place, place + BYTES_LEAF):
                yield from part
                place += len(part)
                break

    # -- changing ------------------------------------------------------------------------------------------

    def _perdure_place_(self, index: Any) -> int:
        place = as_index(index)
        length = len(self)
        if place < 0:
            place += length
        if not 0 <= place < length:
            raise IndexError("ByteArray index out of range")
        return place

    def _perdure_splice_(self, start: int, stop: int, new: bytearray) -> None:
        with guard(self):
            splice(self, start, stop, new)

    def __setitem__(self, index: Any, value: Any) -> None:
        with guard(self):
            open_node(self)
            if isinstance(index, slice):
                self._perdure_assign_slice_(index, _as_bytes(value))
                return
            (byte,) = bytearray((value,))
            node, offset = self._perdure_find_(self._perdure_place_(index))
            open_node(node)[offset] = byte

    def _perdure_assign_slice_(self, wanted: slice, new: bytearray) -> None:
        start, stop, step = wanted.indices(len(self))
        if step == 1:
            splice(self, start, max(start, stop), new)
            return
        places = range(start, stop, step)
        if len(places) != len(new):
            raise ValueError(f"attempt to assign bytes of size {len(new)} to extended slice of size {len(places)}")
        for place, byte in zip(places, new, strict=True):
            node, offset = self._perdure_find_(place)
            open_node(node)[offset] = byte

    def __delitem__(self, index: Any) -> None:
        with guard(self):
            open_node(self)
            if not isinstance(index, slice):
                place = self._perdure_place_(index)
                splice(self, place, place + 1, bytearray())
                return
            start, stop, step = index.indices(len(self))
            if step == 1:
                splice(self, start, max(start, stop), bytearray())
                return
            for place in sorted(range(start, stop, step), reverse=True):
                splice(self, place, place + 1, bytearray())

    def append(self, byte: Any, /) -> None:
        """Add one byte at the end."""
        self._perdure_splice_(len(self), len(self), bytearray((byte,)))

    def extend(self, source: Iterable[Any], /) -> None:
        """Add bytes at the end."""
        if isinstance(source, str):
            raise TypeError("expected iterable of integers; got: 'str'")
        with guard(self):
            splice(self, len(self), len(self), _as_bytes(source))

    def __iadd__(self, other: Any) -> ByteArray:
        self.extend(bytes(memoryview(_argument(other))))
        return self

    def __imul__(self, times: Any) -> ByteArray:
        with guard(self):
            splice(self, 0, len(self), self._perdure_bytes_() * as_index(times))
        return self

    def insert(self, index: Any, byte: Any, /) -> None:
        """Put a byte before the one at `index`."""
        with guard(self):
            open_node(self)
            length = len(self)
            place = as_index(index)
            place = max(0, place + length) if place < 0 else min(place, length)
            splice(self, place, place, bytearray((byte,)))

    def pop(self, index: Any = -1, /) -> int:
        """Remove a byte and give it."""
        with guard(self):
            open_node(self)
            if not len(self):
                raise IndexError("pop from empty ByteArray")
            place = self._perdure_place_(index)
            byte = self[place]
            splice(self, place, place + 1, bytearray())
            return int(byte)

    def remove(self, byte: Any, /) -> None:
        """Remove the first byte of this value; ValueError when there is none."""
        with guard(self):
            open_node(self)
            place = self.find(bytes((as_index(byte),)))
            if place < 0:
                raise ValueError("value not found in ByteArray")
            splice(self, place, place + 1, bytearray())

    def clear(self) -> None:
        """Remove all bytes."""
        self._perdure_splice_(0, len(self), bytearray())

    def reverse(self) -> None:
        """Turn the order around."""
        with guard(self):
            splice(self, 0, len(self), self._perdure_bytes_()[::-1])

    # -- reading all of it -----------------------------------------------------------------------------------

    def __contains__(self, value: object) -> bool:
        return _argument(value) in self._perdure_bytes_()

    find = _reader("find")
    rfind = _reader("rfind")
    index = _reader("index")
    rindex = _reader("rindex")
    count = _reader("count")
    startswith = _reader("startswith")
    endswith = _reader("endswith")
    decode = _reader("decode")
    hex = _reader("hex")
    isalnum = _reader("isalnum")
    isalpha = _reader("isalpha")
    isascii = _reader("isascii")
    isdigit = _reader("isdigit")
    islower = _reader("islower")
    isspace = _reader("isspace")
    istitle = _reader("istitle")
    isupper = _reader("isupper")
    capitalize = _reader("capitalize")
    center = _reader("center")
    expandtabs = _reader("expandtabs")
    join = _reader("join")
    ljust = _reader("ljust")
    lower = _reader("lower")
    lstrip = _reader("lstrip")
    partition = _reader("partition")
    removeprefix = _reader("removeprefix")
    removesuffix = _reader("removesuffix")
    replace = _reader("replace")
    rjust = _reader("rjust")
    rpartition = _reader("rpartition")
    rsplit = _reader("rsplit")
    rstrip = _reader("rstrip")
    split = _reader("split")
    splitlines = _reader("splitlines")
    strip = _reader("strip")
    swapcase = _reader("swapcase")
    title = _reader("title")
    translate = _reader("translate")
    upper = _reader("upper")
    zfill = _reader("zfill")
    maketrans = staticmethod(bytearray.maketrans)

    @classmethod
    def fromhex(cls, text: str, /) -> ByteArray:
        """A new one of the bytes that `text` spells in hexadecimal."""
        return cls(bytearray.fromhex(text))

    def copy(self) -> ByteArray:
        """A new durable bytearray of the same bytes."""
        return ByteArray(self)

    __copy__ = copy

    def __add__(self, other: Any) -> ByteArray:
        return ByteArray(self._perdure_bytes_() + _argument(other))

    def __radd__(self, other: Any) -> Any:
        return other + self._perdure_bytes_()

    def __mul__(self, times: Any) -> ByteArray:
        if not hasattr(times, "__index__"):
            return NotImplemented
        return ByteArray(self._perdure_bytes_() * as_index(times))

    __rmul__ = __mul__

    def __mod__(self, values: Any) -> ByteArray:
        return ByteArray(self._perdure_bytes_() % values)

    # -- comparing -------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (bytes, bytearray, memoryview, ByteArray)):
            return NotImplemented
        return self is other or (len(self) == len(other) and self._perdure_bytes_() == _argument(other))

    def __lt__(self, other: Any) -> bool:
        return bool(self._perdure_bytes_() < _argument(other))

    def __le__(self, other: Any) -> bool:
        return bool(self._perdure_bytes_() <= _argument(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self._perdure_bytes_() > _argument(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self._perdure_bytes_() >= _argument(other))

    __hash__ = None

    def __repr__(self) -> str:
        return describe_lost(self) or repr(self._perdure_bytes_())

    __str__ = __repr__


def _convert_bytearray(value: bytearray, converting: Converting) -> ByteArray:
    result = ByteArray(value)
    converting.note(value, result)
    return result


register_conversion(bytearray, _convert_bytearray)
MutableSequence.register(ByteArray)

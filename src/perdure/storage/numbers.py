"""Unsigned and signed integers of variable length, for values (keys use `keys.encode_uint`)."""

from __future__ import annotations

from perdure.errors import CorruptRecordError
from perdure.kernel import versions

__all__ = ["ByteReader", "put_bytes", "put_varint", "unzigzag", "zigzag"]


def zigzag(number: int) -> int:
    """A signed number as an unsigned one, small ones staying small."""
    return number << 1 if number >= 0 else ~number << 1 | 1


def unzigzag(number: int) -> int:
    """The inverse of `zigzag`."""
    return number >> 1 ^ -(number & 1)


def put_varint(out: bytearray, number: int) -> None:
    """Append `number` >= 0, seven bits a byte, low bits first."""
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def put_bytes(out: bytearray, data: bytes) -> None:
    """Append the length of `data` and `data`."""
    put_varint(out, len(data))
    out += data


class ByteReader:
    """Reads what the functions above wrote, checking every bound."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self._position = position

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self._position >= len(self._data)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self._position + size
        if end > len(self._data):
            raise CorruptRecordError("damaged database: a value is cut short")
        part = self._data[self._position : end]
        self._position = end
        return part

    def varint(self) -> int:
        """The next unsigned number."""
        number = shift = 0
        for position in range(self._position, len(self._data)):
            byte = self._data[position]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                self._position = position + 1
                return number
            shift += 7
        raise CorruptRecordError("damaged database: a number is cut short")

    def runs(self) -> list[tuple[int, int]]:
        """The next runs of object ids; see `versions.encode_runs`."""
        found, self._position = versions.decode_runs(self._data, self._position)
        return found

    def sized(self) -> bytes:
        """The next length and so many bytes."""
        return self.take(self.varint())

    def text(self) -> str:
        """The next length and so many bytes of UTF-8."""
        try:
            return self.sized().decode()
        except UnicodeDecodeError as error:
            raise CorruptRecordError("damaged database: a text is no UTF-8") from error

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._position)

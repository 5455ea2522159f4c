"""How the bytes of a record differ from its class's dictionary. Part of the pure twin of `kernel/embedding.pyx`."""

from __future__ import annotations

from perdure.errors import CorruptRecordError

_SHORTEST = 4
_SLOT_BITS = 12
_LONGEST_DICTIONARY = 1 << 15


def _slot_of(four: bytes) -> int:
    return (int.from_bytes(four, "little") * 2654435761 & 0xFFFFFFFF) >> (32 - _SLOT_BITS)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


class Alike:
    """A dictionary that bytes are compared with."""

    def __init__(self, dictionary: bytes) -> None:
        """Raises ValueError when the dictionary has more than 2**15 bytes."""
        if len(dictionary) > _LONGEST_DICTIONARY:
            raise ValueError(f"a dictionary of {len(dictionary)} bytes is too long")
        self.dictionary = dictionary
        last = range(len(dictionary) - _SHORTEST + 1)
        self._places = {_slot_of(dictionary[place : place + _SHORTEST]): place for place in last}

    def differences(self, body: bytes) -> bytes:
        """What `follow` makes `body` of, from the dictionary."""
        base, out = self.dictionary, bytearray()
        position = start = cursor = 0
        while position + _SHORTEST <= len(body):
            four = body[position : position + _SHORTEST]
            place = cursor + position - start
            if base[place : place + _SHORTEST] != four:
                place = self._places.get(_slot_of(four), -1)
                if place < 0 or base[place : place + _SHORTEST] != four:
                    position += 1
                    continue
            length = _SHORTEST
            while body[position + length : position + length + 1] == base[place + length : place + length + 1] != b"":
                length += 1
            shift = place - (cursor + position - start)
            out += _varint(position - start) + body[start:position] + _varint(length)
            out += _varint(shift * 2 if shift >= 0 else -shift * 2 - 1)
            position += length
            start, cursor = position, place + length
        return bytes(out + _varint(len(body) - start) + body[start:] if start < len(body) else out)


def follow(dictionary: bytes, differences: bytes, size: int) -> bytes:
    """The `size` bytes that `Alike.differences` was given. Raises CorruptRecordError when there are not as many."""
    out = bytearray()
    position = cursor = 0
    while len(out) < size:
        count, position = _read_varint(differences, position)
        if count > size - len(out) or count > len(differences) - position:
            raise CorruptRecordError("damaged record: its packed values are cut short")
        out += differences[position : position + count]
        position += count
        if len(out) == size:
            break
        cursor += count
        count, position = _read_varint(differences, position)
        shift, position = _read_varint(differences, position)
        cursor += shift >> 1 ^ -(shift & 1)
        if not 0 <= cursor <= len(dictionary) or not 0 < count <= min(size - len(out), len(dictionary) - cursor):
            raise CorruptRecordError("damaged record: its packed values come from beyond their dictionary")
        out += dictionary[cursor : cursor + count]
        cursor += count
    if position != len(differences):
        raise CorruptRecordError("damaged record: bytes are left over after its packed values")
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 63:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise CorruptRecordError("damaged record: its packed values are cut short or have a number too long")

"""The runs of object ids in the entries of the log. Part of the pure twin of `kernel/versions.pyx`."""

from __future__ import annotations

from perdure.errors import CorruptRecordError
from perdure.kernel._keyparts import Taker
from perdure.kernel._pure.codec_write import varint

_ID_END = 1 << 64


def encode_runs(keys: list[bytes]) -> bytes:
    """The runs of the object ids that the sorted `keys` start with: how many, then for each run the gap before it and
    its length, all variable-length numbers."""
    try:
        numbers = sorted({Taker(key, 0).uint() for key in keys})
    except CorruptRecordError:
        raise ValueError("a key does not start with an object id") from None
    starts = [number for number, before in zip(numbers, [-2, *numbers], strict=False) if number != before + 1]
    ends = [number + 1 for number, after in zip(numbers, [*numbers[1:], -1], strict=False) if after != number + 1]
    gaps = [start - end for start, end in zip(starts, [0, *ends], strict=False)]
    sizes = [end - start for start, end in zip(starts, ends, strict=True)]
    return varint(len(starts)) + b"".join([varint(gap) + varint(size) for gap, size in zip(gaps, sizes, strict=True)])


def decode_runs(data: bytes, position: int) -> tuple[list[tuple[int, int]], int]:
    """What `encode_runs` wrote into `data` at `position`: pairs of first id and length, and where they end."""
    if position < 0:
        raise ValueError(f"position out of range: {position}")
    count, position = _take_varint(data, position)
    runs: list[tuple[int, int]] = []
    end = 0
    for _ in range(count):
        gap, position = _take_varint(data, position)
        length, position = _take_varint(data, position)
        if end + gap >= _ID_END or end + gap + length > _ID_END:
            raise CorruptRecordError("damaged database: the log names an object id that is too large")
        runs.append((end + gap, length))
        end += gap + length
    return runs, position


def _take_varint(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        if shift == 63 and byte > 1:
            break
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise CorruptRecordError("damaged database: a number is cut short or too large")

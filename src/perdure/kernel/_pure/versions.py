"""Pure-Python twin of `perdure.kernel.versions`: physical keys, checksums, folding of versions."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from operator import index
from typing import TypeVar, overload

from perdure.errors import CorruptRecordError
from perdure.kernel._pure._runs import decode_runs, encode_runs

__all__ = [
    "DELTA",
    "FULL",
    "STATE_MAX",
    "TOMBSTONE",
    "Sealed",
    "add_counters",
    "crc32",
    "decode_runs",
    "encode_runs",
    "fold_scan",
    "open_head",
    "open_scan",
    "open_value",
    "read_run",
    "read_version",
    "read_versions",
    "seal",
    "seal_head",
    "seal_heads",
    "seal_many",
    "sorted_items",
    "split",
    "suffix",
]

Value = TypeVar("Value")
Pair = tuple[bytes, bytes]
Fold = Callable[[bytes | None, list[bytes]], bytes | None]

FULL = 0
TOMBSTONE = 1
DELTA = 2
STATE_MAX = (1 << 53) - 1

_HEAD = 5
_SUFFIX_MAX = 8
_STEPS = 16
_SCAN_FACTOR = 64
_COUNTER_END = 1 << 62


def _damage(space: int, physical: bytes, what: str) -> CorruptRecordError:
    return CorruptRecordError(f"damaged database: the entry 0x{physical.hex()} of space {space} {what}")


def _stored(space: int, physical: bytes, kind: int, value: bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"expected bytes, got {type(value).__name__}")
    rest = bytes([kind]) + value
    return crc32(rest, crc32(physical, space)).to_bytes(4, "big") + rest


def _check(space: int, physical: bytes, stored: bytes) -> int:
    if len(stored) < _HEAD:
        raise _damage(space, physical, "is cut short")
    if int.from_bytes(stored[:4], "big") != crc32(stored[4:], crc32(physical, space)):
        raise _damage(space, physical, "fails its checksum")
    if stored[4] > DELTA:
        raise _damage(space, physical, "has an unknown kind")
    return stored[4]


def _key_size(physical: bytes) -> tuple[int, int]:
    """Length of the key and state of a physical key; length -1 if it has no suffix."""
    start = len(physical) - 1
    while start >= 0 and len(physical) - start <= _SUFFIX_MAX and not physical[start] & 0x80:
        start -= 1
    tail = len(physical) - start
    if start < 0 or tail > _SUFFIX_MAX or (~physical[start] >> 4) & 7 != tail - 1:
        return -1, 0
    state = ~physical[start] & 0x0F
    for byte in physical[start + 1 :]:
        state = state << 7 | (~byte & 0x7F)
    return start, state


def crc32(data: bytes, start: int = 0) -> int:
    """The checksum of `data` continued from `start`; the same as `zlib.crc32`."""
    return zlib.crc32(data, start)


def suffix(state: int) -> bytes:
    """What follows the key in the physical key of version `state`."""
    if not 0 <= state <= STATE_MAX:
        raise ValueError(f"state out of range: {state}")
    size = 1
    while size < _SUFFIX_MAX and state >> (4 + 7 * (size - 1)):
        size += 1
    first = ~((size - 1) << 4 | state >> (7 * (size - 1))) & 0xFF
    return bytes([first, *(~(state >> (7 * index)) & 0x7F for index in range(size - 2, -1, -1))])


def split(physical: bytes) -> tuple[bytes, int]:
    """The key and the state of a physical key; CorruptRecordError if it has no valid suffix."""
    size, state = _key_size(physical)
    if size < 0:
        raise CorruptRecordError(f"damaged database: the key 0x{physical.hex()} has no version")
    return physical[:size], state


def seal(key: bytes, state: int, kind: int, value: bytes, space: int = 0) -> Pair:
    """The physical key and the stored value of one version."""
    physical = key + suffix(state)
    return physical, _stored(space, physical, kind, value)


class Sealed(Sequence[Pair]):
    """Physical pairs in key order, each made when it is asked for; `sorted_keys` are the keys without the state."""

    def __init__(self, keys: list[bytes], items: dict[bytes, bytes | None], tail: bytes, space: int) -> None:
        self.sorted_keys = keys
        self._items = items
        self._tail = tail
        self._space = space

    def __len__(self) -> int:
        return len(self.sorted_keys)

    @overload
    def __getitem__(self, index: int) -> Pair: ...

    @overload
    def __getitem__(self, index: slice) -> Sealed: ...

    def __getitem__(self, index: int | slice) -> Pair | Sealed:
        if isinstance(index, slice):
            return Sealed(self.sorted_keys[index], self._items, self._tail, self._space)
        key = self.sorted_keys[index]
        value = self._items[key]
        physical = key + self._tail
        if value is None:
            return physical, _stored(self._space, physical, TOMBSTONE, b"")
        return physical, _stored(self._space, physical, FULL, value)


def sorted_items(items: dict[bytes, Value]) -> tuple[list[bytes], list[Value]]:
    """The keys of a dict in order, and their values."""
    keys = sorted(items)
    return keys, [items[key] for key in keys]


def seal_many(items: dict[bytes, bytes | None], state: int, space: int = 0) -> Sealed:
    """Physical pairs, in key order, of new versions: `{key: value, or None for a tombstone}`; see `Sealed`."""
    return Sealed(sorted(items), items, suffix(state), space)


def seal_head(key: bytes, value: bytes, space: int = 0) -> bytes:
    """The stored value of a key that has no versions."""
    return _stored(space, key, FULL, value)


def seal_heads(items: dict[bytes, bytes | None], space: int = 0) -> Sealed:
    """Pairs, in key order, of the keys of a space without versions that have a value; see `Sealed`."""
    return Sealed(sorted(key for key, value in items.items() if value is not None), items, b"", space)


def add_counters(
    keys: list[bytes], stored: list[bytes | None], changes: list[int], space: int = 0
) -> dict[bytes, bytes | None]:
    """See `perdure.kernel.versions.add_counters`."""
    out: dict[bytes, bytes | None] = {}
    if len(keys) != len(stored) or len(keys) != len(changes):
        raise ValueError("there must be one stored value, or None, and one change for each key")
    for key, item, change in zip(keys, stored, changes, strict=True):
        amount = index(change)
        before = 0 if item is None else _read_counter(key, item, space)
        after = before + amount
        if not -_COUNTER_END <= after < _COUNTER_END or not -_COUNTER_END <= amount < _COUNTER_END:
            raise OverflowError("a counter goes beyond 62 bits")
        if after != before:
            out[key] = _counter(after) if after else None
    return out


def _read_counter(key: bytes, stored: bytes, space: int) -> int:
    _check(space, key, stored)
    number = 0
    for shift, byte in enumerate(stored[_HEAD : _HEAD + 9]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number >> 1 ^ -(number & 1)
    raise _damage(space, key, "is no counter")


def _counter(value: int) -> bytes:
    number = value << 1 if value >= 0 else ~value << 1 | 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def open_value(physical: bytes, stored: bytes, space: int = 0) -> tuple[int, bytes]:
    """Kind and value of a stored version, after checking it."""
    return _check(space, physical, stored), stored[_HEAD:]


def open_head(key: bytes, stored: bytes, space: int = 0) -> bytes:
    """The value of a key that has no versions, after checking it."""
    if _check(space, key, stored) != FULL:
        raise _damage(space, key, "has an unknown kind")
    return stored[_HEAD:]


def read_version(
    space: int, key: bytes, item: Pair | None, fold: Callable[[int, bytes, bytes], bytes | None] | None = None
) -> bytes | None:
    """The value that `item`, the entry found by seeking `key ‖ suffix(state)`, gives for `key`."""
    if item is None or len(item[0]) <= len(key) or not item[0].startswith(key):
        return None
    physical, stored = item
    size, _ = _key_size(physical)
    if size != len(key):
        if size < 0:
            raise _damage(space, physical, "has no version in its key")
        return None
    kind = _check(space, physical, stored)
    if kind == FULL:
        return stored[_HEAD:]
    if kind == TOMBSTONE:
        return None
    if fold is None:
        raise _damage(space, physical, "is a delta where none can be")
    return fold(space, key, physical)


def read_run(
    space: int,
    keys: list[bytes],
    state: int,
    scan: Callable[[bytes], Iterable[Pair]],
    fold: Callable[[int, bytes, bytes], bytes | None] | None = None,
) -> list[bytes | None]:
    """`read_version` for sorted `keys` that lie close together: entries are stepped over rather than sought.

    `scan(physical)` iterates over the entries at or after a physical key.
    """
    end = suffix(state)
    out: list[bytes | None] = []
    while len(out) < len(keys):
        passed, start = 0, len(out)
        for item in scan(keys[len(out)] + end):
            found, version = split(item[0])
            while keys[len(out)] < found or (keys[len(out)] == found and version <= state):
                out.append(read_version(space, found, item, fold) if keys[len(out)] == found else None)
                if len(out) == len(keys):
                    return out
                passed = 0
            passed += 1
            if passed > _STEPS and len(out) > start:
                break
        else:
            out.extend([None] * (len(keys) - len(out)))
    return out


def read_versions(
    space: int,
    keys: list[bytes],
    items: list[Pair | None],
    fold: Callable[[int, bytes, bytes], bytes | None] | None = None,
) -> list[bytes | None]:
    """`read_version` for many keys and the entries found for them."""
    return [read_version(space, key, item, fold) for key, item in zip(keys, items, strict=False)]


class _Folder:
    """Gathers the versions of one key, newest first or oldest first, into its value as of a state."""

    def __init__(self, space: int, state: int, fold: Fold | None) -> None:
        self.space = space
        self.state = state
        self.fold = fold
        self.start(None)

    def start(self, key: bytes | None) -> None:
        self.key = key
        self.deltas: list[bytes] = []
        self.base: bytes | None = None
        self.found = False
        self.settled = False

    def add(self, state: int, physical: bytes, stored: bytes, reverse: bool) -> None:
        if self.settled or state > self.state:
            return
        kind = _check(self.space, physical, stored)
        self.found = True
        if kind == DELTA:
            self.deltas.insert(0 if reverse else len(self.deltas), stored[_HEAD:])
            return
        self.base = stored[_HEAD:] if kind == FULL else None
        if reverse:
            self.deltas = []
        else:
            self.settled = True

    def emit(self, out: list[Pair]) -> None:
        if self.key is None or not self.found:
            return
        value = self.base
        if self.deltas:
            if self.fold is None:
                raise _damage(self.space, self.key, "is a delta where none can be")
            value = self.fold(self.base, self.deltas)
        if value is not None:
            out.append((self.key, value))


def fold_scan(
    pairs: Iterable[Pair],
    lo: bytes,
    hi: bytes | None,
    state: int,
    space: int,
    limit: int,
    fold: Fold | None = None,
    reverse: bool = False,
) -> tuple[list[Pair], bytes | None]:
    """Newest values as of `state` among physical `pairs`, for keys with `lo <= key < hi` (hi None: no end).

    Gives `(items, resume)`: at most about `limit` pairs in the order of `pairs`, and the key from which the
    scan goes on (inclusive; reverse: keys before it, exclusive), or None at the end.
    """
    folder = _Folder(space, state, fold)
    out: list[Pair] = []
    last = None
    for looked, (physical, stored) in enumerate(pairs, 1):
        size, version = _key_size(physical)
        if size < 0:
            raise _damage(space, physical, "has no version in its key")
        key = physical[:size]
        if key != folder.key:
            folder.emit(out)
            last = folder.key or last
            folder.start(key)
            if key < lo if reverse else hi is not None and key >= hi:
                return out, None
            if hi is not None and key >= hi if reverse else key < lo:
                folder.start(None)
                continue
            if last is not None and (len(out) >= limit or looked >= limit * _SCAN_FACTOR):
                return out, last if reverse else key
        folder.add(version, physical, stored, reverse)
    folder.emit(out)
    return out, None


def open_scan(
    pairs: Iterable[Pair], lo: bytes, hi: bytes | None, space: int, limit: int, reverse: bool = False
) -> tuple[list[Pair], bytes | None]:
    """`fold_scan` for a space without versions: checked pairs of key and value, and where to go on."""
    out: list[Pair] = []
    for key, stored in pairs:
        if key < lo if reverse else hi is not None and key >= hi:
            return out, None
        if hi is not None and key >= hi if reverse else key < lo:
            continue
        if len(out) >= limit:
            return out, out[-1][0] if reverse else key
        out.append((key, open_head(key, stored, space)))
    return out, None

"""Reading as of a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from perdure.engine import EngineTransaction
from perdure.errors import CorruptRecordError, StorageError
from perdure.kernel import versions

from .merge import fold_posting
from .reader import Reader
from .spaces import SPACES

__all__ = ["AFTER_ALL", "View", "chain_value", "chain_versions"]

_PART_MIN, _PART_MAX = 16, 1024
_RUN, _CLOSE = 8, 2
"""From so many keys on, at most so far apart in the mean, stepping over entries is quicker than seeking each."""
AFTER_ALL = versions.suffix(0) + b"\0"
"""Appended to a key: after every version of it."""
_VERSIONED = tuple(space.versioned for space in SPACES)
_FOLDED = tuple(space.merge == "posting" for space in SPACES)


class View:
    """What the storage held at `state`; it never changes, and holds no engine transaction.

    Spaces without versions are the exception: they give the newest value. Release a view when done with it,
    so that `pack` can go further; one that is forgotten is released by the garbage collector.
    """

    __slots__ = ("__weakref__", "_reader", "_release", "seekers", "state", "suffix")

    def __init__(self, reader: Reader, state: int, release: Callable[[int], None]) -> None:
        self.state = state
        self._reader = reader
        self.seekers = reader.seekers
        self.suffix = versions.suffix(state)
        self._release: Callable[[int], None] | None = release

    def get(self, space: int, key: bytes) -> bytes | None:
        """The value of `key`, or None. CorruptRecordError: it is damaged."""
        if not _VERSIONED[space]:
            return self._get_head(space, key)
        return self.seekers[space].newest(key, self.suffix, self._fold if _FOLDED[space] else None)

    def _get_head(self, space: int, key: bytes) -> bytes | None:
        stored = self._reader.run(lambda transaction: transaction.get(space, key))
        return None if stored is None else versions.open_head(key, stored, space)

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, in their order; None for those that are not there."""
        ordered = sorted(keys)
        if not _VERSIONED[space]:
            heads = self._reader.run(lambda transaction: transaction.get_many(space, ordered))
            found = [
                None if stored is None else versions.open_head(key, stored, space)
                for key, stored in zip(ordered, heads, strict=True)
            ]
        else:
            found = self._reader.run(partial(self._read_versions, space, ordered))
        if ordered == keys:
            return found
        values = dict(zip(ordered, found, strict=True))
        return [values[key] for key in keys]

    def _read_versions(self, space: int, keys: list[bytes], transaction: EngineTransaction) -> list[bytes | None]:
        fold = self._fold if _FOLDED[space] else None
        if _are_close(keys):
            return versions.read_run(space, keys, self.state, partial(transaction.scan, space), fold)
        items = transaction.seek_many(space, [key + self.suffix for key in keys])
        return versions.read_versions(space, keys, items, fold)

    def scan(
        self, space: int, lo: bytes = b"", hi: bytes | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with `lo <= key < hi` in key order, or from the end with `reverse`."""
        part = _PART_MIN
        while True:
            items, resume = self._reader.run(self._part(space, lo, hi, reverse, part))
            yield from items
            if resume is None:
                return
            if reverse:
                hi = resume
            else:
                lo = resume
            part = min(part * 4, _PART_MAX)

    def _part(
        self, space: int, lo: bytes, hi: bytes | None, reverse: bool, size: int
    ) -> Callable[[EngineTransaction], tuple[list[tuple[bytes, bytes]], bytes | None]]:
        fold = fold_posting if _FOLDED[space] else None

        def read(transaction: EngineTransaction) -> tuple[list[tuple[bytes, bytes]], bytes | None]:
            if not _VERSIONED[space]:
                return versions.open_scan(transaction.scan(space, lo, hi, reverse), lo, hi, space, size, reverse)
            bound = _physical_end(transaction, space, hi) if reverse and hi is not None else None
            pairs = transaction.scan(space, lo, bound, reverse)
            return versions.fold_scan(pairs, lo, hi, self.state, space, size, fold, reverse)

        return read

    def history(self, space: int, key: bytes) -> list[tuple[int, bytes | None]]:
        """The versions of `key` up to this view, newest first: state and value, None where it was deleted."""
        if not _VERSIONED[space]:
            raise ValueError(f"{SPACES[space]!r} keeps no history")
        chain = self._reader.run(lambda transaction: chain_versions(transaction, space, key, self.state, whole=True))
        return [(state, chain_value(chain[index:])) for index, (state, _, _) in enumerate(chain)]

    def _fold(self, space: int, key: bytes, physical: bytes) -> bytes | None:
        del physical
        return chain_value(self._reader.run(lambda transaction: chain_versions(transaction, space, key, self.state)))

    def release(self) -> None:
        """Say that the view is no longer used; harmless when released."""
        release, self._release = self._release, None
        if release is not None:
            release(self.state)

    def __enter__(self) -> View:
        if self._release is None:
            raise StorageError("the view was released")
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<View of state {self.state}>"


def _are_close(keys: list[bytes]) -> bool:
    """Whether sorted keys, read as numbers, are so close that those between them are likely to be wanted too."""
    size = len(keys[-1]) if keys else 0
    if len(keys) < _RUN or len(keys[0]) != size:
        return False
    return int.from_bytes(keys[-1]) - int.from_bytes(keys[0]) < _CLOSE * len(keys)


def _physical_end(transaction: EngineTransaction, space: int, hi: bytes) -> bytes:
    """Where the versions of keys below `hi` end: a key that `hi` begins with has versions behind `hi`."""
    item = transaction.seek(space, hi)
    if item is not None:
        key, _ = versions.split(item[0])
        if key < hi:
            return key + AFTER_ALL
    return hi


Chain = list[tuple[int, int, bytes]]


def chain_versions(transaction: EngineTransaction, space: int, key: bytes, state: int, whole: bool = False) -> Chain:
    """The versions of `key` up to `state`, newest first: those its value needs, or `whole`: all."""
    chain: Chain = []
    for physical, stored in transaction.scan(space, key + versions.suffix(state), key + AFTER_ALL):
        found, version = versions.split(physical)
        if found != key:
            continue
        kind, value = versions.open_value(physical, stored, space)
        chain.append((version, kind, value))
        if kind != versions.DELTA and not whole:
            break
    return chain


def chain_value(chain: Chain) -> bytes | None:
    """The value that a chain of versions, newest first, adds up to."""
    deltas: list[bytes] = []
    for _, kind, value in chain:
        if kind == versions.DELTA:
            deltas.append(value)
            continue
        base = value if kind == versions.FULL else None
        return fold_posting(base, deltas) if deltas else base
    if deltas:
        raise CorruptRecordError("damaged database: a chain of changes has no beginning")
    return None

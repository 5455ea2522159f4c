"""Proving a storage sound: structure, checksums, versions, chains of deltas, and the log against them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import Any

from perdure.engine import Engine
from perdure.errors import CorruptRecordError
from perdure.kernel import keys, versions

from . import log
from .batch import Problem
from .log import LogEntry
from .merge import counter_value, fold_posting, posting_value
from .meta import PACKED_KEY, get_number
from .prepared import read_prepared
from .reader import Reader
from .spaces import LOG, META, REFCOUNTS, SPACES, Space

__all__ = ["verify"]

_PART = 1024
Pair = tuple[bytes, bytes]


def verify(engine: Engine, reader: Reader) -> Iterator[Problem]:
    """Everything wrong that can be found; with a damaged structure only that, as reading it is not safe."""
    findings = engine.structure_findings()
    yield from (Problem(-1, b"", finding) for finding in findings)
    if findings:
        return
    try:
        packed = reader.run(lambda transaction: get_number(transaction, PACKED_KEY), fresh=True)
    except CorruptRecordError as error:
        yield Problem(META, PACKED_KEY, str(error))
        return
    entries = _LogEntries(packed)
    yield from entries.read(reader)
    for space in (META, REFCOUNTS):
        yield from _verify_heads(reader, space)
    try:
        reader.run(lambda transaction: list(read_prepared(transaction)))
    except CorruptRecordError as error:
        yield Problem(META, b"prepared/", str(error))
    for space in SPACES:
        if space.versioned:
            yield from _SpaceCheck(space, entries).run(reader)


def _pairs(reader: Reader, space: int) -> Iterator[Pair]:
    """All entries of a space, part by part, so that writers can go on."""
    position = b""
    while True:
        part = reader.part(space, position, _PART)
        yield from part
        if len(part) < _PART:
            return
        position = part[-1][0] + b"\0"


def _verify_heads(reader: Reader, space: Space) -> Iterator[Problem]:
    for key, stored in _pairs(reader, space):
        try:
            value = versions.open_head(key, stored, int(space))
            if space.merge == "counter" and not counter_value(value):
                yield Problem(space, key, "a counter of zero is stored")
        except CorruptRecordError as error:
            yield Problem(space, key, str(error))


class _LogEntries:
    """The log as a means to check versions against it."""

    def __init__(self, packed: int) -> None:
        self.packed = packed
        self.last = 0
        self._changes: dict[int, dict[int, Any]] = {}

    def read(self, reader: Reader) -> Iterator[Problem]:
        time = 0
        for key, stored in _pairs(reader, LOG):
            try:
                state = keys.decode_uint(key)[0]
                entry = log.decode(state, versions.open_head(key, stored, int(LOG)))
            except CorruptRecordError as error:
                yield Problem(LOG, key, str(error))
                continue
            if self.last and state != self.last + 1:
                yield Problem(LOG, key, f"the entry of state {state} follows that of state {self.last}")
            if not self.last and state > self.packed + 1:
                yield Problem(LOG, key, f"the log begins with state {state}, not {self.packed + 1}")
            if entry.time <= time:
                yield Problem(LOG, key, f"state {state} is not later than the one before")
            self.last, time = state, entry.time
            self._add(entry)

    def _add(self, entry: LogEntry) -> None:
        if entry.state > self.packed:
            self._changes[entry.state] = entry.changes

    def names(self, space: Space, state: int, item: int | bytes) -> bool:
        """Whether the log says that the commit of `state` changed `item`, an id or a key."""
        changed = self._changes.get(state, {}).get(space, [])
        if isinstance(item, bytes):
            return item in changed
        index = bisect_right(changed, (item, 1 << 64)) - 1
        if index < 0:
            return False
        first, count = changed[index]
        return bool(first <= item < first + count)

    def counts(self, space: Space) -> Iterator[tuple[int, int]]:
        """Of each state: how many ids or keys of `space` it changed."""
        for state, changes in self._changes.items():
            changed = changes.get(space)
            if changed:
                ids = space.log == "ids"
                yield state, sum(count for _, count in changed) if ids else len(changed)


class _SpaceCheck:
    """Checks the versions of one space, fed in their order."""

    def __init__(self, space: Space, entries: _LogEntries) -> None:
        self._space = space
        self._entries = entries
        self._before = b""
        self._key: bytes | None = None
        self._open_chain = False
        self._item: int | bytes | None = None
        self._states: set[int] = set()
        self._found: Counter[int] = Counter()

    def run(self, reader: Reader) -> Iterator[Problem]:
        for physical, stored in _pairs(reader, self._space):
            try:
                yield from self._one(physical, stored)
            except CorruptRecordError as error:
                yield Problem(self._space, physical, str(error))
        yield from self._end_key()
        for state, count in self._entries.counts(self._space):
            if self._found[state] != count:
                yield Problem(self._space, b"", f"state {state} changed {count} items, {self._found[state]} are there")

    def _one(self, physical: bytes, stored: bytes) -> Iterator[Problem]:
        if physical <= self._before:
            yield Problem(self._space, physical, "out of order")
        self._before = physical
        key, state = versions.split(physical)
        if key != self._key:
            yield from self._end_key()
            self._key = key
        kind, value = versions.open_value(physical, stored, int(self._space))
        self._open_chain = kind == versions.DELTA
        if kind == versions.DELTA and self._space.merge != "posting":
            yield Problem(self._space, physical, "a delta in a space that has none")
        elif self._space.merge == "posting" and kind != versions.TOMBSTONE:
            _ = posting_value(value) if kind == versions.FULL else fold_posting(None, [value])
        elif self._space.merge == "counter" and kind == versions.FULL and not counter_value(value):
            yield Problem(self._space, physical, "a counter of zero is stored")
        if self._entries.packed < state <= self._entries.last:
            yield from self._logged(physical, key, state)
        elif state > self._entries.last and not self._entries.last:
            yield Problem(self._space, physical, f"a version of state {state}, of which there is no log")

    def _logged(self, physical: bytes, key: bytes, state: int) -> Iterator[Problem]:
        item = keys.decode_uint(key)[0] if self._space.log == "ids" else key
        if item != self._item:
            self._item, self._states = item, set()
        if state in self._states:
            return
        self._states.add(state)
        self._found[state] += 1
        if not self._entries.names(self._space, state, item):
            yield Problem(self._space, physical, f"the log of state {state} does not name this change")

    def _end_key(self) -> Iterator[Problem]:
        if self._open_chain and self._key is not None:
            yield Problem(self._space, self._key, "a chain of changes has no beginning")
        self._open_chain = False

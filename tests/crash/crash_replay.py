"""Builds the disks that a power failure can leave from a trace.

What is assumed of disk and file system:

- A write is durable after a sync of its file, or at once through a descriptor opened to sync each write.
- Until then any part of it may have reached the disk, whatever was written before or after it, in sectors of 512 bytes
  that are written whole or not at all. A sector written twice may hold either version, or what was there before.
- The size of a file grows with what reached the disk, or at once to its full size; sectors in it that were never
  written hold zeros or anything at all.
- Names made, changed and removed are durable after a sync of the directory; before that they are in the order of the
  calls, up to any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

from crash_tracing import Event

SECTOR = 512

Disk = dict[str, bytes]
"""The content of each file by its name."""

_Write = tuple[int, int, bytes]


@dataclass(frozen=True, slots=True)
class Image:
    """A disk after a failure between the event of number `index` and the next; `label` says what was lost."""

    index: int
    label: str
    disk: Disk


@dataclass(frozen=True, slots=True)
class Effort:
    """How many images: all subsets of up to `writes` lost writes, else `samples` of them; as many torn ones."""

    writes: int
    samples: int


class Replay:
    """A file system fed with events; it knows what is durable and what is only on its way."""

    def __init__(self) -> None:
        self.pending: list[_Write] = []
        """Inode, offset and data of writes that no sync followed yet."""
        self.name_changes: list[dict[str, int | None]] = []
        """Changes of names that no sync of the directory followed yet."""
        self._contents: list[bytearray] = []
        self._names: dict[str, int] = {}
        self._durable_names: dict[str, int] = {}

    def apply(self, event: Event) -> None:
        """Take in the next event."""
        if event.kind in "CRLU":
            change = self._name_change(event)
            self.name_changes.append(change)
            _rename(self._names, change)
        elif event.kind == "S" and event.path == ".":
            self._durable_names = dict(self._names)
            self.name_changes = []
        elif event.kind == "S":
            inode = self._names[event.path]
            _write_all(self._contents, [write for write in self.pending if write[0] == inode])
            self.pending = [write for write in self.pending if write[0] != inode]
        elif event.kind == "W":
            write = (self._names[event.path], event.offset, event.data)
            if event.synced:
                _write_all(self._contents, [write])
            else:
                self.pending.append(write)
        else:
            raise ValueError(f"no replay for {event.kind} of {event.path}")

    def _name_change(self, event: Event) -> dict[str, int | None]:
        if event.kind == "C":
            self._contents.append(bytearray())
            return {event.path: len(self._contents) - 1}
        if event.kind == "U":
            return {event.path: None}
        change: dict[str, int | None] = {event.target: self._names[event.path]}
        return change if event.kind == "L" else {**change, event.path: None}

    def disk(self, writes: list[_Write], names: int | None = None) -> Disk:
        """The disk with `writes` besides what is durable, and the first `names` pending changes of names, or all."""
        contents = [bytearray(content) for content in self._contents]
        _write_all(contents, writes)
        found = dict(self._durable_names)
        for change in self.name_changes[:names]:
            _rename(found, change)
        return {name: bytes(contents[inode]) for name, inode in found.items()}

    def sectors(self) -> dict[tuple[int, int], list[bytes]]:
        """The versions of each sector that is on its way, oldest first, by inode and number."""
        contents = [bytearray(content) for content in self._contents]
        found: dict[tuple[int, int], list[bytes]] = {}
        for inode, offset, data in self.pending:
            _write_all(contents, [(inode, offset, data)])
            for number in range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1):
                version = bytes(contents[inode][number * SECTOR : (number + 1) * SECTOR])
                found.setdefault((inode, number), []).append(version)
        return found

    def full_sizes(self) -> list[_Write]:
        """Writes of one zero at the end of each file that is growing, which give it its full size."""
        ends: dict[int, int] = {}
        for inode, offset, data in self.pending:
            ends[inode] = max(ends.get(inode, 0), offset + len(data))
        return [(inode, end - 1, b"\0") for inode, end in ends.items() if end > len(self._contents[inode])]

    def holes(self, random: Random) -> list[_Write]:
        """Random bytes for all sectors on their way that are beyond the durable end of their file."""
        return [
            (inode, number * SECTOR, random.randbytes(len(versions[-1])))
            for (inode, number), versions in self.sectors().items()
            if number * SECTOR >= len(self._contents[inode])
        ]


def images(events: list[Event], random: Random, effort: Effort) -> Iterator[Image]:
    """The disks after a failure at any point of the trace."""
    replay = Replay()
    for index, event in enumerate(events):
        is_barrier = event.kind == "S" or event.synced
        if is_barrier:
            for label, disk in _losses(replay, random, effort):
                yield Image(index - 1, label, disk)
        if event.kind != "N":
            replay.apply(event)
        if event.synced:
            for label, disk in _losses(replay, random, effort):
                yield Image(index, label, disk)
        yield Image(index, "everything before it", replay.disk(replay.pending))
        yield Image(index, "only what was synced", replay.disk([], 0))


def _losses(replay: Replay, random: Random, effort: Effort) -> Iterator[tuple[str, Disk]]:
    pending = replay.pending
    if not pending and not replay.name_changes:
        return
    if len(pending) <= effort.writes:
        choices = list(product((False, True), repeat=len(pending)))
    else:
        choices = [_random_choice(random, len(pending)) for _ in range(effort.samples)]
    for choice in choices:
        for names in _name_counts(replay, random, effort):
            kept = [write for write, is_kept in zip(pending, choice, strict=True) if is_kept]
            label = f"writes {_shown(choice)} of {len(pending)}, names {names}"
            yield label, replay.disk(kept, names)
    for number in range(effort.samples):
        yield f"torn writes, sample {number}", _torn(replay, random)


def _random_choice(random: Random, count: int) -> tuple[bool, ...]:
    rate = random.choice((0.1, 0.5, 0.9))
    return tuple(random.random() < rate for _ in range(count))


def _name_counts(replay: Replay, random: Random, effort: Effort) -> list[int]:
    counts = list(range(len(replay.name_changes) + 1))
    return counts if len(counts) <= effort.writes else random.sample(counts, effort.writes)


def _torn(replay: Replay, random: Random) -> Disk:
    rate = random.choice((0.05, 0.5, 0.95))
    writes = replay.full_sizes() if random.random() < 0.5 else []
    if writes and random.random() < 0.5:
        writes += replay.holes(random)
    for (inode, number), versions in replay.sectors().items():
        if random.random() < rate:
            version = versions[-1] if random.random() < 0.8 else random.choice(versions)
            writes.append((inode, number * SECTOR, version))
    return replay.disk(writes, random.randrange(len(replay.name_changes) + 1))


def _shown(choice: tuple[bool, ...]) -> str:
    return "".join("1" if is_kept else "0" for is_kept in choice)


def _rename(names: dict[str, int], change: dict[str, int | None]) -> None:
    for name, inode in change.items():
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode


def _write_all(contents: list[bytearray], writes: list[_Write]) -> None:
    for inode, offset, data in writes:
        content = contents[inode]
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data

"""What a storage has to answer, worked out the plain way: every version of every key in a dict."""

from __future__ import annotations

from perdure.errors import ConflictError, ReadConflictError
from perdure.storage import SPACES, Batch, PostingDelta, merge

__all__ = ["Model"]

Versions = dict[bytes, list[tuple[int, "bytes | None"]]]


class Model:
    """A storage without storage; the same calls give the same answers, or errors of the same type."""

    def __init__(self) -> None:
        self.state = 0
        self.floor = 0
        self.versions: dict[int, Versions] = {space: {} for space in SPACES}
        self.heads: dict[int, dict[bytes, bytes]] = {space: {} for space in SPACES}
        self.log: list[Batch] = []

    def commit(self, batch: Batch) -> int:
        """Apply a batch; the new state. ConflictError, ReadConflictError: as the storage."""
        self.check(batch)
        return self.apply(batch)

    def check(self, batch: Batch) -> None:
        """What a commit checks before it writes."""
        for space, puts in batch.puts.items():
            if SPACES[space].versioned and any(self._changed(space, key, batch.base) for key in puts):
                raise ConflictError
        for space, reads in batch.reads.items():
            if any(self._changed(space, key, batch.base) for key in reads):
                raise ReadConflictError
        for space, required in batch.required.items():
            if any(self._changed(space, key, batch.base) and self._newest(space, key) is None for key in required):
                raise ConflictError
        for space, expected in batch.expected.items():
            if any(merge.counter_value(self.heads[space].get(key)) != value for key, value in expected.items()):
                raise ConflictError

    def apply(self, batch: Batch) -> int:
        """Write a batch that was checked."""
        self.state += 1
        for space, puts in batch.puts.items():
            for key, value in puts.items():
                self._put(space, key, value)
        for space, merges in batch.merges.items():
            for key, change in merges.items():
                self._merge(space, key, change)
        self.log.append(batch)
        return self.state

    def _put(self, space: int, key: bytes, value: bytes | None) -> None:
        if SPACES[space].versioned:
            self.versions[space].setdefault(key, []).append((self.state, value))
        elif value is None:
            self.heads[space].pop(key, None)
        else:
            self.heads[space][key] = value

    def _merge(self, space: int, key: bytes, change: int | PostingDelta) -> None:
        old = self._newest(space, key) if SPACES[space].versioned else self.heads[space].get(key)
        if isinstance(change, PostingDelta):
            new = merge.posting_bytes((merge.posting_value(old) - change.removes) | change.adds)
        else:
            new = merge.counter_bytes(merge.counter_value(old) + change)
        if new != old:
            self._put(space, key, new)

    def _newest(self, space: int, key: bytes) -> bytes | None:
        versions = self.versions[space].get(key)
        return versions[-1][1] if versions else None

    def _changed(self, space: int, key: bytes, base: int) -> bool:
        versions = self.versions[space].get(key, [])
        return bool(versions) and versions[-1][0] > base

    def at(self, space: int, state: int) -> dict[bytes, bytes]:
        """All keys and values of a space as of `state`, in key order."""
        if not SPACES[space].versioned:
            return dict(sorted(self.heads[space].items()))
        found = {}
        for key, versions in sorted(self.versions[space].items()):
            values = [value for version, value in versions if version <= state]
            if values and values[-1] is not None:
                found[key] = values[-1]
        return found

    def history(self, space: int, key: bytes, state: int) -> list[tuple[int, bytes | None]]:
        """The versions of a key up to `state`, newest first, of states that were not packed away."""
        versions = self.versions[space].get(key, [])
        return [version for version in reversed(versions) if self.floor < version[0] <= state]

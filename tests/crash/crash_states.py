"""What a database holds, in a form that can be noted and compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from perdure.storage import SPACES, VersionedStorage, View
from perdure.storage.spaces import REFCOUNTS


@dataclass(frozen=True, slots=True)
class Held:
    """The newest state, digests of all versioned values and of the holder counts, the transactions that wait, and the
    oldest state that can be viewed."""

    state: int
    digest: str
    counts: str
    prepared: tuple[str, ...]
    packed: int

    @classmethod
    def of(cls, storage: VersionedStorage) -> Held:
        """What `storage` holds now."""
        view = storage.view()
        try:
            digest, counts = digest_of(view), _digest_space(view, int(REFCOUNTS)).hex()
        finally:
            view.release()
        prepared = tuple(sorted(waiting.transaction_id.hex() for waiting in storage.prepared()))
        return cls(view.state, digest, counts, prepared, storage.packed)

    def note(self) -> dict[str, Any]:
        """The form for a trace."""
        return {
            "state": self.state,
            "digest": self.digest,
            "counts": self.counts,
            "prepared": self.prepared,
            "packed": self.packed,
        }

    @classmethod
    def read(cls, note: dict[str, Any]) -> Held:
        """The inverse of `note`."""
        return cls(**{**note, "prepared": tuple(note["prepared"])})


def digest_of(view: View) -> str:
    """A digest of all that a view shows of the spaces that keep versions."""
    whole = hashlib.sha256()
    for space in SPACES:
        if space.versioned:
            whole.update(_digest_space(view, int(space)))
    return whole.hexdigest()[:24]


def _digest_space(view: View, space: int) -> bytes:
    found = hashlib.sha256()
    for key, value in view.scan(space):
        found.update(b"%d %d " % (len(key), len(value)) + key + value)
    return found.digest()[:12]

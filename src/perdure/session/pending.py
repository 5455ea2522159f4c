"""The bytes that a connection sees: its view of the storage below, its pending writes above."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge as merge_sorted

from perdure.kernel import durable
from perdure.session.overlay import Overlay
from perdure.storage import View, merge, spaces

__all__ = ["PendingBytes"]

_COUNTERS = spaces.COUNTERS.id


class PendingBytes(durable.Owner):
    """A view with a stack of overlays; the newest overlay takes the writes.

    A connection has slots down to its last class: what stands beside the fields of a compiled base is read several
    times as quickly as from a dict.
    """

    __slots__ = ("__weakref__", "overlay", "overlays", "view")

    def __init__(self, view: View) -> None:
        self.view = view
        self.overlay = Overlay()
        self.overlays = [self.overlay]

    @property
    def state(self) -> int:
        """The committed state that this connection sees."""
        return self.view.state

    def read(self, space: int, key: bytes) -> bytes | None:
        """The newest value of a key: pending, else committed."""
        for overlay in self.overlays[::-1]:
            content = overlay.puts.get(space)
            if content is not None and key in content:
                return content[key]
        return self.view.get(space, key)

    def read_pending(self, space: int, key: bytes) -> bytes | None:
        """The pending value of a key; None when there is none or it is a deletion."""
        for overlay in reversed(self.overlays):
            content = overlay.puts.get(space)
            if content is not None and key in content:
                return content[key]
        return None

    def read_many(self, space: int, wanted: list[bytes]) -> list[bytes | None]:
        """The newest values of several keys."""
        known = [content for overlay in self.overlays if (content := overlay.puts.get(space))]
        contents = [content for content in known if not content.keys().isdisjoint(wanted)]
        if not contents:
            return self.view.get_many(space, wanted)
        pending: dict[bytes, bytes | None] = {}
        for content in contents:
            pending.update({key: content[key] for key in wanted if key in content})
        committed = iter(self.view.get_many(space, [key for key in wanted if key not in pending]))
        return [pending[key] if key in pending else next(committed) for key in wanted]

    def scan(
        self, space: int, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries of a half-open key range in order, pending ones included."""
        pending: dict[bytes, bytes | None] = {}
        for overlay in self.overlays:
            content = overlay.puts.get(space, {})
            for key in overlay.keys_between(space, low, high):
                pending[key] = content[key]
        committed = self.view.scan(space, low, high, reverse)
        if not pending:
            return committed
        kept = (pair for pair in committed if pair[0] not in pending)
        own = [(key, pending[key]) for key in sorted(pending, reverse=reverse)]
        present = ((key, value) for key, value in own if value is not None)
        return merge_sorted(kept, present, key=lambda pair: pair[0], reverse=reverse)

    def counter(self, key: bytes) -> int:
        """A collection's size counter, pending changes included."""
        stored = merge.counter_value(self.view.get(_COUNTERS, key))
        return stored + sum(overlay.counters.get(key, 0) for overlay in self.overlays)

    def is_newborn(self, oid: int) -> bool:
        """Whether the object was created since the last commit."""
        return any(oid in overlay.created for overlay in self.overlays)

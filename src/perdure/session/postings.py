"""Postings that a connection has read, kept over changes: of what changed, only the chunks concerned are read again.

Own changes say which chunks of which tags they touch, undone ones too; the commits of others are named by the log. What
was given out is never changed, so that who has it keeps the answer of that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pyroaring import BitMap

from perdure.kernel import keys
from perdure.session.overlay import TAG_LIMIT, Overlay, posting_key, posting_prefix
from perdure.storage import merge, spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["WHOLE", "Chunks", "Postings", "after"]

_POSTINGS = spaces.POSTINGS.id
_KEPT = 512
_NAMED_AT_ONCE = 4096
"""When others changed more chunks than this, it is quicker to read again what is asked for."""
_FEW = 4
_CHUNK_BYTES, _EMPTY_BYTES = 8192, 128
_NONE = BitMap()
WHOLE = TAG_LIMIT - 16
"""How many bytes of a tag its postings have as they are, whatever its length: `keys.shorten` hashes the rest."""

_T = TypeVar("_T")
Chunks = dict[int, BitMap]
"""Chunk (object id >> 16) → low 16 bits of the ids in it; in order, without empty ones."""


@dataclass(slots=True)
class _Kept:
    """The posting of a tag, and its chunks that may be different by now."""

    tag: bytes
    chunks: Chunks
    behind: set[int] = field(default_factory=set)
    """Chunks that lack what the overlays have by now."""
    stale: set[int] = field(default_factory=set)
    """Chunks that have to be read again."""


class Postings:
    """The postings of one connection, flushed changes included."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: dict[bytes, _Kept] = {}
        """How the keys of a posting begin → the posting."""
        self._under: dict[bytes, Any] = {}
        self._behind: dict[bytes, _Kept] = {}
        self._bytes = 0
        self.forgotten = 0
        """How often all that was kept was forgotten; who keeps some of it longer may do the same."""

    def of(self, tag: bytes) -> Chunks:
        """The posting of a tag, the same object as long as it is the same; not to be changed."""
        with self._connection.lock:
            prefix = posting_prefix(tag)
            kept = self._kept.get(prefix)
            if kept is None:
                found = self.read(tag)
                self._make_room(found)
                self._kept[prefix] = _Kept(tag, found)
                return found
            if kept.stale or kept.behind:
                self._renew(kept)
            return kept.chunks

    def under(self, head: bytes, read: Callable[[], _T]) -> _T:
        """What `read` returns, kept until a posting of a tag changes whose key begins with `head`."""
        with self._connection.lock:
            if head not in self._under:
                if len(self._under) >= _KEPT:
                    self._under.clear()
                self._under[head] = read()
            found: _T = self._under[head]
            return found

    def read(self, tag: bytes) -> Chunks:
        """The posting of a tag, read anew."""
        prefix = posting_prefix(tag)
        chunks: Chunks = {}
        for key, value in self._connection.view.scan(_POSTINGS, prefix, after(prefix)):
            chunks[keys.decode_uint(key, len(prefix))[0]] = merge.posting_value(value)
        for overlay in self._connection.overlays:
            for chunk, delta in overlay.postings.get(tag, {}).items():
                found = chunks.get(chunk)
                chunks[chunk] = delta.adds.copy() if found is None else delta.applied(found)
        return {chunk: chunks[chunk] for chunk in sorted(chunks) if chunks[chunk]}

    def _read_chunk(self, kept: _Kept, chunk: int) -> BitMap:
        """A chunk as it is now: what is kept of it, or else the view has, with what the overlays say of its ids."""
        found = kept.chunks.get(chunk, _NONE)
        if chunk in kept.stale:
            found = merge.posting_value(self._connection.view.get(_POSTINGS, posting_key(kept.tag, chunk)))
        for overlay in self._connection.overlays:
            delta = overlay.postings.get(kept.tag, {}).get(chunk)
            if delta is not None:
                found = delta.applied(found)
        return found

    def _renew(self, kept: _Kept) -> None:
        """Bring a posting up to date; it stays the same object when that changes nothing."""
        if len(kept.stale) > _FEW and len(kept.stale) > len(kept.chunks) // 2:
            chunks = self.read(kept.tag)
        else:
            read = {chunk: self._read_chunk(kept, chunk) for chunk in kept.stale | kept.behind}
            changed = {chunk: members for chunk, members in read.items() if members != kept.chunks.get(chunk, _NONE)}
            chunks = {**kept.chunks, **changed} if changed else kept.chunks
            if not (all(changed.values()) and changed.keys() <= kept.chunks.keys()):
                chunks = {chunk: chunks[chunk] for chunk in sorted(chunks) if chunks[chunk]}
        self._bytes += _size(chunks.values()) - _size(kept.chunks.values())
        kept.chunks, kept.behind, kept.stale = chunks, set(), set()

    def _make_room(self, found: Chunks) -> None:
        """Forget all that is kept when it would be too much with what was found."""
        size = _size(found.values())
        if len(self._kept) >= _KEPT or self._bytes + size > self._connection.budget:
            self.forget()
        self._bytes += size

    # -- what changed --------------------------------------------------------------------------------------

    def changed(self, tag: bytes, chunks: Iterable[int]) -> None:
        """These chunks of a tag's posting were changed in the top overlay."""
        prefix = posting_prefix(tag)
        kept = self._kept.get(prefix)
        if kept is not None:
            kept.behind.update(chunks)
            self._behind[prefix] = kept
        if self._under:
            self._drop_under(tag)

    def settle(self) -> None:
        """The overlays are about to become part of the view."""
        for kept in self._behind.values():
            if kept.behind:
                self._renew(kept)
        self._behind.clear()

    def undone(self, overlay: Overlay) -> None:
        """The changes in an overlay are no longer there."""
        for tag, chunks in overlay.postings.items():
            kept = self._kept.get(posting_prefix(tag))
            if kept is not None:
                kept.stale.update(chunks)
            if self._under:
                self._drop_under(tag)

    def changed_elsewhere(self, named: list[bytes]) -> None:
        """Another commit changed the chunks with these keys."""
        if len(named) > _NAMED_AT_ONCE:
            self.forget()
            return
        lengths = {len(prefix) for prefix in self._kept}
        for key in named:
            for length in lengths:
                kept = self._kept.get(key[:length])
                if kept is not None:
                    kept.stale.add(keys.decode_uint(key, length)[0])
                    break
            if self._under:
                self._drop_under(key)

    def _drop_under(self, tag: bytes) -> None:
        for head in [head for head in self._under if tag.startswith(head[:WHOLE])]:
            del self._under[head]

    def forget(self) -> None:
        """Anything may be different from here on, or there is too much of it."""
        self._kept.clear()
        self._under.clear()
        self._behind.clear()
        self._bytes = 0
        self.forgotten += 1


def _size(chunks: Iterable[BitMap]) -> int:
    """About how many bytes these bitmaps take."""
    return sum([min(_CHUNK_BYTES, 2 * len(members)) + _EMPTY_BYTES for members in chunks])


def after(prefix: bytes) -> bytes | None:
    """The first key above every key that starts with `prefix`."""
    for index in range(len(prefix) - 1, -1, -1):
        if prefix[index] != 0xFF:
            return prefix[:index] + bytes([prefix[index] + 1])
    return None

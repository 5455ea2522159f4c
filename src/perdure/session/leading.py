"""Postings of all tags whose keys begin alike: composite tags with the same leading elements.

They are neighbours in POSTINGS, so that a scan of a range of keys finds them. A key too long for a posting is cut: what
it began with beyond the cut is read in the row of an object that has the tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyroaring import BitMap

from perdure.kernel import keys
from perdure.session.overlay import TAG_LIMIT, posting_prefix
from perdure.session.postings import WHOLE, Chunks, after
from perdure.session.tagging import decode_row, has_mark, passive_mark
from perdure.storage import merge, spaces

if TYPE_CHECKING:
    from perdure.session.connection import Connection

__all__ = ["mark_head", "postings_under", "tag_of_posting"]

_TAGS = spaces.OBJECT_TAGS.id
_POSTINGS = spaces.POSTINGS.id


def mark_head(head: bytes) -> bytes:
    """How the passive marks of the tags begin whose keys begin with `head`."""
    return passive_mark(head)[:-1]


def tag_of_posting(key: bytes) -> bytes:
    """The tag in the key of a posting, for tags of two values: kind and part; what is left of it when it was cut."""
    if len(key) > TAG_LIMIT:
        return key[:TAG_LIMIT]
    _, end = keys.decode_one(key)
    _, end = keys.decode_one(key, end)
    return key[:end]


def postings_under(connection: Connection, head: bytes) -> Chunks:
    """Chunk → low bits of the ids of objects with a tag whose key begins with `head`, flushed changes included.

    `head` ends where a value within the tag ends, and the tags are of two values.
    """
    found = _stored(connection, head)
    for overlay in connection.overlays:
        for tag in [tag for tag in overlay.postings if tag.startswith(head)]:
            chunks = found.setdefault(posting_prefix(tag), {})
            for chunk, delta in overlay.postings[tag].items():
                before = chunks.get(chunk)
                chunks[chunk] = delta.adds if before is None else delta.applied(before)
    together: dict[int, list[BitMap]] = {}
    for chunks in found.values():
        for chunk, members in chunks.items():
            if members:
                together.setdefault(chunk, []).append(members)
    return {chunk: BitMap.union(*together[chunk]) for chunk in sorted(together)}


def _stored(connection: Connection, head: bytes) -> dict[bytes, Chunks]:
    """What the view has: tag as in the keys of postings → its chunks."""
    found: dict[bytes, Chunks] = {}
    low = head[:WHOLE]
    for key, value in connection.view.scan(_POSTINGS, low, after(low)):
        tag = tag_of_posting(key)
        members = merge.posting_value(value)
        if members:
            found.setdefault(tag, {})[keys.decode_uint(key, len(tag))[0]] = members
    if len(head) <= WHOLE:
        return found
    return {tag: chunks for tag, chunks in found.items() if _begins(connection, tag, chunks, head)}


def _begins(connection: Connection, cut: bytes, chunks: Chunks, head: bytes) -> bool:
    """Whether a tag that was cut begins with `head`: one of its objects knows it whole."""
    chunk, members = next(iter(chunks.items()))
    row = decode_row(connection.view.get(_TAGS, keys.encode_uint(chunk << 16 | members[0])))
    whole = [*row, *[passive_mark(tag) for tag, passive in row.items() if has_mark(tag, passive)]]
    return any(tag.startswith(head) and posting_prefix(tag) == cut for tag in whole)

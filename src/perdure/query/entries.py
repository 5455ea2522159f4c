"""How an index is stored: two entries for each pair of key and member.

`oid 0 key member` leads from keys to members in key order; its value is the length of the member's part, so that it
can be read from the end, and the whole key where that is too long for the engine and was cut. `oid 1 member` has
the member's keys: one, or 0xFF and several. Keys are those of `kernel.keys`; equal keys have equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from typing import TypeVar

from perdure.kernel import changes, keys
from perdure.session import Connection
from perdure.storage import View, spaces

__all__ = [
    "apply_changes",
    "count_entries",
    "drop_entries",
    "keys_of",
    "pairs",
    "pinned",
    "remove_members",
    "split_keys",
]

_T = TypeVar("_T")
_ENTRIES = spaces.ENTRIES.id
_FORWARD, _REVERSE = b"\0", b"\1"
_END = b"\xff"
_SEVERAL = 0xFF
_KEY_LIMIT = 400
_CUT = _KEY_LIMIT - 16
_SIZES = [bytes([size]) for size in range(10)]


def count_entries(connection: Connection, index_oid: int) -> int:
    """How many pairs an index has, flushed changes included."""
    return connection.counter(keys.encode_uint(index_oid))


def join_keys(encoded: list[bytes]) -> bytes | None:
    """The value of a member's entry; None for no keys."""
    if len(encoded) == 1:
        return encoded[0]
    return bytes([_SEVERAL]) + b"".join(encoded) if encoded else None


def split_keys(value: bytes | None) -> list[bytes]:
    """The inverse of `join_keys`."""
    if not value:
        return []
    if value[0] != _SEVERAL:
        return [value]
    found, position = [], 1
    while position < len(value):
        _, end = keys.decode_one(value, position)
        found.append(value[position:end])
        position = end
    return found


def keys_of(connection: Connection, index_oid: int, oids: list[int]) -> list[bytes | None]:
    """The joined keys of several members, None for those that are not in the index."""
    prefix = keys.encode_uint(index_oid) + _REVERSE
    return connection.read_many(_ENTRIES, [prefix + member for member in changes.encode_ids(oids)])


def apply_changes(connection: Connection, index_oid: int, pending: changes.Changes, *, holds: bool = True) -> None:
    """Write changed pairs to the overlay: entries, holders and size. Of two changes of a pair the later counts.

    `holds` says whether the index holds its members.
    """
    oids, encoded, hows, _ = pending.take(connection.add)
    if not oids:
        return
    start = keys.encode_uint(index_oid)
    known: list[bytes | None] = [None] * len(oids)
    if count_entries(connection, index_oid):
        known = keys_of(connection, index_oid, oids)
    content = connection.overlay.begin_puts(_ENTRIES)
    plain = hows.count(changes.ADD) == len(hows) and len(set(oids)) == len(oids)
    if plain and known.count(None) == len(known) and max(map(len, encoded)) <= _CUT:
        changes.add_pairs(start, oids, encoded, content, connection.overlay.holders if holds else {}, _SIZES)
        connection.overlay.count(start, len(oids))
        return
    wanted: dict[int, Change] = {}
    for oid, key, before, how in zip(oids, encoded, known, hows, strict=True):
        wanted.setdefault(oid, (before, {}))[1][key] = how != changes.REMOVE
    grown = sum([_apply(connection, start, oid, wanted[oid], holds) for oid in sorted(wanted)])
    if grown:
        connection.overlay.count(start, grown)


Change = tuple[bytes | None, dict[bytes, bool]]
"""The joined keys of a member before, and the keys to be added or removed."""


def _apply(connection: Connection, start: bytes, oid: int, change: Change, holds: bool) -> int:
    """Change the keys of one member; by how many its pairs grew."""
    before, wanted = change
    present = split_keys(before)
    size = len(present)
    member = keys.encode_uint(oid)
    content = connection.overlay.begin_puts(_ENTRIES)
    for encoded, added in wanted.items():
        if added == (encoded in present):
            continue
        short = keys.shorten(encoded, _KEY_LIMIT)
        entry = start + _FORWARD + short + member
        if added:
            present.append(encoded)
            content[entry] = _SIZES[len(member)] + (b"" if short is encoded else encoded)
            if holds:
                connection.lifetime.hold(oid)
        else:
            present.remove(encoded)
            content[entry] = None
            if holds:
                connection.lifetime.release(oid)
    after = join_keys(present)
    if after != before:
        content[start + _REVERSE + member] = after
    return len(present) - size


def remove_members(connection: Connection, index_oid: int, oids: list[int]) -> None:
    """Remove all pairs of the given members from an index that does not hold them."""
    start = keys.encode_uint(index_oid)
    found = zip(oids, keys_of(connection, index_oid, oids), strict=True)
    wanted = [(oid, (before, dict.fromkeys(split_keys(before), False))) for oid, before in found if before]
    grown = sum([_apply(connection, start, oid, change, False) for oid, change in wanted])
    if grown:
        connection.overlay.count(start, grown)


def drop_entries(connection: Connection, index_oid: int, *, holds: bool = True) -> None:
    """Remove all pairs and release their members, if the index holds them."""
    start = keys.encode_uint(index_oid)
    for key, value in list(connection.scan(_ENTRIES, start + _FORWARD, start + _END)):
        if holds and key.startswith(_FORWARD, len(start)):
            connection.lifetime.release(keys.decode_uint(key, len(key) - value[0])[0])
        connection.overlay.put(_ENTRIES, key, None)
    size = count_entries(connection, index_oid)
    if size:
        connection.overlay.count(start, -size)


def pairs(
    connection: Connection, index_oid: int, low: bytes = b"", high: bytes = _END, *, reverse: bool = False
) -> Iterator[tuple[bytes, int]]:
    """Encoded keys and members of the keys from `low` to `high`, both included, in key order.

    Members of one key come in ascending order, also with `reverse`.
    """
    prefix = keys.encode_uint(index_oid) + _FORWARD
    entries = connection.scan(_ENTRIES, prefix + low[:_CUT], prefix + high[:_CUT] + _END, reverse=reverse)
    return _read(entries, len(prefix), low, high, reverse)


def pinned(connection: Connection, found: Iterator[_T]) -> Iterator[_T]:
    """`found`, read as it is asked for; the state it is read from is kept from being trimmed until its end."""
    return _release_after(found, connection.database.storage.view(connection.state))


def _release_after(found: Iterator[_T], pin: View) -> Iterator[_T]:
    with pin:
        yield from found


def _read(
    entries: Iterable[tuple[bytes, bytes]], start: int, low: bytes, high: bytes, reverse: bool
) -> Iterator[tuple[bytes, int]]:
    decode = keys.decode_uint
    found: Iterator[tuple[bytes, bytes, int]] = ((key, value, len(key) - value[0]) for key, value in entries)
    for key, value, end in found if not reverse else ():
        if len(value) > 1:
            found = chain([(key, value, end)], found)
            break
        yield key[start:end], decode(key, end)[0]
    for _, same in groupby(found, lambda entry: entry[0][start : min(entry[2], start + _CUT)]):
        group = _in_bounds(same, start, low, high)
        yield from _turned(group) if reverse else group


def _turned(group: list[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """Keys in descending order, members of one key in ascending order."""
    return iter(sorted(group, key=lambda pair: pair[0], reverse=True))


def _in_bounds(
    entries: Iterable[tuple[bytes, bytes, int]], start: int, low: bytes, high: bytes
) -> list[tuple[bytes, int]]:
    """Entries whose keys agree up to the cut, in the order of the whole keys."""
    found = []
    for key, value, end in entries:
        encoded = key[start:end] if len(value) == 1 else value[1:]
        if len(value) == 1 or low <= encoded <= high:
            found.append((encoded, keys.decode_uint(key, end)[0]))
    found.sort()
    return found

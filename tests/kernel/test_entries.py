"""Entries of dicts and sets, compiled and pure: the same bytes, and no damage that is believed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure import kernel
from perdure.errors import CorruptRecordError
from perdure.kernel._pure import entries as pure
from perdure.kernel._pure.mapping import DELETED, KEPT, MOVED, NEW

TWINS: list[Any] = [pure, *([import_module("perdure.kernel.entries")] if kernel.COMPILED else [])]
names = st.one_of(st.text(max_size=8), st.integers(), st.binary(max_size=8), st.sampled_from(["x" * 500]))
values = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.floats(allow_nan=False))
mentioned = st.lists(st.binary(min_size=1, max_size=300), max_size=20)


def encode(twin: Any, entries: dict[Any, Any], pending: dict[Any, int] | None, ordered: bool) -> Any:
    """All that an encoder says of a flush, and what it leaves to others."""
    left: list[tuple[Any, int]] = []
    encoder = twin.EntryEncoder(b"p", ordered, 7, 5, None)
    stored = encoder.stored_keys(pending or {}, lambda hot: b"odd")
    before = {key: kernel.codec.encode_record(*((4, (0,)) if ordered else (0, ())), None) for key in stored}
    encoder.encode(pending, entries, before, lambda hot, status: left.append((hot, status)))
    return encoder.records, encoder.finish(), encoder.last, encoder.referring, stored, left


@given(st.dictionaries(names, values, max_size=600), st.booleans())
def test_new_entries_are_the_same_bytes_in_both(entries: dict[Any, Any], ordered: bool) -> None:
    results = [encode(twin, entries, None, ordered) for twin in TWINS]
    assert all(result == results[0] for result in results)
    records, pages, _, _, _, left = results[0]
    assert len(records) + len(left) == len(entries)
    assert sum(count for _, _, count in pages) == (len(records) if ordered else 0)


@given(st.dictionaries(names, st.tuples(values, st.sampled_from([NEW, KEPT, DELETED, MOVED]))), st.booleans())
def test_changed_entries_are_the_same_bytes_in_both(changes: dict[Any, Any], ordered: bool) -> None:
    pending = {name: status for name, (_, status) in changes.items()}
    entries = {name: value for name, (value, status) in changes.items() if status != DELETED}
    results = [encode(twin, entries, pending, ordered) for twin in TWINS]
    assert all(result == results[0] for result in results)


@given(st.dictionaries(st.one_of(st.text(max_size=8), st.integers()), values, max_size=300))
def test_what_was_encoded_is_collected_in_its_order(entries: dict[Any, Any]) -> None:
    for twin in TWINS:
        records, pages, *_ = encode(twin, entries, None, True)
        pairs = sorted(records.items())

        def other(key: bytes, data: bytes) -> tuple[int, Any, Any]:
            shape_id, _, offset = kernel.codec.decode_header(data)
            (value,) = kernel.codec.decode_values(data, offset, (), None)
            return shape_id >> 1, kernel.keys.decode_one(key)[0], value

        found = twin.collect_entries(pairs, 1, True, None, other)
        ordered = twin.order_entries(found, [(number, twin.read_mentions(page)) for number, page, _ in pages])
        assert list(ordered.items()) == list(entries.items())


@given(mentioned)
def test_mentions_come_back(found: list[bytes]) -> None:
    pages = {twin.write_mentions(found) for twin in TWINS}
    assert len(pages) == 1
    assert all(twin.read_mentions(page) == found for twin in TWINS for page in pages)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_page_or_damaged_in_both(page: bytes) -> None:
    results = []
    for twin in TWINS:
        try:
            results.append(twin.read_mentions(page))
        except CorruptRecordError:
            results.append(None)
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 11])
def test_a_page_that_ends_within_a_key_is_damaged(twin: Any, size: int) -> None:
    page = twin.write_mentions([b"key", b"another"])
    with pytest.raises(CorruptRecordError):
        twin.read_mentions(page[:size])

"""Packed records of immutable objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.errors import CorruptRecordError
from perdure.kernel import codec, embedding
from perdure.session.squeezing import open_record, pack_record, unpack_body


class OneDictionary:
    """A catalog with one dictionary, made of the first sample."""

    def __init__(self) -> None:
        self.content = b""

    def dictionary_of(self, entry: Any, sample: bytes) -> tuple[int, bytes]:
        del entry
        self.content = self.content or sample
        return 7, self.content

    def dictionary(self, dictionary_id: int) -> bytes:
        if dictionary_id != 7:
            raise CorruptRecordError("no such dictionary")
        return self.content


def packed(catalog: Any, record: bytes) -> bytes:
    return pack_record(catalog, catalog, record, codec.decode_header(record)[2])


RECORDS = st.lists(st.text(max_size=200) | st.integers() | st.binary(max_size=100), max_size=20)


@settings(deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_packed_records_come_back(contents: list[list[Any]]) -> None:
    catalog: Any = OneDictionary()
    records = [codec.encode_record(64, values, lambda value: codec.Reference(1, 2)) for values in contents]
    short = [packed(catalog, record) for record in records]
    assert [open_record(catalog, record) for record in short] == records
    assert all(len(one) <= len(record) for one, record in zip(short, records, strict=True))


def test_like_records_become_much_smaller_and_keep_their_references() -> None:
    catalog: Any = OneDictionary()

    def record(number: int) -> bytes:
        values = [object(), {f"key {index}": f"value {index}" for index in range(30)}, number]
        return codec.encode_record(64, values, lambda value: codec.Reference(number, 2))

    packed(catalog, record(1))
    short = packed(catalog, record(2))
    assert len(short) < len(record(2)) / 5
    assert [one.oid for one in codec.list_references(short)] == [2]
    assert open_record(catalog, short) == record(2)


def test_few_differences_are_stored_as_such_and_many_are_deflated() -> None:
    catalog: Any = OneDictionary()

    def packed_as(*values: Any) -> tuple[int, ...]:
        record = codec.encode_record(64, values, None)
        short = packed(catalog, record)
        assert open_record(catalog, short) == record
        found: Any = codec.decode_value(short[2:], lambda code, payload: payload)
        return tuple(found[3:])

    words = [f"word {index} of the dictionary" for index in range(40)]
    assert packed_as(*words) == packed_as(*words[:20], "another", *words[20:]) == (1,)
    assert packed_as(*[f"other {index} words here" for index in range(60)]) == ()


WRONG = [
    *(None, (1, 2), (8, 5, b""), (7, 5, b"\0\0"), (7, 1 << 40, b""), (7, 1 << 80, b""), (7, -1, b""), (7, "x", b"")),
    *((7, 5, b"", 1), (7, 5, b"\5value", 2), (7, -1, b"", 1), (7, 1 << 80, b"\5value", 1), (8, 5, b"\5value", 1)),
    *((7, 5, b"\5value", 1, 1), (7, 4, b"\5value", 1)),
]


@pytest.mark.parametrize("payload", WRONG)
def test_damage_is_an_error(payload: object) -> None:
    catalog: Any = OneDictionary()
    catalog.content = b"some dictionary"
    with pytest.raises(CorruptRecordError):
        unpack_body(catalog, codec.encode_value(codec.Extension(embedding.PACKED, payload)))

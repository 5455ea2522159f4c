"""The section "Objects" of docs/format.md: its registers are those of the code, and stored bytes look as it says."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.kernel import codec, keys
from perdure.query.index_keys import KINDS
from perdure.session import builtin, extensions, set_root
from perdure.storage.spaces import CATALOG, COUNTERS, ENTRIES, OBJECT_TAGS, POSTINGS, RECORDS, REFCOUNTS
from perdure.workspace.functions import workspace

SECTION = (Path(__file__).parents[2] / "docs" / "format.md").read_text().split("\n## Objects\n", 1)[1]
Stored = dict[int, dict[bytes, bytes]]


def rows(pattern: str) -> list[Any]:
    return re.findall(pattern, SECTION, re.MULTILINE)


def test_class_ids_are_those_of_the_code() -> None:
    for module in ("OOBTree", "LOBTree"):
        import_module(f"perdure.zodb.BTrees.{module}")
    own = {number: cls.__name__ for number, cls in builtin._by_id.items() if cls.__module__.startswith("perdure.")}
    assert {int(number): name for number, name in rows(r"^\| (\d+) \| ([A-Z]\w+) \|")} == own
    assert set(builtin._modules) <= set(own)


def test_extension_codes_are_those_of_the_code() -> None:
    codes = rows(r"^\| (\d+) \| [\w`. ]+ \| (?:tuple|its name)")
    assert [int(code) for code in codes] == sorted(extensions._by_code)


def test_types_of_index_keys_are_those_of_the_code() -> None:
    named = SECTION.split("from 0 on: ", 1)[1].split(";", 1)[0]
    assert named.split(", ") == ["None", *[kind.__name__ for kind in KINDS[1:]]]


@pytest.mark.parametrize("tag, data", rows(r"^\| `(\(\d, .*\))` \| `([0-9a-f ]+)` \|$"))
def test_vectors_of_tags_are_true(tag: str, data: str) -> None:
    assert keys.encode(eval(tag)) == bytes.fromhex(data)


@db0.memo
class Sample:
    """A class with a field."""

    def __init__(self, value: object) -> None:
        self.value = value


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    db0.init(tmp_path, prefix="format", autocommit=False)
    yield workspace().current()
    db0.close()


def stored(connection: Any, value: Any) -> tuple[int, Stored]:
    """The id of a value that was made the root "sample", and all that is stored then."""
    set_root(connection, "sample", value)
    connection.commit()
    view = connection.database.storage.view()
    spaces = (RECORDS, ENTRIES, POSTINGS, OBJECT_TAGS, REFCOUNTS, CATALOG, COUNTERS)
    return connection.add(value), {space.id: dict(view.scan(space.id)) for space in spaces}


def values_of(data: bytes) -> list[Any]:
    _, _, offset = codec.decode_header(data)
    return codec.decode_values(data, offset, [], lambda code, payload: (code, payload))


def test_classes_shapes_and_roots_are_stored_as_described(connection: Any) -> None:
    oid, found = stored(connection, Sample(7))
    catalog: dict[bytes, Any] = {key[:1]: codec.decode_value(data) for key, data in found[CATALOG.id].items()}
    record = found[RECORDS.id][keys.encode_uint(oid)]
    shape, class_id = codec.decode_header(record)[0], catalog[b"s"][0]
    assert catalog[b"d"] == connection.database.uuid < 1 << 63
    assert found[CATALOG.id][b"r" + keys.encode(("sample",))] == codec.encode_value(oid)
    assert catalog[b"c"][:3] == (f"{__name__}:Sample", __name__, "Sample")
    assert catalog[b"s"] == (class_id, ("value",))
    assert values_of(record) == [7]
    assert {b"c" + keys.encode_uint(class_id), b"s" + keys.encode_uint(shape)} <= set(found[CATALOG.id])
    assert found[REFCOUNTS.id] == {}
    assert found[POSTINGS.id].keys() == {keys.encode((0, class_id)) + keys.encode_uint(0)}


def test_tags_are_stored_as_described(connection: Any) -> None:
    one = Sample(1)
    oid = connection.add(one)
    connection.tagging.change(one, [keys.encode((1, "a"))], True)
    connection.tagging.change(one, [keys.encode((1, "b" * 900))], True, True)
    _, found = stored(connection, one)
    row = codec.decode_value(found[OBJECT_TAGS.id][keys.encode_uint(oid)])
    assert row == [(keys.encode((1, "a")),), (keys.encode((1, "b" * 900)),)]
    assert keys.shorten(keys.encode((1, "b" * 900)), 400) + keys.encode_uint(0) in found[POSTINGS.id]


def test_sequences_are_stored_as_nodes(connection: Any) -> None:
    oid, found = stored(connection, db0.list(["a", "b"]))
    assert values_of(found[RECORDS.id][keys.encode_uint(oid)]) == [0, "a", "b"]
    oid, found = stored(connection, db0.list(range(1000)))
    record = found[RECORDS.id][keys.encode_uint(oid)]
    shape, references, offset = codec.decode_header(record)
    values: list[Any] = codec.decode_values(record, offset, references, lambda *_: None)
    kind, counts = values[:2]
    pages = [values_of(found[RECORDS.id][keys.encode_uint(one.oid)]) for one in references]
    assert (shape, kind, sum(counts), {one.class_id for one in references}) == (1, 1, 1000, {2})
    assert [value for page in pages for value in page[1:]] == [*range(1000)]
    oid, found = stored(connection, db0.bytearray(b"abc"))
    assert values_of(found[RECORDS.id][keys.encode_uint(oid)]) == [2, b"abc"]


def test_small_mappings_are_stored_in_their_record(connection: Any) -> None:
    oid, found = stored(connection, db0.dict({"a": 1, 2: "b"}))
    assert values_of(found[RECORDS.id][keys.encode_uint(oid)]) == [0, "a", 1, 2, "b"]
    oid, found = stored(connection, db0.set(["a"]))
    assert values_of(found[RECORDS.id][keys.encode_uint(oid)]) == [0, "a"]


def test_large_mappings_are_stored_as_entries_and_order_pages(connection: Any) -> None:
    oid, found = stored(connection, db0.dict({key: key for key in [*range(99), "z" * 900]}))
    start = keys.encode_uint(oid)
    assert values_of(found[RECORDS.id][start]) == [1]
    entry = found[ENTRIES.id][start + b"\0" + keys.encode_one(42)]
    assert (codec.decode_header(entry)[0] & 1, values_of(entry)) == (0, [42])
    cut = found[ENTRIES.id][start + b"\0" + keys.shorten(keys.encode_one("z" * 900), 400)]
    assert (codec.decode_header(cut)[0] & 1, values_of(cut)) == (1, ["z" * 900, "z" * 900])
    (place,) = [key for key in found[ENTRIES.id] if key.startswith(start + b"\1")]
    assert keys.decode_uint(place, len(start) + 1)[0] == codec.decode_header(entry)[0] >> 1
    first = keys.encode_one(0)
    assert found[ENTRIES.id][place].startswith(bytes([len(first)]) + first)
    counters = found[COUNTERS.id]
    assert codec_counter(counters[start]) == codec_counter(counters[keys.encode_uint(oid | 1 << 63)]) == 100


def codec_counter(data: bytes) -> int:
    """A zigzag varint of up to two bytes."""
    number = data[0] & 0x7F | (data[1] << 7 if len(data) > 1 else 0)
    return number >> 1 ^ -(number & 1)


def test_indexes_are_stored_as_pairs_and_keys_of_members(connection: Any) -> None:
    index: db0.index[str, Sample] = db0.index()
    one = Sample(1)
    member, long = keys.encode_uint(connection.add(one)), keys.encode_one("k" * 900)
    oid = connection.add(index)
    index.add("a", one)
    index.add("k" * 900, one)
    _, found = stored(connection, index)
    start = keys.encode_uint(oid)
    assert values_of(found[RECORDS.id][start]) == [KINDS.index(str)]
    assert found[ENTRIES.id][start + b"\0" + keys.encode_one("a") + member] == b"\1"
    assert found[ENTRIES.id][start + b"\0" + keys.shorten(long, 400) + member] == b"\1" + long
    assert found[ENTRIES.id][start + b"\1" + member] == b"\xff" + keys.encode_one("a") + long


def test_uuids_are_written_as_described(connection: Any) -> None:
    sample = Sample(1)
    number = int.from_bytes(base64.b32decode(db0.uuid(sample)))
    assert (number >> 56, number & (1 << 56) - 1) == (db0.get_current_prefix().uuid, connection.add(sample))

"""The vectors of docs/format.md are true, and there is one for every kind and tag."""

import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from kernel_values import TWINS, exact, twin

from perdure.kernel import _keyparts
from perdure.kernel._pure import codec_tags

PAGE = Path(__file__).parents[2] / "docs" / "format.md"
TYPES = (date, datetime, time, timedelta, timezone, Decimal, UUID, ZoneInfo)
NAMES = {kind.__name__: kind for kind in (*TYPES, _keyparts.EnumKey, _keyparts.ObjectId)}


def table(title):
    """The rows of the table under the line "Vectors of `title`", each a list of the code in its cells."""
    text = PAGE.read_text(encoding="utf-8").split(f"Vectors of `{title}`")[1].lstrip()
    lines = text.split("\n\n")[1].splitlines()[2:]
    return [re.findall(r"`([^`]*)`", line) for line in lines]


def unhex(text):
    """Bytes from hex digits, where `00*8` is eight times the byte."""
    parts = (part.partition("*") for part in text.split())
    return b"".join(bytes.fromhex(byte) * int(count or 1) for byte, _, count in parts)


def rows(title):
    return [pytest.param(*row, id=" ".join(row[:-1])) for row in table(title)]


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("value, data", rows("keys.encode_one"))
def test_key_vectors_are_true(name, value, data):
    keys = twin(name, "keys")
    expected = eval(value, dict(NAMES))
    assert keys.encode_one(expected) == unhex(data)
    assert exact(keys.decode(unhex(data))) == exact((expected,))


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("number, data", rows("keys.encode_uint"))
def test_unsigned_integer_vectors_are_true(name, number, data):
    keys = twin(name, "keys")
    assert keys.encode_uint(eval(number)) == unhex(data)
    assert keys.decode_uint(unhex(data)) == (eval(number), len(unhex(data)))


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("dictionary, body, data", rows("embedding.follow"))
def test_vectors_of_differences_are_true(name, dictionary, body, data):
    embedding = twin(name, "embedding")
    assert embedding.Alike(dictionary.encode()).differences(body.encode()) == unhex(data)
    assert embedding.follow(dictionary.encode(), unhex(data), len(body)) == body.encode()


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("value, data", rows("codec.encode_value"))
def test_value_vectors_are_true(name, value, data):
    codec = twin(name, "codec")
    expected = eval(value, {**NAMES, "Extension": codec.Extension})
    assert codec.encode_value(expected) == unhex(data)
    assert exact(codec.decode_value(unhex(data), codec.Extension)) == exact(expected)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("shape, values, data", rows("codec.encode_record"))
def test_record_vectors_are_true(name, shape, values, data):
    codec = twin(name, "codec")
    expected = eval(values, {"Reference": codec.Reference, "Extension": codec.Extension})
    assert codec.encode_record(int(shape), expected, None) == unhex(data)
    found, references, offset = codec.decode_header(unhex(data))
    assert found == int(shape)
    assert codec.decode_values(unhex(data), offset, references, codec.Extension) == expected


def test_every_kind_of_key_has_a_vector():
    kinds = [value for name, value in vars(_keyparts).items() if name.isupper() and isinstance(value, int)]
    kinds = {kind for kind in kinds if 0 < kind < 256} - {_keyparts.MAX_DEPTH}
    assert kinds - {unhex(row[1])[0] for row in table("keys.encode_one")} == set()


def test_every_tag_of_values_has_a_vector():
    tags = {
        value
        for name, value in vars(codec_tags).items()
        if name.isupper() and isinstance(value, int) and not name.startswith(("ZONE", "MAX", "MASK"))
    }
    short = {
        "INT_SMALL": 64,
        "STR_SHORT": 64,
        "BYTES_SHORT": 32,
        "TUPLE_SHORT": 16,
        "INT_NEGATIVE": 16,
        "INT": 8,
    }
    used = {unhex(row[1])[0] for row in table("codec.encode_value")} | {codec_tags.REFERENCE}
    for name, size in short.items():
        start = getattr(codec_tags, name)
        assert used & set(range(start, start + size)), name
        tags.discard(start)
    assert tags - used == set()

from __future__ import annotations

import pickle
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.collections import ByteArray, pages
from perdure.session import Connection, get_root, set_root

from .machines import outcome
from .things import records, reopen

NO_ARGUMENTS = [
    "isalnum", "isalpha", "isascii", "isdigit", "islower", "isspace", "istitle", "isupper", "capitalize", "lower",
    "upper", "swapcase", "title", "expandtabs", "splitlines", "split", "rsplit", "strip", "lstrip", "rstrip", "hex",
    "decode",
]  # fmt: skip
ONE_TEXT = [
    "find", "rfind", "index", "rindex", "count", "startswith", "endswith", "partition", "rpartition", "split", "rsplit",
    "strip", "lstrip", "rstrip", "removeprefix", "removesuffix",
]  # fmt: skip
texts = st.one_of(st.binary(max_size=12), st.text("aB1 .\t\nx", max_size=12).map(str.encode))


def same(found: Any, expected: Any) -> bool:
    """Whether results agree, durable bytearrays standing for plain ones."""
    if isinstance(expected, bytearray):
        return isinstance(found, ByteArray) and found == expected
    if isinstance(expected, (list, tuple)):
        return type(found) is type(expected) and len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and found == expected


@given(texts, st.sampled_from(NO_ARGUMENTS))
def test_methods_without_arguments(text: bytes, name: str) -> None:
    expected, raised = outcome(getattr(bytearray(text), name))
    found, kind = outcome(getattr(ByteArray(text), name))
    assert kind is raised
    assert same(found, expected)


@given(texts, st.sampled_from(ONE_TEXT), texts, st.booleans())
def test_methods_of_another_text(text: bytes, name: str, other: bytes, durable: bool) -> None:
    expected, raised = outcome(lambda: getattr(bytearray(text), name)(other))
    found, kind = outcome(lambda: getattr(ByteArray(text), name)(ByteArray(other) if durable else other))
    assert kind is raised
    assert same(found, expected)


@given(texts, texts, texts, st.integers(-1, 20))
def test_methods_of_several_arguments(text: bytes, one: bytes, other: bytes, number: int) -> None:
    values, plain = ByteArray(text), bytearray(text)
    assert same(values.replace(ByteArray(one), other, number), plain.replace(one, other, number))
    assert same(values.find(one, 1, number), plain.find(one, 1, number))
    assert same(values.startswith((ByteArray(one), other), 1), plain.startswith((one, other), 1))
    assert same(values.join([ByteArray(one), other]), plain.join([one, other]))
    assert same(values.translate(bytes(range(256))[::-1], delete=one), plain.translate(bytes(range(256))[::-1], one))
    for name in ("center", "ljust", "rjust"):
        assert same(getattr(values, name)(number, b"*"), getattr(plain, name)(number, b"*"))
    assert same(values.zfill(number), plain.zfill(number))
    assert same(values.splitlines(keepends=True), plain.splitlines(keepends=True))
    assert same(values.expandtabs(tabsize=3), plain.expandtabs(3))


@given(texts, texts)
def test_comparisons_and_joins(one: bytes, other: bytes) -> None:
    values = ByteArray(one)
    for right in (other, bytearray(other), ByteArray(other)):
        assert [values == right, values != right, values < right, values <= right, values > right, values >= right] == [
            one == other, one != other, one < other, one <= other, one > other, one >= other,
        ]  # fmt: skip
        assert same(values + right, bytearray(one + other))
        assert (right in values) == (other in one)
    assert other + values == other + one
    assert values != [*one]
    assert same(values * 2, bytearray(one * 2))
    assert same(2 * values, bytearray(one * 2))
    assert bytes(values) == one
    assert repr(values) == str(values) == repr(bytearray(one))


def test_construction_takes_what_bytearrays_take() -> None:
    assert ByteArray() == b""
    assert ByteArray(3) == b"\0\0\0"
    assert ByteArray([1, 2]) == ByteArray(b"\1\2") == ByteArray(ByteArray(b"\1\2")) == b"\1\2"
    assert ByteArray("ä", "utf-8") == "ä".encode()
    assert ByteArray.fromhex("0aff") == b"\x0a\xff"
    assert ByteArray.maketrans(b"a", b"b") == bytearray.maketrans(b"a", b"b")
    assert ByteArray(b"%d-%s") % (1, b"x") == b"1-x"
    for wrong, error in [([256], ValueError), ([-1], ValueError), ("a", TypeError), (object(), TypeError)]:
        with pytest.raises(error):
            ByteArray(wrong)


def test_wrong_calls_raise_what_bytearrays_raise() -> None:
    values = ByteArray(b"ab")
    for call, error in [
        (lambda: values[2], IndexError),
        (lambda: values.append(256), ValueError),
        (lambda: values.append("a"), TypeError),
        (lambda: values.append(b"a"), TypeError),
        (lambda: values.extend("a"), TypeError),
        (lambda: values.extend(5), TypeError),
        (lambda: values.__setitem__(0, -1), ValueError),
        (lambda: values.__setitem__(5, 1), IndexError),
        (lambda: values.__setitem__(slice(0, 1), 5), TypeError),
        (lambda: values.__setitem__(slice(0, 1), "a"), TypeError),
        (lambda: values.__iadd__([1]), TypeError),
        (lambda: values.remove(1), ValueError),
        (lambda: values.index(b"z"), ValueError),
        (lambda: ByteArray().pop(), IndexError),
        (lambda: hash(values), TypeError),
        (lambda: values < "a", TypeError),
        (lambda: values + "a", TypeError),
        (lambda: pickle.dumps(values), TypeError),
    ]:
        with pytest.raises(error):
            call()  # type: ignore[no-untyped-call]
    assert values == b"ab"


def test_a_large_one_is_changed_without_loading_it(connection: Connection) -> None:
    text = bytes(range(256)) * 8000
    set_root(connection, "bytes", ByteArray(text))
    connection = reopen(connection)
    assert records(connection) > 100
    values = get_root(connection, "bytes")
    middle = len(text) // 2
    with mock.patch.object(Connection, "read", autospec=True, side_effect=Connection.read) as read:
        values[middle] = 7
        values[middle + 1 : middle + 3] = b"many more bytes"
        assert values[middle] == 7
        assert values[middle : middle + 5] == b"\7many"
        assert len(values) == len(text) + 13
    assert read.call_count < 20
    connection = reopen(connection)
    expected = text[:middle] + b"\7many more bytes" + text[middle + 3 :]
    assert bytes(get_root(connection, "bytes")) == expected


def test_a_small_one_is_one_record(connection: Connection) -> None:
    set_root(connection, "bytes", ByteArray(b"x" * pages.BYTES_INLINE))
    connection.commit()
    assert records(connection) == 1

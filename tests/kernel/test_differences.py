"""Bytes told by their differences from a dictionary: both twins find the same ones, and refuse what is damaged."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernel_values import TWINS, twin

from perdure.errors import CorruptRecordError

EMBEDDINGS = [twin(name, "embedding") for name in TWINS]
ALIKE = st.text("abc", max_size=80).map(str.encode)
PIECES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.binary(max_size=8)), max_size=6)


@given(ALIKE | st.binary(max_size=300), ALIKE, PIECES)
@example(b"", b"", [])
@example(b"abc", b"abc", [])
@example(b"abcd" * 40, b"", [(0, 60, b"")] * 3)
def test_what_is_followed_is_what_was_compared(dictionary, first, pieces):
    body = first + b"".join(dictionary[start : start + count] + other for start, count, other in pieces)
    found = [embedding.Alike(dictionary).differences(body) for embedding in EMBEDDINGS]
    assert found[0] == found[1] and len(found[0]) <= len(body) + 10 * (len(body) // 4 + 1)
    assert [embedding.follow(dictionary, found[0], len(body)) for embedding in EMBEDDINGS] == [body, body]


def followed(embedding, dictionary, differences, size):
    try:
        return embedding.follow(dictionary, differences, size)
    except CorruptRecordError:
        return None


@given(ALIKE, ALIKE, st.integers(0, 200), st.binary(max_size=4), st.integers(-3, 3))
def test_twins_agree_on_what_is_damaged(dictionary, body, place, new, more):
    data = EMBEDDINGS[0].Alike(dictionary).differences(body)
    place = min(place, len(data))
    changed = data[:place] + new + data[place + len(new) :]
    answers = [followed(embedding, dictionary, changed, len(body) + more) for embedding in EMBEDDINGS]
    assert answers[0] == answers[1]


DAMAGE = {
    "nothing at all": (b"", 3),
    "bytes that are not there": (b"\x05ab", 5),
    "more bytes than the size": (b"\x03abc", 2),
    "a number that does not end": (b"\xff" * 12, 5),
    "a place before the dictionary": (b"\x00\x04\x01", 4),
    "a place behind the dictionary": (b"\x00\x04\x1e", 4),
    "a place far away": (b"\x00\x04" + b"\xff" * 8 + b"\x7f", 4),
    "an end behind the dictionary": (b"\x00\x0b\x00", 11),
    "more of the dictionary than the size": (b"\x00\x08\x00", 4),
    "nothing of the dictionary": (b"\x00\x00\x00", 4),
    "bytes left over": (b"\x00\x04\x00\x00", 4),
}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_an_error(name, damage):
    data, size = DAMAGE[damage]
    with pytest.raises(CorruptRecordError):
        twin(name, "embedding").follow(b"0123456789", data, size)


@pytest.mark.parametrize("name", TWINS)
def test_a_dictionary_has_a_longest_size(name):
    with pytest.raises(ValueError, match="32769 bytes is too long"):
        twin(name, "embedding").Alike(bytes(2**15 + 1))
    alike = twin(name, "embedding").Alike(bytes(2**15 - 4) + b"last")
    assert alike.differences(b"..last") == b"\x02..\x04" + b"\xf4\xff\x03"

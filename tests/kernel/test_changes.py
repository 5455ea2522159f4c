from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.kernel import changes as chosen
from perdure.kernel import durable as chosen_durable
from perdure.kernel._pure import changes as pure
from perdure.kernel._pure import durable as pure_durable
from perdure.kernel.keys import encode_one, encode_uint

TWINS = [pytest.param((chosen, chosen_durable), id="chosen"), pytest.param((pure, pure_durable), id="pure")]


def things(durable: Any, count: int) -> list[Any]:
    class Thing(durable.Durable):
        pass

    return [Thing() for _ in range(count)]


@pytest.mark.parametrize("twin", TWINS)
def test_changes_are_taken_in_order_with_ids_for_new_objects(twin):
    changes, durable = twin
    owner = durable.Owner()
    first, second, third = things(durable, 3)
    durable.attach(first, owner, 7)
    buffer = changes.Changes()
    for obj, value, how in ((first, "a", changes.ADD), (second, "b", changes.REMOVE), (first, "c", changes.ADD)):
        buffer.add(obj, value, how)
    assert len(buffer) == 3
    assert buffer.unidentified() == [second]
    oids, values, hows, types = buffer.take(lambda obj: 8)
    assert (oids, values, hows) == ([7, 8, 7], ["a", "b", "c"], [changes.ADD, changes.REMOVE, changes.ADD])
    assert types == {type(first), type(second)}
    assert len(buffer) == 0
    assert buffer.take(lambda obj: 8) == ([], [], [], set())
    assert third is not None


@pytest.mark.parametrize("twin", TWINS)
def test_changes_of_dead_objects_go_and_those_of_unfinished_ones_stay(twin):
    changes, durable = twin
    buffer = changes.Changes()
    taken: list[Any] = []

    class Unfinished(durable.Durable, metaclass=durable.DurableType):
        _perdure_factory_ = None

        def __init__(self) -> None:
            buffer.add(self, "early", changes.ADD)
            taken.append(buffer.take(lambda obj: 5))

    (dead,) = things(durable, 1)
    buffer.add(dead, "x", changes.ADD)
    durable.kill(dead)
    durable.set_ambient(durable.Owner())
    made = Unfinished()
    durable.set_ambient(None)
    assert taken == [([], [], [], set())]
    assert buffer.unidentified() == [made]
    assert buffer.take(lambda obj: 5) == ([5], ["early"], [changes.ADD], {Unfinished})


@pytest.mark.parametrize("twin", TWINS)
def test_clear_forgets_all(twin):
    changes, durable = twin
    buffer = changes.Changes()
    buffer.add(things(durable, 1)[0], "x", changes.ADD_PASSIVE)
    buffer.clear()
    assert len(buffer) == 0


IDS = st.integers(0, 2**64 - 1) | st.integers(0, 0x300000) | st.sampled_from([0x7F, 0x80, 0x407F, 0x4080, 0x20407F])


@pytest.mark.parametrize("twin", TWINS)
@given(st.lists(IDS))
def test_ids_are_encoded_as_keys_do(twin, oids):
    assert twin[0].encode_ids(oids) == [encode_uint(oid) for oid in oids]


@pytest.mark.parametrize("twin", TWINS)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 9))))
def test_what_is_alike_is_grouped(twin, rows):
    groups = twin[0].group_alike(
        [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows], [bytes([row[2]]) for row in rows]
    )
    expected: dict[Any, Any] = {}
    for first, second, oid in rows:
        group = expected.setdefault((first, second), ([], []))
        group[0].append(oid)
        group[1].append(bytes([oid]))
    assert groups == expected
    assert list(groups) == list(expected)


@pytest.mark.parametrize("twin", TWINS)
@given(st.dictionaries(IDS, st.integers(), max_size=6), st.dictionaries(IDS, st.sampled_from([-1, 1, 5]), max_size=3))
def test_both_entries_of_a_pair_are_written_and_its_member_held(twin, members, before):
    sizes = [bytes([size]) for size in range(10)]
    start = encode_uint(99)
    content: dict[bytes, Any] = {}
    holders = dict(before)
    encoded = [encode_one(key) for key in members.values()]
    twin[0].add_pairs(start, list(members), encoded, content, holders, sizes)
    expected = {}
    for oid, key in zip(members, encoded, strict=True):
        member = encode_uint(oid)
        expected[start + b"\0" + key + member] = sizes[len(member)]
        expected[start + b"\1" + member] = key
    assert content == expected
    totals = {oid: before.get(oid, 0) + (oid in members) for oid in {*members, *before}}
    assert holders == {oid: total for oid, total in totals.items() if total}

"""Damaged records of immutable objects: whatever a part, container or link says, both twins refuse it or agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.graphs import Graphs, seeds

from perdure.errors import CorruptRecordError
from perdure.kernel import codec, durable, records
from perdure.kernel._pure import codec as pure_codec
from perdure.kernel._pure import durable as pure_durable
from perdure.kernel._pure import records as pure_records

GRAPHS = [Graphs(durable, records, codec), Graphs(pure_durable, pure_records, pure_codec)]
PART, PART_SET, PART_DICT, LINK = 11, 12, 13, 14

DAMAGE = {
    "a part that is no tuple": (PART, 5),
    "a part without a shape": (PART, ()),
    "a part of no shape": (PART, ("text", 1)),
    "a part of an unknown shape": (PART, (9999, 1)),
    "a part with too many values": (PART, (65, 1, 2)),
    "a part of a class that is not immutable": (PART, (66, 1)),
    "a set that is no tuple": (PART_SET, None),
    "a set with a dict": (PART_SET, ({},)),
    "a set with a member twice": (PART_SET, (1, 1)),
    "a dict that is no tuple": (PART_DICT, [1, 2]),
    "a dict with a key that has no value": (PART_DICT, (1, 2, 3)),
    "a dict with a list as a key": (PART_DICT, ([], 1)),
    "a dict with a key twice": (PART_DICT, (1, 2, 1, 3)),
    "a link that is no list": (LINK, (0, 64)),
    "a link of one number": (LINK, [0]),
    "a link to a part before the root": (LINK, [-1, 65]),
    "a link to a part that is not there": (LINK, [1, 65]),
    "a link to a part beyond all": (LINK, [1 << 70, 65]),
}


@pytest.mark.parametrize("graphs", GRAPHS, ids=["chosen", "pure"])
@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_an_error(name: str, graphs: Any) -> None:
    data = codec.encode_record(64, [codec.Extension(*DAMAGE[name]), None, 1], None)
    with pytest.raises(CorruptRecordError):
        graphs.read(data)


@given(st.sampled_from(seeds()), st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_both_twins_agree_on_changed_records(data: bytes, place: int, new: bytes) -> None:
    place %= len(data)
    changed = data[:place] + new + data[place + len(new) :]
    answers = []
    for graphs in GRAPHS:
        try:
            answers.append(graphs.read(changed))
        except CorruptRecordError:
            answers.append(None)
    assert answers[0] == answers[1]

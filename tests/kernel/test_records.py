from __future__ import annotations

from typing import Any

import pytest

from perdure.errors import CorruptRecordError
from perdure.kernel import durable as chosen_durable
from perdure.kernel import records as chosen
from perdure.kernel._pure import durable as pure_durable
from perdure.kernel._pure import records as pure
from perdure.kernel.codec import Reference, encode_record
from perdure.kernel.keys import decode_uint

TWINS = [pytest.param((chosen, chosen_durable), id="chosen"), pytest.param((pure, pure_durable), id="pure")]


@pytest.mark.parametrize("twin", TWINS)
def test_objects_that_are_loaded_are_given_in_order_and_only_the_others_read(twin):
    records, durable = twin
    owner = durable.Owner()
    asked: list[Any] = []

    class Thing(durable.Durable):
        pass

    first, second = Thing(), Thing()
    for oid, obj in ((1, first), (2, second)):
        durable.attach(obj, owner, oid)
        durable.mark_clean(obj, 10)

    def read(keys: list[bytes]) -> list[bytes | None]:
        asked.append([decode_uint(key)[0] for key in keys])
        return [None] * len(keys)

    def fetch(oids: list[int]) -> list[Any]:
        return records.fetch_many(owner, oids, read, {}, None)

    assert fetch([2, 1, 2]) == [second, first, second]
    assert fetch([]) == [] and asked == []
    assert fetch([1, 3]) == [first] and asked == [[3]]
    durable.make_ghost(second)
    assert fetch([1, 2]) == [first] and asked == [[3], [2]]
    durable.kill(second)
    assert fetch([1, 2]) == [first]


def listed(*values: Any) -> bytes:
    return encode_record(2, [0, *values], None)


@pytest.mark.parametrize("twin", TWINS)
def test_one_object_of_a_record_of_references_is_made_without_those_beside_it(twin):
    records, durable = twin
    owner = durable.Owner()

    class Thing(durable.Durable):
        pass

    owner.classes[70] = Thing
    data = listed(*[Reference(oid, 70, False) for oid in (9, 4, 300)], 7, Reference(5, 70, False))
    for place, oid in ((1, 9), (2, 4), (3, 300)):
        found = records.peek(owner, data, place, 0)
        assert type(found) is Thing and durable.oid_of(found) == oid and owner.objects[oid] is found
    assert set(owner.objects) == {9, 4, 300}
    for place in (-1, 0, 4, 5, 6, 1 << 40):
        assert records.peek(owner, data, place, 0) is records.WHOLE
    assert records.peek(owner, data, 1, 1) is records.WHOLE
    assert records.peek(owner, listed(Reference(9, 70, True)), 1, 0) is records.WHOLE
    assert records.peek(owner, listed(), 1, 0) is records.WHOLE
    assert records.peek(owner, encode_record(2, [], None), 1, 0) is records.WHOLE
    for size in range(len(data)):
        try:
            found = records.peek(owner, data[:size], 1, 0)
        except CorruptRecordError:
            continue
        assert found is records.WHOLE or durable.oid_of(found) == 9

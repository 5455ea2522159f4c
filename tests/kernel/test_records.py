from __future__ import annotations

from typing import Any

import pytest

from perdure.kernel import durable as chosen_durable
from perdure.kernel import records as chosen
from perdure.kernel._pure import durable as pure_durable
from perdure.kernel._pure import records as pure
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

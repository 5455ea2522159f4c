"""Random use of several engines in step, compared with each other and with a plain dict."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from perdure.engine import Engine, EngineTransaction

from .engine_contract import write

__all__ = ["engine_machine"]

Data = dict[bytes, bytes]
SPACES = (0, 1)

keys = st.binary(min_size=1, max_size=6) | st.integers(0, 300).map(lambda number: b"%05d" % number)
values = st.binary(max_size=12) | st.integers(0, 9000).map(lambda size: b"v" * size)
spaces = st.sampled_from(SPACES)
bounds = st.none() | keys


def engine_machine(make: Callable[[], list[Engine]]) -> type[RuleBasedStateMachine]:
    """A state machine over the engines that `make` gives; `.TestCase` of it runs under pytest and unittest.

    The engines have the spaces 0 and 1, both empty; the machine closes them.
    """

    class Machine(_EngineMachine):
        make_engines = staticmethod(make)

    return Machine


class _EngineMachine(RuleBasedStateMachine):
    make_engines: Callable[[], list[Engine]]

    def __init__(self) -> None:
        super().__init__()
        self.engines = self.make_engines()
        self.committed: dict[int, Data] = {space: {} for space in SPACES}
        self.pending: dict[int, Data] | None = None
        self.writers: list[EngineTransaction] = []
        self.snapshots: list[tuple[dict[int, Data], list[EngineTransaction]]] = []

    def teardown(self) -> None:
        for transactions in [self.writers, *(readers for _, readers in self.snapshots)]:
            for transaction in transactions:
                transaction.abort()
        for engine in self.engines:
            engine.close()

    @precondition(lambda self: self.pending is None)
    @rule()
    def begin_write(self) -> None:
        self.pending = {space: dict(data) for space, data in self.committed.items()}
        self.writers = [engine.begin(write=True) for engine in self.engines]

    @precondition(lambda self: self.pending is not None)
    @rule(space=spaces, items=st.dictionaries(keys, values, max_size=20))
    def put(self, space: int, items: Data) -> None:
        assert self.pending is not None
        self.pending[space].update(items)
        for writer in self.writers:
            writer.put_many(space, sorted(items.items()))

    @precondition(lambda self: self.pending is not None)
    @rule(space=spaces, doomed=st.lists(keys, max_size=5), data=st.data())
    def delete(self, space: int, doomed: list[bytes], data: st.DataObject) -> None:
        assert self.pending is not None
        present = sorted(self.pending[space])
        if present:
            doomed = [*doomed, data.draw(st.sampled_from(present))]
        doomed = list(dict.fromkeys(doomed))
        count = sum(self.pending[space].pop(key, None) is not None for key in doomed)
        for writer in self.writers:
            assert writer.delete_many(space, doomed) == count

    @precondition(lambda self: self.pending is not None)
    @rule(space=spaces, lo=keys, hi=bounds)
    def delete_range(self, space: int, lo: bytes, hi: bytes | None) -> None:
        assert self.pending is not None
        doomed = [key for key in self.pending[space] if key >= lo and (hi is None or key < hi)]
        for key in doomed:
            del self.pending[space][key]
        for writer in self.writers:
            assert writer.delete_range(space, lo, hi) == len(doomed)

    @precondition(lambda self: self.pending is not None)
    @rule()
    def commit(self) -> None:
        assert self.pending is not None
        for writer in self.writers:
            writer.commit()
        self.committed, self.pending, self.writers = self.pending, None, []

    @precondition(lambda self: self.pending is not None)
    @rule()
    def abort(self) -> None:
        for writer in self.writers:
            writer.abort()
        self.pending, self.writers = None, []

    @precondition(lambda self: self.pending is None)
    @rule(space=spaces, items=st.dictionaries(keys, values, min_size=1, max_size=5))
    def write_at_once(self, space: int, items: Data) -> None:
        self.committed = {**self.committed, space: {**self.committed[space], **items}}
        for engine in self.engines:
            write(engine, space, *items.items())

    @precondition(lambda self: len(self.snapshots) < 3)
    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((dict(self.committed), [engine.begin() for engine in self.engines]))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def drop_snapshot(self, data: st.DataObject) -> None:
        _, readers = self.snapshots.pop(data.draw(st.integers(0, len(self.snapshots) - 1)))
        for reader in readers:
            reader.abort()

    @rule(space=spaces, lo=keys, hi=bounds, reverse=st.booleans(), sought=st.lists(keys, max_size=4))
    def read(self, space: int, lo: bytes, hi: bytes | None, reverse: bool, sought: list[bytes]) -> None:
        fresh = [engine.begin() for engine in self.engines]
        for data, transactions in [*self.snapshots, (self.committed, fresh)]:
            _compare(data[space], transactions, space, (lo, hi, reverse), sought)
        if self.pending is not None:
            _compare(self.pending[space], self.writers, space, (lo, hi, reverse), sought)
        for transaction in fresh:
            transaction.abort()


def _compare(
    data: Data,
    transactions: list[EngineTransaction],
    space: int,
    bounds: tuple[bytes, bytes | None, bool],
    sought: list[bytes],
) -> None:
    lo, hi, reverse = bounds
    ordered = sorted(data.items())
    within = [pair for pair in ordered if pair[0] >= lo and (hi is None or pair[0] < hi)]
    at_or_after = [next((pair for pair in ordered if pair[0] >= key), None) for key in sought]
    for transaction in transactions:
        assert list(transaction.scan(space, lo, hi, reverse)) == (within[::-1] if reverse else within)
        assert transaction.get_many(space, sought) == [data.get(key) for key in sought]
        assert transaction.seek_many(space, sought) == at_or_after
        assert [transaction.get(space, key) for key in sought] == [data.get(key) for key in sought]
        assert [transaction.seek(space, key) for key in sought] == at_or_after
        assert transaction.last(space) == (ordered[-1] if ordered else None)

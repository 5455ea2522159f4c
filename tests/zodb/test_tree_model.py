"""Trees against a plain dict that is sorted for every question: through commits, aborts, savepoints and reopening."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from perdure.zodb import DB
from perdure.zodb.BTrees import LOBTree, OOBTree
from perdure.zodb.BTrees._keys import order_bytes

TEXTS = st.text(max_size=5)
LONG = st.builds(lambda number, end: "x" * number + end, st.integers(370, 420), st.text("ab", max_size=2))
MIXED = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(allow_nan=False, width=16),
    st.decimals(min_value=-3, max_value=3, places=1),
    TEXTS,
    st.binary(max_size=3),
    st.dates(dt.date(2000, 1, 1), dt.date(2000, 1, 9)),
    st.tuples(st.integers(0, 2), st.text("ab", max_size=1)),
)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-9, 9)
VALUES = st.integers() | st.lists(st.integers(), max_size=2) | TEXTS


class TreeMachine(RuleBasedStateMachine):
    """One tree, its model, and what the model was at the last commit and the savepoint."""

    keys: Any
    kind: Any
    valued = True

    @initialize(small_cache=st.booleans())
    def begin(self, small_cache: bool) -> None:
        self.manager = transaction.TransactionManager()
        self.db = DB(None, cache_size_bytes=4000 if small_cache else 0)
        self.connection = self.db.open(self.manager)
        self.connection.root.tree = self.kind()
        self.manager.commit()
        self.model: dict[Any, Any] = {}
        self.committed: dict[Any, Any] = {}
        self.saved: tuple[Any, dict[Any, Any]] | None = None

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()

    @property
    def tree(self) -> Any:
        return self.connection.root.tree

    def ordered(self) -> list[Any]:
        return sorted(self.model, key=order_bytes)

    @rule(data=st.data())
    def put(self, data: st.DataObject) -> None:
        key, value = data.draw(self.keys), data.draw(VALUES)
        if self.valued:
            self.tree[key] = value
        else:
            assert self.tree.add(key) == (key not in self.model)
            value = None
        self.model[key] = value

    @rule(data=st.data())
    def put_many(self, data: st.DataObject) -> None:
        fresh = data.draw(st.dictionaries(self.keys, VALUES, max_size=30))
        if self.valued:
            self.tree.update(fresh)
        else:
            self.tree.update(list(fresh))
            fresh = dict.fromkeys(fresh)
        self.model.update(fresh)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        known = self.ordered()
        key = data.draw(st.sampled_from(known) | self.keys if known else self.keys)
        remove = self.tree.__delitem__ if self.valued else self.tree.remove
        if key in self.model:
            remove(key)
            del self.model[key]
        else:
            with pytest.raises(KeyError):
                remove(key)

    @precondition(lambda self: self.model)
    @rule()
    def pop_smallest(self) -> None:
        key = self.ordered()[0]
        value = self.model.pop(key)
        found = self.tree.popitem() if self.valued else (self.tree.pop(), None)
        assert found == (key, value)

    @rule()
    def clear(self) -> None:
        self.tree.clear()
        self.model = {}

    @rule()
    def commit(self) -> None:
        self.manager.commit()
        self.committed, self.saved = dict(self.model), None

    @rule()
    def abort(self) -> None:
        self.manager.abort()
        self.model, self.saved = dict(self.committed), None

    @rule()
    def save(self) -> None:
        self.saved = self.manager.savepoint(), dict(self.model)

    @precondition(lambda self: self.saved)
    @rule()
    def roll_back(self) -> None:
        assert self.saved
        self.saved[0].rollback()
        self.model = dict(self.saved[1])

    @rule()
    def minimize(self) -> None:
        self.connection.cacheMinimize()

    @rule()
    def reopen(self) -> None:
        self.abort()
        self.connection.close()
        self.connection = self.db.open(self.manager)
        self.connection.cacheMinimize()

    @rule(data=st.data())
    def look_up(self, data: st.DataObject) -> None:
        key = data.draw(self.keys)
        assert (key in self.tree) == (key in self.model) == self.tree.has_key(key)
        if self.valued:
            assert self.tree.get(key, "no") == self.model.get(key, "no")

    @rule(data=st.data())
    def ask_range(self, data: st.DataObject) -> None:
        low, high = data.draw(st.none() | self.keys), data.draw(st.none() | self.keys)
        no_low, no_high = data.draw(st.booleans()), data.draw(st.booleans())
        expected = self.ordered()
        if low is not None:
            expected = [key for key in expected if order_bytes(key) >= order_bytes(low)]
        if high is not None:
            expected = [key for key in expected if order_bytes(key) <= order_bytes(high)]
        expected = self._without_ends(expected, low, high, no_low, no_high)
        view = self.tree.keys(low, high, no_low, no_high)
        assert same(view, expected) and same(reversed(view), expected[::-1])
        assert (len(view), bool(view)) == (len(expected), bool(expected))
        start, stop = data.draw(st.integers(-4, 4)), data.draw(st.integers(-4, 4))
        assert same(view[start:stop], expected[start:stop])
        if self.valued:
            items = self.tree.items(low, high, no_low, no_high)
            assert list(items) == [(key, self.model[key]) for key in expected]
            assert list(self.tree.itervalues(low, high, no_low, no_high)) == [self.model[key] for key in expected]
        if expected:
            position = data.draw(st.integers(-len(expected), len(expected) - 1))
            assert view[position] == expected[position]
        with pytest.raises(IndexError):
            view[len(expected)]

    def _without_ends(self, found: list[Any], low: Any, high: Any, no_low: bool, no_high: bool) -> list[Any]:
        every = self.ordered()
        first = low if low is not None else every[0] if every else None
        last = high if high is not None else every[-1] if every else None
        if no_low and every:
            found = [key for key in found if order_bytes(key) != order_bytes(first)]
        if no_high and every:
            found = [key for key in found if order_bytes(key) != order_bytes(last)]
        return found

    @rule(data=st.data())
    def ask_ends(self, data: st.DataObject) -> None:
        bound = data.draw(self.keys)
        above = [key for key in self.ordered() if order_bytes(key) >= order_bytes(bound)]
        below = [key for key in self.ordered() if order_bytes(key) <= order_bytes(bound)]
        if bound is None:
            above = below = self.ordered()
        self._check_end(self.tree.minKey, bound, above[:1])
        self._check_end(self.tree.maxKey, bound, below[-1:])

    def _check_end(self, ask: Any, bound: Any, expected: list[Any]) -> None:
        if expected:
            assert ask(bound) == expected[0]
        else:
            with pytest.raises(ValueError, match=r"key|empty"):
                ask(bound)

    @invariant()
    def same_size(self) -> None:
        if hasattr(self, "model"):
            assert len(self.tree) == len(self.model)

    @rule()
    def compare_all(self) -> None:
        assert same(self.tree, self.ordered())
        if self.valued:
            assert dict(self.tree.items()) == self.model


def same(found: Any, expected: list[Any]) -> bool:
    """Equal keys of equal types, in the same order."""
    listed = list(found)
    return listed == expected and list(map(type, listed)) == list(map(type, expected))


def machine(name: str, kind: Any, keys: Any, valued: bool = True) -> Any:
    """A test case for one kind of tree and of keys."""
    made = type(name, (TreeMachine,), {"kind": kind, "keys": keys, "valued": valued})
    case = made.TestCase
    case.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
    return case


TestTreeWithTextKeys = machine("Texts", OOBTree.OOBTree, TEXTS | LONG)
TestTreeWithKeysOfAllKinds = machine("Mixed", OOBTree.OOBTree, MIXED)
TestTreeWithIntegerKeys = machine("Integers", LOBTree.LOBTree, INTEGERS)
TestBucket = machine("Bucket", OOBTree.OOBucket, MIXED | LONG)
TestTreeSet = machine("TreeSet", OOBTree.OOTreeSet, MIXED | LONG, valued=False)
TestIntegerSet = machine("IntegerSet", LOBTree.LOSet, INTEGERS, valued=False)


def test_keys_of_all_kinds_have_one_order() -> None:
    ordered = [None, False, 1, 1.5, Decimal(2), "a", "ab", "b", b"a", dt.date(2000, 1, 1), (1, "a"), (1, "b"), (2,)]
    assert list(OOBTree.OOTreeSet(ordered[::-1])) == ordered

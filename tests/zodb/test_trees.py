"""What trees promise besides being ordered mappings (for that see test_tree_model)."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import transaction

from perdure.zodb import DB, Connection, Persistent
from perdure.zodb.BTrees import LOBTree, OOBTree

from .conftest import Opener
from .things import Thing

MAPPINGS = [OOBTree.OOBTree, OOBTree.OOBucket, LOBTree.LOBTree, LOBTree.LOBucket]
SETS = [OOBTree.OOTreeSet, OOBTree.OOSet, LOBTree.LOTreeSet, LOBTree.LOSet]


@pytest.mark.parametrize("module", [OOBTree, LOBTree])
def test_module_has_each_type_under_two_names(module: Any) -> None:
    prefix = module.__name__.rpartition(".")[2].removesuffix("BTree")
    for name in ("BTree", "Bucket", "TreeSet", "Set"):
        assert getattr(module, name) is getattr(module, prefix + name)
        assert issubclass(getattr(module, name), Persistent)


@pytest.mark.parametrize("kind", MAPPINGS)
def test_mapping_methods(kind: Any) -> None:
    tree = kind([(3, "c"), (1, "a")])
    tree.update({2: "b"})
    assert (tree[1], tree.get(9), tree.get(9, "no"), 2 in tree, 9 in tree) == ("a", None, "no", True, False)
    assert (tree.has_key(1), tree.has_key(9), len(tree), bool(tree), bool(kind())) == (True, False, 3, True, False)
    assert (tree.insert(4, "d"), tree.insert(4, "x"), tree[4]) == (1, 0, "d")
    assert (tree.setdefault(4, "x"), tree.setdefault(5, "e")) == ("d", "e")
    assert (tree.pop(5), tree.pop(5, "gone")) == ("e", "gone")
    assert list(tree) == list(tree.iterkeys()) == list(tree.keys()) == [1, 2, 3, 4]
    assert list(tree.values()) == list(tree.itervalues()) == ["a", "b", "c", "d"]
    assert list(tree.items()) == list(tree.iteritems()) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert tree.popitem() == (1, "a")
    del tree[2]
    assert tree.byValue("d") == [("d", 4)] and tree.byValue("a") == [("d", 4), ("c", 3)]
    tree.clear()
    assert list(tree) == []


@pytest.mark.parametrize("kind", MAPPINGS)
def test_errors_of_mappings(kind: Any) -> None:
    tree = kind()
    for ask in (lambda: tree[1], lambda: tree.pop(1), lambda: tree.__delitem__(1), tree.popitem):
        with pytest.raises(KeyError):
            ask()
    for ask in (tree.minKey, tree.maxKey):
        with pytest.raises(ValueError, match="empty"):
            ask()
    with pytest.raises(TypeError):
        tree.setdefault(1)
    for bad in (3, [1], [(1, 2, 3)]):
        with pytest.raises(TypeError):
            tree.update(bad)
    assert len(tree) == 0


@pytest.mark.parametrize("kind", [LOBTree.LOBTree, LOBTree.LOTreeSet])
def test_integer_families_take_no_other_keys(kind: Any) -> None:
    tree = kind()
    put = tree.add if hasattr(tree, "add") else lambda key: tree.__setitem__(key, 1)
    for bad in ("a", 1.5, None, 1 << 63, -(1 << 63) - 1):
        with pytest.raises(TypeError):
            put(bad)
    for good in ((1 << 63) - 1, -(1 << 63), True):
        put(good)
    assert list(tree) == [-(1 << 63), 1, (1 << 63) - 1] and type(list(tree)[1]) is int
    assert "a" not in tree and 1.5 not in tree


@pytest.mark.parametrize("bad", [object(), float("nan"), [1], {1}, frozenset(), 1j, (1, [2]), Thing()])
def test_keys_without_an_order_are_refused(bad: Any) -> None:
    tree = OOBTree.OOBTree()
    with pytest.raises(TypeError):
        tree[bad] = 1
    assert len(tree) == 0


def test_key_that_was_put_first_stays(connection: Connection) -> None:
    tree = connection.root.tree = OOBTree.OOBTree([(1.0, "a"), (True, "b")])
    assert [(type(key), value) for key, value in tree.items()] == [(float, "b")]
    transaction.commit()
    connection.cacheMinimize()
    tree[1] = "c"
    transaction.commit()
    connection.cacheMinimize()
    assert [(type(key), value) for key, value in tree.items()] == [(float, "c")]


def test_ranges_index_and_slice() -> None:
    tree = OOBTree.OOBTree({number: str(number) for number in range(10)})
    view = tree.keys(2, 7)
    assert (view[0], view[-1], len(view), 3 in view, 9 in view) == (2, 7, 6, True, False)
    assert (list(view[1:3]), list(view[-2:]), list(view[4:1]), list(view[:])) == ([3, 4], [6, 7], [], list(view))
    assert view[1:4][1] == 4 and list(view[1:5][1:3]) == [4, 5]
    assert tree.items(8)[0] == (8, "8") and tree.values(None, 0)[0] == "0"
    with pytest.raises(IndexError):
        view[6]
    with pytest.raises(RuntimeError, match="step"):
        view[::2]
    assert list(reversed(tree.items(8))) == [(9, "9"), (8, "8")]
    assert list(tree.keys(7, 2)) == [] and not tree.keys(100)
    assert list(tree.keys(min=2, max=4, excludemin=True)) == [3, 4]
    assert list(tree.keys(2, 4, excludemax=True)) == [2, 3]
    assert tree.keys(excludemin=True)[0] == 1 and list(tree.keys(excludemax=True))[-1] == 8


def test_ranges_see_later_changes() -> None:
    tree = OOBTree.OOBTree({1: "a", 3: "c"})
    view = tree.keys(1, 3)
    tree[2] = "b"
    assert list(view) == [1, 2, 3]


@pytest.mark.parametrize("kind", MAPPINGS)
def test_changes_during_an_iteration_do_no_harm(connection: Connection, kind: Any) -> None:
    connection.root.tree = kind({number: number for number in range(100)})
    transaction.commit()
    for load in (True, False):
        connection._session.budget = 64 << 20 if load else 1000
        connection.cacheMinimize()
        tree = connection.root.tree
        seen = []
        for key, value in tree.items():
            seen.append(key)
            del tree[key]
            tree[key + 1000] = value
        assert seen == list(range(100)) and list(tree) == list(range(1000, 1100))
        transaction.abort()


def test_large_tree_is_read_in_parts_when_memory_is_small(file: str) -> None:
    with DB(file) as db, db.transaction() as connection:
        connection.root.tree = OOBTree.OOBTree({f"{number:05}": "x" * 20 for number in range(20_000)})
    with DB(file, cache_size_bytes=200_000) as db, db.transaction() as connection:
        tree = connection.root.tree
        assert (len(tree), tree.minKey(), tree.maxKey(), tree.keys("1")[3]) == (20_000, "00000", "19999", "10003")
        assert sum(len(tree[f"{number:05}"]) for number in range(0, 20_000, 7)) == 20 * 2858
        assert sum(1 for _ in tree.keys("10000", "10999")) == len(tree.keys("10000", "10999")) == 1000
        assert connection._session.cached_bytes < 400_000
        tree["10500x"] = "new"
        del tree["10501"]
        assert list(tree.keys("10500", "10502")) == ["10500", "10500x", "10502"]
        assert len(tree._perdure_hot_) < 2_000


def test_mutable_values_are_stored_again_after_p_changed(connection: Connection) -> None:
    tree = connection.root.tree = OOBTree.OOBTree({1: [1], 2: {"a": 1}, 3: "text"})
    transaction.commit()
    tree[1].append(2)
    tree[2]["b"] = 2
    tree._p_changed = True
    transaction.commit()
    connection.cacheMinimize()
    assert list(tree.values()) == [[1, 2], {"a": 1, "b": 2}, "text"]


def test_values_hold_persistent_objects(connection: Connection) -> None:
    tree = connection.root.tree = OOBTree.OOBTree()
    tree["one"] = Thing(number=1, tree=tree)
    tree["many"] = [Thing(number=number) for number in range(3)]
    transaction.commit()
    connection.cacheMinimize()
    assert tree["one"].number == 1 and tree["one"].tree is tree
    assert [thing.number for thing in tree["many"]] == [0, 1, 2]
    tree["one"] = Thing(number=2)
    del tree["many"]
    transaction.commit()
    connection.cacheMinimize()
    assert tree["one"].number == 2 and list(connection._session.database.verify()) == []


def test_what_cannot_be_stored_in_a_tree_is_refused_by_the_commit(connection: Connection) -> None:
    tree = connection.root.tree = OOBTree.OOBTree({1: 1})
    transaction.commit()
    tree[2], tree[3] = 2, object()
    with pytest.raises(TypeError, match="cannot be stored"):
        transaction.commit()
    transaction.abort()
    assert list(tree.items()) == [(1, 1)]


def test_states_of_a_tree(connection: Connection) -> None:
    tree = OOBTree.OOBTree({1: 1})
    assert tree._p_status == "unsaved"
    connection.root.tree = tree
    transaction.commit()
    assert tree._p_status == "saved"
    assert tree[1] == 1 and list(tree) == [1] and tree._p_changed is False
    tree[2] = 2
    assert tree._p_changed is True
    tree._p_invalidate()
    assert tree._p_changed is None and list(tree) == [1]
    tree._p_changed = True
    assert tree._p_status == "changed"
    del tree._p_changed
    assert tree._p_status == "ghost"


def test_trees_take_no_attributes_and_no_subclasses() -> None:
    tree = OOBTree.OOBTree()
    with pytest.raises(AttributeError):
        tree.name = "value"  # type: ignore[attr-defined]
    tree._v_cache = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="subclass"):
        type("Folder", (OOBTree.OOBTree,), {})


@pytest.mark.parametrize("kind", MAPPINGS + SETS)
def test_trees_can_be_copied_and_pickled(kind: Any) -> None:
    tree = kind([1, 2]) if kind in SETS else kind({1: [1], 2: "b"})
    for other in (copy.copy(tree), copy.deepcopy(tree), pickle.loads(pickle.dumps(tree))):
        assert type(other) is kind and other is not tree and other.__getstate__() == tree.__getstate__()
    fresh = kind()
    fresh.__setstate__(tree.__getstate__())
    assert list(fresh) == [1, 2]


def test_trees_compare_by_identity() -> None:
    assert OOBTree.OOBTree() != OOBTree.OOBTree()
    assert len({OOBTree.OOBTree(), OOBTree.OOBTree()}) == 2


@pytest.mark.parametrize("kind", SETS)
def test_set_methods(kind: Any) -> None:
    items = kind([3, 1])
    assert (items.add(2), items.add(2), items.insert(2)) == (1, 0, 0)
    assert (items.update([2, 5, 6]), list(items), len(items)) == (2, [1, 2, 3, 5, 6], 5)
    items.remove(6)
    items.discard(6)
    with pytest.raises(KeyError):
        items.remove(6)
    assert (items.pop(), items.isdisjoint([1, 9]), items.isdisjoint([2]), items.has_key(2)) == (1, True, False, True)
    assert (list(items.keys(3)), items.minKey(3), items.maxKey(4)) == ([3, 5], 3, 3)
    with pytest.raises(KeyError):
        kind().pop()


@pytest.mark.parametrize("kind", SETS)
def test_set_operators(kind: Any) -> None:
    one, two = kind([1, 2, 3]), kind([2, 3, 4])
    found = one & two, one | two, one - two, one ^ two
    assert [list(each) for each in found] == [[2, 3], [1, 2, 3, 4], [1], [1, 4]]
    with pytest.raises(TypeError):
        one & 3
    copies = [kind(one) for _ in range(4)]
    copies[0] &= two
    copies[1] |= two
    copies[2] -= two
    copies[3] ^= two
    assert [list(found) for found in copies] == [[2, 3], [1, 2, 3, 4], [1], [1, 4]]


def test_plain_sets_can_be_indexed() -> None:
    assert (OOBTree.OOSet("cab")[0], LOBTree.LOSet([3, 1])[-1]) == ("a", 3)


def test_tree_changed_by_another_connection_is_read_again(db: DB, own: Opener) -> None:
    with db.transaction() as connection:
        connection.root.tree = OOBTree.OOBTree({1: 1})
    reader, writer = own(), own()
    assert list(reader.root.tree.items()) == [(1, 1)]
    writer.root.tree.clear()
    writer.root.tree.update({2: 2, 3: 3})
    writer.transaction_manager.commit()
    reader.sync()
    assert (list(reader.root.tree.items()), len(reader.root.tree)) == ([(2, 2), (3, 3)], 2)

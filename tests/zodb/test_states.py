"""The life of a persistent object: unsaved, added, saved, changed, ghost, sticky."""

from __future__ import annotations

import copy
import pickle

import pytest
import transaction

from perdure.zodb import DB, Connection, Persistent
from perdure.zodb.persistent import CHANGED, GHOST, STICKY, UPTODATE
from perdure.zodb.POSException import ConnectionStateError, InvalidObjectReference, POSKeyError
from perdure.zodb.utils import p64, z64

from .things import Migrated, Other, Packed, Thing


def stored(connection: Connection, **attributes: object) -> Thing:
    thing = Thing(**attributes)
    connection.root.thing = thing
    transaction.commit()
    return thing


def test_unsaved_object_has_no_oid_no_jar_and_no_changes() -> None:
    thing = Thing(number=1)
    assert (thing._p_oid, thing._p_jar, thing._p_changed, thing._p_serial) == (None, None, False, z64)
    assert (thing._p_status, thing._p_state, thing._p_mtime) == ("unsaved", UPTODATE, None)
    thing._p_changed = True
    assert thing._p_changed is False


def test_life_of_an_object_from_unsaved_to_ghost(connection: Connection) -> None:
    thing = Thing(title="ZODB")
    connection.add(thing)
    assert (thing._p_changed, bool(thing._p_oid), thing._p_serial) == (False, True, z64)
    transaction.commit()
    assert (thing._p_changed, bool(thing._p_oid), thing._p_serial == z64) == (False, True, False)
    thing.title = "ZODB Explained"
    assert (thing._p_changed, thing._p_status, thing._p_state) == (True, "changed", CHANGED)
    transaction.abort()
    assert (thing._p_changed, thing._p_status, thing._p_state) == (None, "ghost", GHOST)
    assert thing.title == "ZODB"
    assert (thing._p_changed, thing._p_status, thing._p_state) == (False, "saved", UPTODATE)
    thing._p_changed = None
    assert (thing._p_changed, bool(thing._p_oid)) == (None, True)


def test_special_attributes_do_not_load_a_ghost(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing._p_deactivate()
    assert thing._p_oid and thing._p_jar is connection and thing._p_serial != z64 and not thing._p_sticky
    assert repr(thing).startswith("<tests.zodb.things.Thing object at 0x")
    assert thing._p_changed is None


def test_oid_is_eight_bytes_and_the_root_has_zeros(connection: Connection) -> None:
    thing = stored(connection)
    assert len(thing._p_oid or b"") == 8
    assert connection.root()._p_oid == z64
    assert connection.get(z64) is connection.root()
    assert connection.get(thing._p_oid) is connection[thing._p_oid] is thing


def test_serial_and_time_grow_with_each_commit(connection: Connection) -> None:
    thing = stored(connection, number=1)
    before, moment = thing._p_serial, thing._p_mtime
    thing.number = 2
    assert thing._p_serial == before
    transaction.commit()
    assert thing._p_serial > before
    assert moment and thing._p_mtime and 0 <= thing._p_mtime - moment < 3600
    unchanged = thing._p_serial
    connection.root.other = 1
    transaction.commit()
    assert thing._p_serial == unchanged


def test_mutable_attributes_need_p_changed(connection: Connection) -> None:
    thing = stored(connection, items=[1], table={}, names=set())
    thing.items.append(2)
    assert thing._p_changed is False
    transaction.commit()
    thing._p_deactivate()
    assert thing.items == [1]
    thing.items.append(2)
    thing.table["key"] = [{"deep": {1, 2}}]
    thing.names.add("name")
    thing._p_changed = True
    transaction.commit()
    thing._p_deactivate()
    assert (thing.items, thing.table, thing.names) == ([1, 2], {"key": [{"deep": {1, 2}}]}, {"name"})


def test_forgetting_a_change_keeps_the_value_in_memory_only(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing.number = 2
    thing._p_changed = False
    assert (thing._p_status, thing.number) == ("saved", 2)
    transaction.commit()
    thing._p_deactivate()
    assert thing.number == 1
    thing.number = 3
    assert thing._p_changed is True


def test_deactivating_spares_changes_and_invalidating_drops_them(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing.number = 2
    thing._p_deactivate()
    thing._p_changed = None
    assert thing._p_changed is True
    thing._p_invalidate()
    assert thing._p_changed is None and thing.number == 1
    thing.number = 2
    del thing._p_changed
    assert thing._p_changed is None and thing.number == 1
    fresh = Thing(number=7)
    fresh._p_invalidate()
    assert fresh.number == 7


def test_activating_loads_and_marking_a_ghost_changed_loads_it_too(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing._p_deactivate()
    thing._p_activate()
    assert thing._p_changed is False
    thing._p_deactivate()
    thing._p_changed = True
    assert thing._p_changed is True and thing.number == 1


def test_sticky_object_stays_loaded(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing._p_sticky = True
    thing._p_deactivate()
    connection.cacheMinimize()
    assert (thing._p_status, thing._p_state) == ("sticky", STICKY)
    thing._p_sticky = False
    thing._p_deactivate()
    assert thing._p_status == "ghost"
    with pytest.raises(ValueError, match="ghost"):
        thing._p_sticky = True


def test_volatile_attributes_are_not_stored_and_vanish_with_the_state(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing._v_cache = [1]
    assert thing._p_changed is False
    thing._p_deactivate()
    assert not hasattr(thing, "_v_cache")
    assert "_v_cache" not in thing.__getstate__()


def test_state_of_an_object_can_be_copied_and_pickled() -> None:
    thing = Thing(number=1, items=[1, 2])
    thing._v_cache = 1
    assert thing.__getstate__() == {"number": 1, "items": [1, 2]}
    shallow, deep = copy.copy(thing), copy.deepcopy(thing)
    assert shallow.items is thing.items and deep.items == [1, 2] and deep.items is not thing.items
    loaded = pickle.loads(pickle.dumps(thing))
    assert (type(loaded), loaded.__getstate__(), hasattr(loaded, "_v_cache")) == (Thing, thing.__getstate__(), False)


def test_dict_of_an_object_reads_and_writes_attributes(connection: Connection) -> None:
    thing = stored(connection, number=1, text="a")
    thing._p_deactivate()
    assert vars(thing) == {"number": 1, "text": "a"}
    vars(thing)["more"] = 2
    del vars(thing)["text"]
    vars(thing).update(number=5)
    assert (thing.more, thing.number, hasattr(thing, "text"), thing._p_changed) == (2, 5, False, False)
    thing._p_changed = True
    transaction.commit()
    thing._p_deactivate()
    assert thing.__dict__ == {"more": 2, "number": 5}


def test_own_getstate_and_setstate_make_and_take_what_is_stored(db: DB) -> None:
    connection = db.open()
    connection.root.things = [Migrated(1), Migrated(2), Packed(1, (2, 3)), Packed()]
    transaction.commit()
    connection.cacheMinimize()
    one, two, packed, empty = connection.root.things
    assert one._p_changed is None
    assert (one.number, one._v_loads, one._p_changed) == (1, 1, False)
    assert connection.get(two._p_oid).number == 2
    assert (packed.values, empty.values) == ((1, (2, 3)), ())
    one.number = 10
    packed.values = ("new", one)
    transaction.commit()
    connection.cacheMinimize()
    connection.prefetch([one, packed])
    assert (packed._p_changed, packed.values[0], packed.values[1].number) == (False, "new", 10)


def test_helpers_for_own_attribute_access_load_all_but_special_names(connection: Connection) -> None:
    thing = stored(connection, number=1)
    thing._p_deactivate()
    assert thing._p_getattr("_p_oid") and thing._p_getattr("__class__") and thing._p_changed is None
    assert not thing._p_getattr("number") and thing._p_changed is False
    thing._p_deactivate()
    assert not thing._p_setattr("number", 2) and thing._p_changed is False
    assert thing._p_setattr("_p_changed", True) and thing._p_changed is True
    assert not thing._p_delattr("number")
    assert thing._p_delattr("_p_changed") and thing._p_changed is None


def test_attributes_with_own_access_methods(connection: Connection) -> None:
    connection.root.thing = thing = Computed(number=1)
    transaction.commit()
    thing._p_deactivate()
    assert (thing.missing, thing.double) == ("no missing", 2)
    thing.double = 6
    assert (thing.number, thing._p_changed) == (3, True)


class Computed(Thing):
    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return f"no {name}"

    @property
    def double(self) -> int:
        return 2 * self.number

    @double.setter
    def double(self, value: int) -> None:
        self.number = value // 2


def test_slots_are_refused() -> None:
    with pytest.raises(TypeError, match="__slots__"):
        type("Slotted", (Persistent,), {"__slots__": ("number",)})


def test_p_repr_is_used_for_repr() -> None:
    shown = type("Shown", (Persistent,), {"_p_repr": lambda self: "<shown>"})
    assert repr(shown()) == "<shown>"


def test_objects_are_stored_when_they_are_reachable(db: DB) -> None:
    first = db.open()
    leaf = Thing(name="leaf")
    first.root.tree = Thing(children={"a": [(leaf,)]}, shared=leaf, sub=Other(name="other"))
    unreachable = Thing()
    transaction.commit()
    assert leaf._p_oid and unreachable._p_oid is None
    first.close()
    with db.transaction() as second:
        tree = second.root.tree
        assert tree.children["a"][0][0] is tree.shared
        assert (tree.shared.name, type(tree.sub), tree.sub.name) == ("leaf", Other, "other")


def test_cycles_are_stored(db: DB) -> None:
    one, two = Thing(), Thing()
    one.other, two.other, two.me = two, one, two
    with db.transaction() as connection:
        connection.root.one = one
    with db.transaction() as connection:
        found = connection.root.one
        assert found.other.other is found and found.other.me is found.other


def test_instances_of_the_base_class_are_stored(db: DB) -> None:
    with db.transaction() as connection:
        connection.root.bare = bare = Persistent()
        bare.number = 1  # type: ignore[attr-defined]
    with db.transaction() as connection:
        assert type(connection.root.bare) is Persistent and connection.root.bare.number == 1


def test_what_cannot_be_stored_is_refused_and_the_object_can_be_repaired(connection: Connection) -> None:
    thing = stored(connection)
    thing.bad = lambda: None
    with pytest.raises(TypeError, match="cannot be stored"):
        transaction.commit()
    transaction.abort()
    assert not hasattr(thing, "bad")
    fresh = Thing(bad=object())
    connection.root.fresh = fresh
    with pytest.raises(TypeError, match="cannot be stored"):
        transaction.commit()
    transaction.abort()
    fresh.bad = 1
    connection.root.fresh = fresh
    transaction.commit()
    assert connection.root.fresh.bad == 1


def test_objects_of_other_connections_are_refused(db: DB, connection: Connection) -> None:
    thing = stored(connection)
    with pytest.raises(InvalidObjectReference), db.transaction() as other:
        other.root.stolen = thing
    with pytest.raises(InvalidObjectReference), db.transaction() as other:
        other.add(thing)
    with db.transaction() as other:
        assert not hasattr(other.root, "stolen")


def test_get_of_an_unknown_id_is_a_poskeyerror(connection: Connection) -> None:
    with pytest.raises(POSKeyError, match="0x99") as caught:
        connection.get(p64(0x99))
    assert isinstance(caught.value, KeyError) and caught.value.args == (p64(0x99),)
    with pytest.raises(ValueError, match="8 bytes"):
        connection.get(b"short")


def test_only_persistent_objects_can_be_added(connection: Connection) -> None:
    with pytest.raises(TypeError, match="persistent"):
        connection.add("text")
    thing = Thing()
    connection.add(thing)
    before = thing._p_oid
    connection.add(thing)
    assert thing._p_oid == before


def test_added_object_is_stored_though_nothing_refers_to_it(connection: Connection) -> None:
    thing = Thing(number=1)
    connection.add(thing)
    transaction.commit()
    oid = thing._p_oid
    assert oid
    connection.cacheMinimize()
    assert connection.get(oid).number == 1


def test_objects_of_a_closed_connection_cannot_be_loaded_or_changed(db: DB) -> None:
    connection = db.open()
    thing = stored(connection, number=1)
    ghost = Thing(number=2)
    connection.root.ghost = ghost
    transaction.commit()
    ghost._p_deactivate()
    connection.close()
    assert thing.number == 1
    with pytest.raises(ConnectionStateError):
        ghost.number
    with pytest.raises(ConnectionStateError):
        thing.number = 2
    with pytest.raises(ConnectionStateError):
        connection.get(z64)

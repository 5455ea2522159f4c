"""Claims of the spec, section 4.9: indexed fields and field references."""

import pickle
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import by_key, define, found, keep, reopen

pytestmark = pytest.mark.usefixtures("root")


@db0.memo
@db0.indexed_fields("rank")
@db0.tag_fields("kind")
class Item:
    rank: Any = "class attribute"

    def __init__(self, name: str, *rank: Any) -> None:
        self.name = name
        if rank:
            (self.rank,) = rank


@db0.memo
class Plain:
    pass


def test_objects_are_found_by_the_value_of_the_field(root: Path) -> None:
    keep(Item("a", 3), Item("b", 1), Item("c", 2))
    assert by_key(Item, "rank") == ["b", "c", "a"]
    assert found(Item, db0.index_of(Item, "rank").select(2, 3)) == {"a", "c"}
    reopen(root)
    assert by_key(Item, "rank", desc=True) == ["a", "c", "b"] and len(db0.index_of(Item, "rank")) == 3


@pytest.mark.parametrize(
    "keys",
    [
        (1, 2),
        (True, False),
        (1.5, 2.5),
        ("a", "b"),
        (b"a", b"b"),
        (date(2030, 1, 1), date(2031, 1, 1)),
        (datetime(2030, 1, 1), datetime(2031, 1, 1)),
        (datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)),
        (time(1), time(2)),
        (Decimal("1.5"), Decimal("2.5")),
        (None, None),
    ],
)
def test_keys_of_every_type_an_index_takes(keys: tuple[Any, Any]) -> None:
    keep(Item("a", keys[0]), Item("b", keys[1]))
    assert len(db0.index_of(Item, "rank")) == 2
    if keys[0] is not None:
        assert found(Item, db0.index_of(Item, "rank").select(keys[0], keys[0])) == {"a"}


@pytest.mark.parametrize("key", [Plain, [1], {1}, {"a": 1}, 1j, object])
def test_other_values_are_refused_and_nothing_changes(key: Any) -> None:
    item = keep(Item("a", 1))
    with pytest.raises(RuntimeError, match="nsupported index key"):
        item.rank = key
    with pytest.raises(RuntimeError, match="nsupported index key"):
        Item("b", key)
    assert item.rank == 1 and by_key(Item, "rank") == ["a"] and found(Item) == {"a"}


def test_a_key_of_another_type_is_refused_while_there_are_any() -> None:
    item = keep(Item("a", 1))
    with pytest.raises(RuntimeError, match="type int"):
        item.rank = "x"
    with pytest.raises(RuntimeError, match="type int"):
        Item("b", "x")
    item.rank = None
    item.rank = "x"
    assert by_key(Item, "rank") == ["a"]


def test_two_types_in_one_nested_construction_leave_nothing() -> None:
    @db0.memo
    @db0.indexed_fields("rank")
    class Nest:
        def __init__(self, name: str, rank: Any, inner: Any = None) -> None:
            self.name = name
            self.rank = rank
            self.inner = None if inner is None else Nest("inner", inner)

    with pytest.raises(RuntimeError, match="type str"):
        Nest("outer", 1, "x")
    assert found(Nest) <= {"inner"} and keep(Nest("whole", "y", "x")).name == "whole"


def test_none_is_a_key_and_an_absent_field_none() -> None:
    keep(Item("none", None), Item("absent"), Item("one", 1))
    assert by_key(Item, "rank") == ["one", "none"] and by_key(Item, "rank", null_first=True) == ["none", "one"]
    assert Item.rank == "class attribute"


def test_assigning_and_deleting_change_the_index() -> None:
    item, other = keep(Item("a", 1)), keep(Item("b", 2))
    item.rank = 3
    assert by_key(Item, "rank") == ["b", "a"]
    item.rank = 0
    item.rank = 1
    assert by_key(Item, "rank") == ["a", "b"] and len(db0.index_of(Item, "rank")) == 2
    del item.rank
    assert by_key(Item, "rank") == ["b"] and item.rank == "class attribute"
    item.rank = 5
    assert by_key(Item, "rank") == ["b", "a"]
    db0.tags(other).remove("kept")
    db0.delete(other)
    assert by_key(Item, "rank") == ["a"] and len(db0.index_of(Item, "rank")) == 1


def test_the_index_does_not_keep_objects_and_loses_those_dropped(root: Path) -> None:
    item = Item("a", 1)
    keep(Item("b", 2))
    db0.commit()
    assert db0.getrefcount(item) == 0 and len(db0.index_of(Item, "rank")) == 2
    del item
    db0.commit()
    assert len(db0.index_of(Item, "rank")) == 1
    reopen(root)
    assert by_key(Item, "rank") == ["b"]


def test_an_object_dropped_where_its_class_is_not_known_leaves_the_index_too(root: Path) -> None:
    from perdure.declared.declarations import _latest
    from perdure.session.classes import _registered

    cls = define("Forgotten", indexes=("rank",))
    keep(cls(name="a", rank=1), cls(name="b", rank=2))
    reopen(root)
    for registry in (_latest, _registered):
        registry.pop("declared:Forgotten")
    gone = next(obj for obj in db0.find("kept") if obj.name == "a")
    db0.tags(gone).remove("kept")
    del gone
    db0.commit()
    cls = define("Forgotten", indexes=("rank",))
    assert by_key(cls, "rank") == ["b"] and len(db0.index_of(cls, "rank")) == 1


@pytest.mark.parametrize("call", ["add", "remove", "clear", "flush"])
def test_the_index_is_read_only(root: Path, call: str) -> None:
    item = keep(Item("a", 1))
    arguments = (2, item) if call in ("add", "remove") else ()
    for again in (False, True):
        if again:
            reopen(root)
            item = next(iter(db0.find("kept")))
            arguments = (2, item) if arguments else ()
        index = db0.index_of(Item, "rank")
        item.stored = index
        with pytest.raises(RuntimeError, match="managed indexes are read-only"):
            getattr(index, call)(*arguments)
        with pytest.raises(RuntimeError, match="managed indexes are read-only"):
            getattr(item.stored, call)(*arguments)
        assert by_key(Item, "rank") == ["a"]


def test_a_range_alone_is_refused_and_with_a_class_or_a_tag_it_is_not() -> None:
    item = keep(Item("a", 1), Item("b", 2))
    item.kind = "k"
    index = db0.index_of(Item, "rank")
    for query in (index.select(1, 1), index.sort(index.select()), db0.find(index.select(1, 1)), index.select()[:1]):
        for ask in (len, list, bool):
            with pytest.raises(RuntimeError, match="require at least one non-passive positive predicate"):
                ask(query)
    with pytest.raises(RuntimeError, match="non-passive"):
        list(db0.find(index.select(1, 1), db0.no("x")))
    with pytest.raises(RuntimeError, match="non-passive"):
        list(db0.find(index.sort(index.select())))
    assert found("kept", index.select(1, 1)) == found(Item, index.select(1, 1)) == found(item, index.select()) == {"a"}
    assert found(Item, db0.no(index.select(1, 1))) == {"b"}
    assert found(Item, [index.select(1, 1), "nothing"]) == {"a"} == found(Item, index.select(1, 1))
    assert found(Item, index.sort(db0.find(Item))) == {"a", "b"}


def test_a_stored_query_on_the_index_stays_refused_alone(root: Path) -> None:
    item = keep(Item("a", 1))
    item.alone, item.anchored = db0.index_of(Item, "rank").select(1, 1), db0.find(
        Item, db0.index_of(Item, "rank").select(1, 1)
    )
    reopen(root)
    (item,) = db0.find("kept")
    assert list(item.anchored) == [item]
    with pytest.raises(RuntimeError, match="non-passive"):
        list(item.alone)


def test_snapshots_see_the_index_of_their_state() -> None:
    item = keep(Item("a", 1), Item("b", 2))
    db0.commit()
    with db0.snapshot() as before:
        item.rank = 3
        db0.commit()
        assert by_key(Item, "rank") == ["b", "a"]
        index = before.fetch(db0.uuid(item)).rank
        assert index == 1


# -- index_of ----------------------------------------------------------------------------------------------


def test_index_of_works_before_there_is_an_instance_and_for_fields_never_assigned() -> None:
    cls = define("Unused", indexes=("never",))
    assert len(db0.index_of(cls, "never")) == 0 and list(db0.index_of(cls, "never").sort(db0.find(cls))) == []
    keep(cls(name="a"))
    assert len(db0.index_of(cls, "never")) == 0


def test_index_of_takes_a_field_reference() -> None:
    assert db0.index_of(db0.fields_of(Item).rank) is db0.index_of(Item, "rank")


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((Item, "nothing"), RuntimeError, "Unknown field"),
        ((Item, "kind"), RuntimeError, "not an indexed field"),
        ((Plain, "rank"), RuntimeError, "not an indexed field"),
        ((dict, "rank"), TypeError, "memo type"),
        (("Item", "rank"), TypeError, "memo type"),
        ((Item, 3), TypeError, "field_name must be a string"),
        ((Item,), TypeError, "field_name must be a string"),
    ],
)
def test_index_of_refuses_other_arguments(arguments: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        db0.index_of(*arguments)


def test_index_of_refuses_a_name_beside_a_reference_and_references_of_other_fields() -> None:
    with pytest.raises(TypeError, match="does not accept a field_name"):
        db0.index_of(db0.fields_of(Item).rank, "rank")
    with pytest.raises(RuntimeError, match="not an indexed field"):
        db0.index_of(db0.fields_of(Item)["free"])


def test_index_of_takes_an_open_prefix() -> None:
    keep(Item("here", 1))
    db0.open("other")
    keep(Item("there", 1))
    main, other = (db0.index_of(Item, "rank", prefix=name) for name in ("main", "other"))
    assert [db0.get_prefix_of(index).name for index in (main, other)] == ["main", "other"]
    assert db0.index_of(Item, "rank") is other and len(main) == len(other) == 1
    with pytest.raises(RuntimeError, match="Prefix is not open"):
        db0.index_of(Item, "rank", prefix="closed")


def test_a_prefix_open_for_reading_gives_its_index_or_says_that_there_is_none(root: Path) -> None:
    keep(Item("a", 1))
    db0.close()
    db0.init(root, prefix="main", read_write=False)
    assert by_key(Item, "rank") == ["a"]
    with pytest.raises(RuntimeError, match="open for reading"):
        db0.index_of(define("LateIndex", indexes=("x",)), "x")


# -- inheritance -------------------------------------------------------------------------------------------


def test_descendants_share_the_index_of_the_declaring_class() -> None:
    base = define("IndexBase", indexes=("rank",))
    derived = define("IndexDerived", indexes=("size",), base=base)
    keep(base(name="b", rank=2), derived(name="d", rank=1, size=1))
    assert db0.index_of(derived, "rank") is db0.index_of(base, "rank")
    assert by_key(base, "rank") == ["d", "b"] and by_key(derived, "size") == ["d"]
    with pytest.raises(RuntimeError):
        db0.index_of(base, "size")


@pytest.mark.parametrize("above", [True, False])
def test_a_derived_class_may_not_index_what_an_ancestor_indexes(above: bool) -> None:
    base = define("FirstIndexer", indexes=("rank",))
    with pytest.raises(RuntimeError, match="inherited from the ancestor"):
        if above:
            db0.indexed_fields("rank")(define("SecondIndexer", base=base))
        else:
            define("SecondIndexer", indexes=("rank",), base=base)


# -- references --------------------------------------------------------------------------------------------


def test_namespaces_and_references_are_the_same_each_time_and_inherited_ones_the_bases() -> None:
    base = define("RefBase", tags=("kind",), indexes=("rank",))
    derived = define("RefDerived", indexes=("size",), base=base)
    assert db0.fields_of(base) is db0.fields_of(base)
    assert db0.fields_of(base).rank is db0.fields_of(base).rank is db0.fields_of(derived).rank
    assert db0.fields_of(base)["free"] is db0.fields_of(base)["free"]
    assert db0.fields_of(base)["kind"] is db0.fields_of(base).kind
    assert dir(db0.fields_of(derived)) == ["kind", "rank", "size"]
    assert "RefBase.rank" in repr(db0.fields_of(derived).rank) and "size" in repr(db0.fields_of(derived))


def test_namespaces_refuse_what_is_no_field() -> None:
    namespace = db0.fields_of(Item)
    with pytest.raises(AttributeError, match="nothing"):
        namespace.nothing
    with pytest.raises(TypeError):
        namespace[3]
    with pytest.raises(RuntimeError, match="persistent"):
        namespace["_X__cache"]
    with pytest.raises(TypeError, match="memo"):
        db0.fields_of(dict)


@pytest.mark.parametrize("make", [lambda: db0.fields_of(Item), lambda: db0.fields_of(Item).rank])
def test_namespaces_and_references_cannot_be_pickled(make: Any) -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(make())


def test_bools_and_enum_values_are_keys() -> None:
    @db0.indexed_fields("flag", "level")
    @db0.memo
    class Flagged:
        def __init__(self, flag: Any, level: Any) -> None:
            self.flag, self.level = flag, level

    level = db0.enum("IndexLevel", ["LOW", "HIGH"])
    made = [Flagged(True, level.HIGH), Flagged(False, level.LOW), Flagged(7, None)]
    db0.commit()
    flags = db0.index_of(Flagged, "flag")
    assert [(key, type(key)) for key, _ in flags] == [(0, int), (1, int), (7, int)]
    assert list(db0.index_of(Flagged, "level").sort(db0.find(Flagged))) == [made[1], made[0], made[2]]

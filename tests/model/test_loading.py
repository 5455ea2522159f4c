"""Claims of the spec, sections 7.7 to 7.10 and 1.10: plain values, comparison, hashes, copies."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Color, Level, Point, Root, Thing

pytestmark = pytest.mark.usefixtures("root")


@db0.memo
class Shown:
    def __init__(self, value: object) -> None:
        self.value = value

    def __load__(self, depth: int = 0, *, label: str = "none") -> dict[str, object]:
        return {"shown": db0.load(self.value), "depth": depth, "label": label}


# -- load --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "loaded"),
    [
        (1, 1),
        ("a", "a"),
        (b"raw", b"raw"),
        (Decimal("1.5"), Decimal("1.5")),
        (dt.date(2024, 1, 1), dt.date(2024, 1, 1)),
        ((1, [2]), (1, [2])),
        ([1, (2,)], [1, (2,)]),
        ({"a": {1}}, {"a": {1}}),
        (bytearray(b"x"), bytearray(b"x")),
        (Color.RED, "RED"),
        (int, int),
        (None, None),
    ],
)
def test_values_load_as_plain_python(root: Path, value: object, loaded: object) -> None:
    Root(value)
    reopen(root)
    found = db0.load(Root())
    assert found == {"value": loaded} and type(found["value"]) is type(loaded)


def test_memo_objects_load_as_dicts_with_all_they_hold() -> None:
    child = Thing("child")
    kept = Root({"list": [child, Point(1)], "keys": {(1, Color.RED): 2}})
    weak = Thing(db0.weak_proxy(child))
    assert db0.load(kept) == {
        "value": {"list": [{"name": "child"}, {"x": 1, "y": 2, "tags": []}], "keys": {(1, "RED"): 2}}
    }
    assert db0.load(weak) == {"name": {"name": "child"}}


def test_a_set_of_objects_loads_as_a_list() -> None:
    kept = Root({Thing("a"), Thing("b")})
    assert sorted(item["name"] for item in db0.load(kept)["value"]) == ["a", "b"]


def test_own_load_methods_get_the_arguments_they_take() -> None:
    shown = Shown(Shown(1))
    assert db0.load(shown, depth=2, label="x", other=3)["label"] == "x"
    assert db0.load([shown], depth=2) == [
        {"shown": {"shown": 1, "depth": 0, "label": "none"}, "depth": 2, "label": "none"}
    ]
    assert db0.load_all(shown, label="in") == {"value": {"shown": 1, "depth": 0, "label": "in"}}


def test_excluded_fields_are_left_out_at_the_top_only() -> None:
    thing = Thing("top", more=1, inner=Thing("inner", more=2))
    expected = {"name": "top", "inner": {"name": "inner", "more": 2}}
    assert db0.load(thing, exclude=["more"]) == db0.load(thing, exclude=("more",)) == expected
    assert db0.load(thing, exclude=db0.list(["more"])) == expected
    for bad in ("more", {"more": 1}, None):
        with pytest.raises(TypeError):
            db0.load(thing, exclude=bad)
    with pytest.raises(AttributeError, match="Cannot exclude values when __load__ is implemented"):
        db0.load(Shown(1), exclude=["value"])


def test_a_cycle_is_refused_and_sharing_is_not() -> None:
    shared = Thing("shared")
    kept = Root([shared, shared])
    assert db0.load(kept) == {"value": [{"name": "shared"}] * 2}
    shared.me = [kept]
    with pytest.raises(RecursionError):
        db0.load(kept)


def test_objects_of_other_kinds_need_a_load_method() -> None:
    class Own:
        def __load__(self) -> str:
            return "own"

    assert db0.load(Own()) == "own"
    with pytest.raises(AttributeError):
        db0.load(object())


# -- compare -----------------------------------------------------------------------------------------------


def test_objects_of_one_type_with_equal_content_compare_equal() -> None:
    def make(deep: object) -> Any:
        return Thing("a", items=[1, {"k": (deep, {2, 3})}], part=Thing(deep))

    assert db0.compare(make(1), make(1)) and not db0.compare(make(1), make(2))
    assert not db0.compare(Thing("a"), Thing("a", more=1)) and not db0.compare(Thing(1), Point(1))
    with pytest.raises(TypeError):
        db0.compare(Thing(), 3)


def test_two_versions_of_an_object_compare_by_what_changed() -> None:
    kept = Root({"a": [Thing("x")], Thing("key"): 1})
    db0.commit()
    state = db0.get_state_num(finalized=True)
    kept.other = 1  # type: ignore[attr-defined]
    db0.commit()
    with db0.snapshot(state) as before, db0.snapshot() as now:
        assert not db0.compare(before.fetch(Root), kept) and db0.compare(now.fetch(Root), kept)
        del kept.other  # type: ignore[attr-defined]
        assert db0.compare(before.fetch(Root), kept)
        kept.value["a"][0].name = "y"
        assert not db0.compare(before.fetch(Root), kept)


def test_comparison_may_include_tags() -> None:
    one, two = Thing("a"), Thing("a")
    db0.tags(one, two).add("both")
    db0.tags(one).add("mine")
    assert db0.compare(one, two) and db0.compare(one, two, ["both", "none"])
    assert not db0.compare(one, two, ["both", "mine"])


def test_cyclic_graphs_compare() -> None:
    def ring(name: str) -> Any:
        first, second = Thing("first"), Thing(name)
        first.next, second.next = second, first
        return first

    assert db0.compare(ring("x"), ring("x")) and not db0.compare(ring("x"), ring("y"))


# -- hash --------------------------------------------------------------------------------------------------

HASHED = (
    '(1, "a", b"b", 2.5, Decimal("1.50"), dt.date(2024, 1, 2), dt.datetime(2024, 1, 1, tzinfo=dt.UTC), (None, True))'
)


def test_hashes_are_equal_in_every_process_and_differ_between_values() -> None:
    script = f"import perdure as db0, datetime as dt\nfrom decimal import Decimal\nprint(db0.hash({HASHED}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    value = eval(HASHED)
    assert int(run.stdout) == db0.hash(value) and -(1 << 63) <= db0.hash(value) < 1 << 63
    assert len({db0.hash(item) for item in value}) == len(value)


def test_durable_tuples_hash_as_pythons_and_objects_by_identity() -> None:
    thing = Thing()
    assert db0.hash(db0.tuple((1, "a"))) == db0.hash((1, "a"))
    assert db0.hash(thing) == db0.hash(db0.weak_proxy(thing)) != db0.hash(Thing())
    others = [Color.RED, Color.BLUE, Level.LOW, Level.HIGH, Thing, Root, thing, (thing,)]
    assert len({db0.hash(item) for item in others}) == len(others)


@pytest.mark.parametrize("value", [[], {}, set(), object(), db0.list, [1]], ids=lambda value: type(value).__name__)
def test_other_values_have_no_hash(value: object) -> None:
    with pytest.raises(TypeError):
        db0.hash(value)
    with pytest.raises(TypeError):
        db0.hash(db0.list([1]))


# -- debugging ---------------------------------------------------------------------------------------------


def test_describe_tells_what_is_known_of_an_object() -> None:
    @db0.memo
    class Fresh:
        def __init__(self) -> None:
            self.name = "a"
            self.items = [1]

    thing = Fresh()
    found = db0.describe(thing)
    assert found["uuid"] == db0.uuid(thing) and found["type"].endswith(".Fresh") and found["size_of"] > 0
    assert found["field_layout"] == {"pos_vt": {"name": "str", "items": "List"}, "index_vt": {}, "kv_index": {}}
    assert db0.get_type(thing) is Fresh and db0.get_address(thing) > 0
    for call in (db0.describe, db0.get_address, db0.get_type):
        with pytest.raises(TypeError):
            call(3)

"""Each public name, tried against objects that the context may not see.

The list of names is that of the package: a new one fails here until it has an attack or a reason in the tables.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace

from .filtered_world import (
    ABSENT,
    CANARY,
    FILTER,
    HELD,
    HIDDEN,
    KINDS,
    OTHER,
    FilteredWorld,
    acting,
    build,
    everything,
    granted,
)
from .filtering_attacks import FILTERING_ATTACKS
from .harmless import HARMLESS, HARMLESS_FOR_FILTERING
from .holder_attacks import BUILTIN_ATTACKS
from .rendering import attempt, normal
from .surface import surface

VIEWS = ("head", "snapshot", "reader")
PREFIXES = (HIDDEN, ABSENT, HELD, OTHER)
ATTACKS = {**FILTERING_ATTACKS, **{f"Python's {name}": attack for name, attack in BUILTIN_ATTACKS.items()}}
CHEAP = {"exists", "fetch", "get_memo_class", "get_prefix_of", "get_type_stats", "getattr_as", "getrefcount"}
FEW = {"head": ("doc", "declared"), "snapshot": ("frozen",), "reader": ("doc",)}


def test_each_public_name_has_a_decision() -> None:
    decided = {**FILTERING_ATTACKS, **HARMLESS, **HARMLESS_FOR_FILTERING}
    assert sorted(set(surface()) - set(decided)) == [], "no attack and no reason"
    assert sorted(set(decided) - set(surface())) == [], "not public any more"


class Arena:
    """The prefixes in one view; built anew when an attack has changed them."""

    def __init__(self, root: Path, view: str) -> None:
        self.root, self.view = root, view
        self.built = 0
        self.worlds: dict[str, FilteredWorld] = {}
        self.state: Any = None

    def fresh(self) -> None:
        db0.close()
        self.built += 1
        path = self.root / str(self.built)
        made = build(path)
        if self.view == "reader":
            db0.close()
            db0.init(path, autocommit=False, data_filter={"context_var": FILTER})
            for prefix in PREFIXES:
                db0.open(prefix, "r")
        where = db0.snapshot() if self.view == "snapshot" else db0
        self.worlds = {prefix: FilteredWorld(prefix, where, *made[prefix]) for prefix in PREFIXES}
        self.state = self.look()

    def look(self) -> Any:
        """What changes with any change of a prefix."""
        connections = [workspace().opened(prefix).connection for prefix in PREFIXES]
        return [(one.state, one.mutations, one.has_changes()) for one in connections]

    def ready(self) -> dict[str, FilteredWorld]:
        try:
            if self.worlds and self.look() == self.state:
                return self.worlds
        except RuntimeError:
            pass
        self.fresh()
        return self.worlds


@pytest.fixture(scope="module", params=VIEWS)
def arena(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    yield Arena(tmp_path_factory.mktemp("arena"), request.param)
    db0.close()


def outcome(arena: Arena, prefix: str, attack: Any, kind: str, predicate: Any) -> str:
    """What an attack shows in a prefix, whose objects have been used by who may see them."""
    world = arena.ready()[prefix]
    db0.open(prefix, "r" if arena.view == "reader" else "rw")
    acting(everything(), lambda: attempt(lambda: [one.number for one in world.find("all")]))
    return normal(acting(predicate, lambda: attempt(attack, world, kind)))


def fight(arena: Arena, attack: Any, kinds: Iterable[str], predicates: Iterable[Callable[[], Any]]) -> None:
    arena.ready()
    for kind, predicate in itertools.product(kinds, predicates):
        for one, other in ((HIDDEN, ABSENT), (HELD, OTHER)):
            shown = outcome(arena, one, attack, kind, predicate())
            assert not CANARY.search(shown), (kind, one, shown)
            assert shown == outcome(arena, other, attack, kind, predicate()), (kind, one)


def nothing() -> None:
    """No predicate at all."""


@pytest.mark.parametrize("name", ATTACKS)
def test_a_name_tells_nothing_of_objects_that_may_not_be_seen(arena: Arena, name: str) -> None:
    fight(arena, ATTACKS[name], KINDS if arena.view == "head" and name in CHEAP else FEW[arena.view], [granted])
    fight(arena, ATTACKS[name], FEW["reader"], [nothing])


@pytest.mark.soak
@pytest.mark.parametrize("name", ATTACKS)
def test_it_tells_nothing_of_objects_of_any_kind(arena: Arena, name: str) -> None:
    fight(arena, ATTACKS[name], KINDS, [granted, nothing])


IDLE = {
    *(f"DictObject.{name}" for name in ("__contains__", "__iter__", "__len__", "__reversed__", "keys")),
    *(f"ListObject.{name}" for name in ("__contains__", "__len__", "count", "index", "sort")),
    *(f"SetObject.{name}" for name in ("__contains__", "__len__", "__rand__", "__rsub__", "isdisjoint")),
    *(f"TupleObject.{name}" for name in ("__contains__", "__len__", "count", "index")),
    *(f"ObjectTagManager.{name}" for name in ("add", "remove")),
    *(f"QueryObject.{name}" for name in ("__contains__", "compare", "signature")),
    *(f"weak_set.{name}" for name in ("__contains__", "__len__")),
    *(f"Python's {name}" for name in ("__reduce_ex__", "comparison", "dir", "hasattr", "match", "pickle", "static")),
    "SetObject.issubset", "SetObject.issuperset", "MemoMetaClass.get_attributes", "compare", "describe", "expired",
    "get_attributes", "get_memo_class", "get_memo_classes", "get_prefix_of", "get_type_info", "hash", "memo",
    "serialize", "signature_of", "tags", "tags_of", "uuid",
}  # fmt: skip
"""Attacks that show nothing of what is denied even to those who may see it: they are there lest that changes."""


def test_each_other_attack_shows_something_to_who_may_see_everything(arena: Arena) -> None:
    if arena.view != "head":
        pytest.skip("once is enough")
    idle = set()
    for name, attack in ATTACKS.items():
        for kind in KINDS:
            arena.ready()
            shown = [outcome(arena, prefix, attack, kind, everything()) for prefix in PREFIXES]
            if any(map(CANARY.search, shown[:3])) or shown[0] != shown[1] or shown[2] != shown[3]:
                break
        else:
            idle.add(name)
    assert idle == IDLE


@pytest.mark.usefixtures("arena")
def test_tagging_what_queries_find_reaches_no_denied_object(arena: Arena) -> None:
    if arena.view != "head":
        pytest.skip("only the newest state can be changed")
    for name in ("ObjectTagManager.add", "ObjectTagManager.remove"):
        arena.fresh()
        outcome(arena, HIDDEN, FILTERING_ATTACKS[name], "doc", granted())
        world = arena.worlds[HIDDEN]
        whole = db0.predicate(db0.tag_prefix("GRANT"), prefix=HIDDEN)
        tags = acting(whole, lambda uuids=world.uuids: {key: db0.tags_of(db0.fetch(uuids[key])) for key in uuids})
        for key, found in tags.items():
            reached = "mark" in found or "all" not in found
            assert reached is (key[-1] in "02"), (key, found)


def test_the_attacks_find_canaries_where_they_may_be_seen(arena: Arena) -> None:
    arena.ready()
    for name in ("find", "fetch", "ListObject.__iter__"):
        assert CANARY.search(outcome(arena, HELD, FILTERING_ATTACKS[name], "doc", everything()))

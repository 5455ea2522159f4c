"""Each public name, tried against fields that the account may not read.

The list of names is that of the package: a new one fails here until it has an attack or a reason in the tables.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.workspace.functions import workspace

from .harmless import HARMLESS, HARMLESS_FOR_MASKING
from .masked_world import ACCOUNT, ADMIN, CANARY, KINDS, TWINS, UNSET, USER, MaskedWorld, acting, build
from .masking_attacks import BUILTIN_ATTACKS, MASKING_ATTACKS
from .rendering import attempt, normal
from .surface import surface

PLACES = [("head", "error"), ("head", "placeholder"), ("snapshot", "error"), ("reader", "placeholder")]
ANSWERS: dict[str, dict[str, Any]] = {"error": {}, "placeholder": {"missing_value_placeholder": None}}
NOBODY = 55
ATTACKS = {**MASKING_ATTACKS, **{f"Python's {name}": attack for name, attack in BUILTIN_ATTACKS.items()}}
FEW = {"head": tuple(KINDS), "snapshot": ("part", "declared"), "reader": ("data", "declared")}


def test_each_public_name_has_a_decision() -> None:
    decided = {**MASKING_ATTACKS, **HARMLESS, **HARMLESS_FOR_MASKING}
    assert sorted(set(surface()) - set(decided)) == [], "no attack and no reason"
    assert sorted(set(decided) - set(surface())) == [], "not public any more"


def test_no_name_has_both_an_attack_and_a_reason_besides_classes() -> None:
    both = set(MASKING_ATTACKS) & {**HARMLESS, **HARMLESS_FOR_MASKING}.keys()
    assert both <= {"init_fast_query"}


class Arena:
    """Both prefixes in one view; built anew when an attack has changed them."""

    def __init__(self, root: Path, view: str, answer: str) -> None:
        self.root, self.view, self.masking = root, view, ANSWERS[answer]
        self.built = 0
        self.worlds: list[MaskedWorld] = []

    def fresh(self) -> None:
        db0.close()
        self.built += 1
        path = self.root / str(self.built)
        build(path, self.masking)
        if self.view == "reader":
            db0.close()
            db0.init(path, autocommit=False, data_masking={"context_var": ACCOUNT, **self.masking})
            for twin in TWINS:
                db0.open(twin, "r")
        self.worlds = [
            MaskedWorld(twin, db0.snapshot() if self.view == "snapshot" else db0).meet() for twin in TWINS
        ]
        self.states = self.state()

    def state(self) -> Any:
        connections = [workspace().opened(twin).connection for twin in TWINS]
        return [(one.state, one.mutations, one.has_changes()) for one in connections]

    def ready(self) -> list[MaskedWorld]:
        try:
            if self.worlds and self.state() == self.states:
                return self.worlds
        except RuntimeError:
            pass
        self.fresh()
        return self.worlds


@pytest.fixture(scope="module", params=PLACES, ids=" ".join)
def arena(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    yield Arena(tmp_path_factory.mktemp("arena"), *request.param)
    db0.close()


def outcomes(arena: Arena, attack: Any, kind: str, account: Any) -> list[str]:
    """What an attack shows in each of the two prefixes, the fields having been used by who may read them."""
    found = []
    for world in arena.ready():
        db0.open(world.twin, "r" if arena.view == "reader" else "rw")
        acting(ADMIN, lambda world=world: attempt(lambda: [db0.load(one) for one in world.all(kind)]))
        found.append(normal(acting(account, lambda world=world: attempt(attack, world, kind))))
    return found


def fight(arena: Arena, attack: Any, kinds: Iterable[str], accounts: Iterable[Any]) -> None:
    for kind, account in itertools.product(kinds, accounts):
        one, other = outcomes(arena, attack, kind, account)
        assert not CANARY.search(one), (kind, account, one)
        assert one == other, (kind, account)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_name_shows_nothing_of_fields_that_may_not_be_read(arena: Arena, name: str) -> None:
    fight(arena, ATTACKS[name], FEW[arena.view], [USER])
    fight(arena, ATTACKS[name], ["plain"], [UNSET])


@pytest.mark.soak
@pytest.mark.parametrize("name", ATTACKS)
def test_it_shows_nothing_of_objects_of_any_kind_to_any_account(arena: Arena, name: str) -> None:
    fight(arena, ATTACKS[name], KINDS, [USER, NOBODY, UNSET, None, "1"])


IDLE = {
    *(f"IndexObject.{name}" for name in ("__bool__", "__len__", "remove")),
    *(f"ListObject.{name}" for name in ("__contains__", "count", "index")),
    *(f"MemoMetaClass.{name}" for name in ("get_attributes", "get_methods")),
    *(f"QueryObject.{name}" for name in ("compare", "signature")),
    *(f"Python's {name}" for name in ("__getstate__", "__reduce_ex__", "assign", "copy", "dir", "fields of the class")),
    *(f"Python's {name}" for name in ("hasattr", "hash", "pickle")),
    "ObjectTagManager.add", "as_tag", "delete", "describe", "exists", "expired", "get_address", "get_attributes",
    "get_callables", "get_memo_class", "get_memo_classes", "get_methods", "get_properties", "get_type", "get_type_info",
    "get_type_stats", "getrefcount", "hash", "select_deleted", "serialize", "signature_of", "touch", "uuid",
}  # fmt: skip
"""Attacks that show nothing of the fields even to who may read them: they are there lest that changes."""


def test_each_other_attack_shows_something_to_who_may_read_everything(arena: Arena) -> None:
    if arena.view != "head" or arena.masking:
        pytest.skip("once is enough")
    idle = set()
    for name, attack in ATTACKS.items():
        for kind in KINDS:
            one, other = outcomes(arena, attack, kind, ADMIN)
            if CANARY.search(one) or one != other:
                break
        else:
            idle.add(name)
    assert idle == IDLE


def test_the_attacks_find_canaries_where_they_may_be_read(arena: Arena) -> None:
    for kind in KINDS:
        one, other = outcomes(arena, ATTACKS["fetch"], kind, ADMIN)
        assert CANARY.search(one) and one != other

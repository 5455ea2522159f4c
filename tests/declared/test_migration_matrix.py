"""Every change of declarations, of a class and of its base, applied or undone, against what the fields hold (4.9)."""

from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import perdure as db0

from .conftest import by_key, define, found, keep, reopen

pytestmark = pytest.mark.usefixtures("root")

TAGS = ((), ("a",), ("b",), ("a", "b"))
INDEXES = ((), ("n",), ("m",), ("n", "m"))
FIELDS: dict[str, dict[str, Any]] = {
    "base1": {"a": "a1", "b": "b1", "n": 3, "m": 1},
    "base2": {"a": "a2", "b": None, "n": 1},
    "base3": {},
    "derived1": {"a": "a1", "b": "b2", "n": 2, "m": 5},
    "derived2": {"b": "b1", "n": None, "m": 4},
}
CHAIN = [*product(TAGS, INDEXES), *reversed(list(product(INDEXES[::-1], TAGS))[::3])]
PLACES = ("base", "derived", "both")


class Declared(NamedTuple):
    """What a base and a class that derives from it declare: fields that are tags, and indexed ones."""

    base: tuple[tuple[str, ...], tuple[str, ...]]
    derived: tuple[tuple[str, ...], tuple[str, ...]]


def placed(place: str, tags: tuple[str, ...], indexes: tuple[str, ...]) -> Declared:
    """The declarations, on one of the classes, or the tags on the base and the indexes on the derived one."""
    nothing: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    if place == "base":
        return Declared((tags, indexes), nothing)
    return Declared(nothing, (tags, indexes)) if place == "derived" else Declared((tags, ()), ((), indexes))


def classes(declared: Declared) -> tuple[Any, Any]:
    """New definitions of both classes."""
    base = define("Matrix", *declared.base)
    return base, define("MatrixDerived", *declared.derived, base=base)


def make(declared: Declared) -> dict[str, Any]:
    """The objects of `FIELDS`, under these declarations; their uuids by name."""
    base, derived = classes(declared)
    made = [(base if name.startswith("base") else derived)(name=name, **fields) for name, fields in FIELDS.items()]
    keep(*made)
    return {obj.name: db0.uuid(obj) for obj in made}


def check(base: Any, derived: Any, declared: Declared, fields: dict[str, dict[str, Any]] = FIELDS) -> None:
    """Tags and indexes hold what the fields of the objects say, and nothing else."""
    for field in ("a", "b"):
        for value in ("a1", "a2", "b1", "b2"):
            expected = {
                name
                for name, held in fields.items()
                if held.get(field) == value
                and (field in declared.base[0] or (field in declared.derived[0] and name.startswith("derived")))
            }
            others = {
                name
                for name, held in fields.items()
                for other in ("a", "b")
                if held.get(other) == value
                and (other in declared.base[0] or (other in declared.derived[0] and name.startswith("derived")))
            }
            assert expected <= found("kept", value) == others, (field, value)
    for field in ("n", "m"):
        cls = base if field in declared.base[1] else derived
        if field not in declared.base[1] + declared.derived[1]:
            with pytest.raises(RuntimeError, match="not an indexed field"):
                db0.index_of(cls, field)
            continue
        held = {
            name: values[field]
            for name, values in fields.items()
            if field in values and (cls is base or name.startswith("derived"))
        }
        in_order = sorted(held, key=lambda name: (held[name] is None, held[name]))
        assert by_key(cls, field) == in_order
        assert set(found("kept", db0.index_of(cls, field).select())) == set(held)
    assert found(base) == set(fields) and found(derived) == {name for name in fields if name.startswith("derived")}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("first", ["base", "derived"])
def test_each_change_is_applied_when_a_class_is_used(root: Path, place: str, first: str) -> None:
    make(placed(place, (), ()))
    for number, (one, other) in enumerate(CHAIN):
        tags, indexes = (one, other) if one in TAGS else (other, one)
        declared = placed(place, tags, indexes)
        base, derived = classes(declared)
        for cls in (base, derived) if first == "base" else (derived, base):
            len(db0.find(cls))
        check(base, derived, declared)
        if number % 8 == 7:
            reopen(root)
            check(base, derived, declared)


@pytest.mark.parametrize("place", PLACES)
def test_each_change_waits_for_migrate_when_it_was_asked_for(root: Path, place: str) -> None:
    before = placed(place, (), ())
    make(before)
    reopen(root, no_auto_migrate=True)
    for number, (one, other) in enumerate(CHAIN):
        tags, indexes = (one, other) if one in TAGS else (other, one)
        declared = placed(place, tags, indexes)
        changed = declared != before
        base, derived = classes(declared)
        if changed:
            with pytest.raises(db0.MigrateError):
                derived(name="refused")
            for value in ("a1", "b1"):
                waiting = {name for name, held in FIELDS.items() if value in tag_values(name, held, before)}
                assert found("kept", value) == waiting
        db0.migrate(derived)
        check(base, derived, declared)
        before = declared
        if number % 8 == 7:
            reopen(root, no_auto_migrate=True)
            check(base, derived, declared)


def tag_values(name: str, held: dict[str, Any], declared: Declared) -> set[Any]:
    """The values of an object that are tags."""
    own = declared.base[0] + (declared.derived[0] if name.startswith("derived") else ())
    return {held.get(field) for field in own} - {None}


BAD = {"tag": ("b", [1]), "number as tag": ("b", 7), "index": ("m", [1]), "other key type": ("m", "text")}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("victim", ["derived1", "base1"])
@pytest.mark.parametrize("explicit", [False, True])
def test_a_value_that_does_not_fit_leaves_everything_as_it_was(
    root: Path, place: str, bad: str, victim: str, explicit: bool
) -> None:
    field, value = BAD[bad]
    before, after = placed(place, ("a",), ("n",)), placed(place, ("a", "b"), ("n", "m"))
    covered = victim.startswith("derived") or field in after.base[0] + after.base[1]
    identities = make(before)
    setattr(db0.fetch(identities[victim]), field, value)
    reopen(root, no_auto_migrate=explicit)
    state = db0.get_state_num(finalized=True)
    base, derived = classes(after)

    def apply() -> None:
        if explicit:
            db0.migrate(derived)
            db0.migrate(base)
        else:
            len(db0.find(derived))
            len(db0.find(base))

    if not covered:
        apply()
        assert found(derived, "b1") == {"derived2"}
        return
    for _ in range(2):
        with pytest.raises(RuntimeError):
            apply()
    base, derived = classes(before)
    fields = {name: dict(held) for name, held in FIELDS.items()}
    fields[victim][field] = value
    assert {name: db0.load(db0.fetch(one)) for name, one in identities.items()} == {
        name: {"name": name, **held} for name, held in fields.items()
    }
    check(base, derived, before, fields)
    db0.commit()
    assert db0.get_state_num(finalized=True) == state
    setattr(db0.fetch(identities[victim]), field, FIELDS[victim].get(field))
    base, derived = classes(after)
    apply()
    check(base, derived, after, {**FIELDS, victim: {field: None, **FIELDS[victim]}})


@pytest.mark.parametrize("kind", ["tag", "index"])
@pytest.mark.parametrize("place", ["base", "derived"])
def test_renaming_a_declared_field_keeps_tags_index_and_identity(root: Path, kind: str, place: str) -> None:
    field, to = ("a", "b") if kind == "tag" else ("n", "m")
    base, derived = classes(placed(place, ("a",), ("n",)))
    identity = db0.uuid(keep(derived(name="derived1", a="a1", n=3)))
    db0.rename_field(base if place == "base" else derived, field, to)
    base, derived = classes(placed(place, ("b",) if kind == "tag" else ("a",), ("m",) if kind == "index" else ("n",)))
    reopen(root)
    assert found(derived, "a1") == {"derived1"}
    assert by_key(derived, "m" if kind == "index" else "n") == ["derived1"]
    renamed = db0.fetch(identity)
    assert getattr(renamed, to) == ("a1" if kind == "tag" else 3) and not hasattr(renamed, field)

"""Claims of the spec, sections 7.6 and 2.9: weak references, and references between prefixes."""

from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.kernel import durable

from .conftest import reopen
from .things import Color, Placed, Root, Scoped, Thing

pytestmark = pytest.mark.usefixtures("root")


def kept(thing: Any) -> Any:
    db0.tags(thing).add("kept")
    return thing


def drop(thing: Any) -> str:
    identity = db0.uuid(thing)
    db0.tags(thing).remove("kept")
    db0.delete(thing)
    return identity


def test_a_weak_field_reads_as_the_object_and_does_not_hold_it(root: Path) -> None:
    thing = kept(Thing("target"))
    holder = Root(db0.weak_proxy(thing))
    assert holder.value is thing and db0.getrefcount(thing) == 1
    reopen(root)
    assert Root().value.name == "target" and not db0.expired(Root().value)
    assert db0.getrefcount(Root().value) == 1


def test_an_expired_field_gives_a_handle_with_the_uuid_and_the_tag_of_its_object(root: Path) -> None:
    thing = kept(Thing("target"))
    marked = kept(Thing("marked"))
    db0.tags(marked).add(db0.as_tag(thing))
    holder = Root(db0.weak_proxy(thing))
    db0.commit()
    identity = drop(thing)
    del thing
    for _ in range(2):
        handle = holder.value
        assert db0.expired(handle) and db0.uuid(handle) == identity
        with pytest.raises(db0.ReferenceError):
            handle.name
        assert list(db0.find(db0.as_tag(handle))) == [marked]
        assert not isinstance(db0.ReferenceError("x"), ReferenceError)
        del handle
        reopen(root)
        holder, marked = Root(), next(iter(db0.find("kept")))
    db0.tags(holder).add(db0.as_tag(holder.value))
    assert len(db0.find(db0.as_tag(holder.value))) == 2


def test_a_dropped_target_expires_too(root: Path) -> None:
    thing = kept(Thing())
    holder = Root(db0.weak_proxy(thing))
    db0.commit()
    db0.tags(thing).remove("kept")
    del thing
    db0.commit()
    assert db0.expired(holder.value)
    reopen(root)
    assert db0.expired(Root().value)


def test_assigning_over_a_weak_field_counts_again() -> None:
    thing = kept(Thing())
    holder = Root(db0.weak_proxy(thing))
    holder.value = thing
    assert db0.getrefcount(thing) == 2
    holder.value = db0.weak_proxy(thing)
    assert db0.getrefcount(thing) == 1
    holder.value = 5
    holder.value = thing
    assert db0.getrefcount(thing) == 2


def test_weak_references_are_copied_and_live_in_containers(root: Path) -> None:
    thing = kept(Thing("target"))
    proxy = db0.weak_proxy(thing)
    assert db0.weak_proxy(proxy) is proxy
    holder = Root({"list": [proxy], "tuple": (proxy,), "dict": {"k": proxy}})
    holder.copy = db0.weak_proxy(holder.value["list"][0])  # type: ignore[attr-defined]
    assert db0.getrefcount(thing) == 1
    reopen(root)
    holder = Root()
    places = [holder.copy, holder.value["list"][0], holder.value["tuple"][0], holder.value["dict"]["k"]]  # type: ignore[attr-defined]
    assert [place.name for place in places] == ["target"] * 4
    assert db0.getrefcount(next(iter(db0.find("kept")))) == 1


def test_a_free_proxy_forwards_to_its_object() -> None:
    thing = Thing("a")
    proxy: Any = db0.weak_proxy(thing)
    proxy.name = "b"
    proxy.extra = 1
    del proxy.extra
    assert (proxy.name, proxy.shout(), thing.name, hasattr(thing, "extra")) == ("b", "b!", "b", False)
    assert proxy == thing and db0.uuid(proxy) == db0.uuid(thing) and not db0.expired(proxy)
    with pytest.raises(TypeError):
        db0.weak_proxy(3)


def test_only_dead_references_are_expired() -> None:
    assert not db0.expired(Thing()) and not db0.expired(3) and not db0.expired(None)


# -- other prefixes ----------------------------------------------------------------------------------------


def test_an_object_of_another_prefix_is_referred_to_weakly(root: Path) -> None:
    far = kept(Placed("far", "other"))
    holder = Root([far])
    holder.direct = far  # type: ignore[attr-defined]
    assert holder.direct is far and holder.value[0] is far and db0.getrefcount(far) == 1  # type: ignore[attr-defined]
    reopen(root)
    holder = Root()
    assert holder.direct.name == "far" and holder.value[0] is holder.direct  # type: ignore[attr-defined]
    assert db0.get_prefix_of(holder.direct).name == "other"  # type: ignore[attr-defined]


def test_a_foreign_reference_expires_with_its_target(root: Path) -> None:
    far = kept(Placed("far", "other"))
    holder = Root(far)
    db0.commit()
    identity = drop(far)
    with pytest.raises(db0.ReferenceError):
        holder.value.name
    reopen(root)
    handle = Root().value
    assert db0.expired(handle) and db0.uuid(handle) == identity
    with pytest.raises(db0.ReferenceError):
        handle.name


def test_a_field_into_another_prefix_does_not_keep_its_target_alive(root: Path) -> None:
    far = Placed("far", "other")
    holder = Root()
    holder.plain, holder.weak = far, db0.weak_proxy(far)  # type: ignore[attr-defined]
    identity = db0.uuid(far)
    db0.commit()
    same = holder.plain is far and holder.weak is far  # type: ignore[attr-defined]
    del far
    assert same
    db0.commit()
    assert not db0.exists(identity)
    assert db0.expired(holder.plain) and db0.uuid(holder.plain) == identity  # type: ignore[attr-defined]
    for name in ("plain", "weak"):
        with pytest.raises(db0.ReferenceError):
            getattr(holder, name).name


def test_a_loaded_field_into_another_prefix_does_not_keep_its_target_alive(root: Path) -> None:
    holder = Root(kept(Placed("far", "other")))
    holder.items = [holder.value]  # type: ignore[attr-defined]
    reopen(root, "other", "main")
    holder = Root()
    assert [one.name for one in holder.items] == ["far"]  # type: ignore[attr-defined]
    db0.clear_cache()
    assert holder.value.name == "far"
    identity = db0.uuid(holder.value)
    db0.tags(holder.value).remove(*db0.tags_of(holder.value))
    db0.commit()
    assert not db0.exists(identity)
    with pytest.raises(db0.ReferenceError):
        holder.value.name


def test_a_foreign_reference_to_a_missing_prefix_tells_so_on_use(root: Path) -> None:
    Root(kept(Placed("far", "other")))
    db0.close()
    hidden = root / "other.hidden"
    (root / "other.db0").rename(hidden)
    db0.init(root, prefix="main")
    handle = Root().value
    with pytest.raises(RuntimeError, match="Prefix: other"):
        handle.name
    with pytest.raises(RuntimeError, match="Prefix:"):
        db0.expired(handle)
    Root().again = handle  # type: ignore[attr-defined]
    db0.commit()
    hidden.rename(root / "other.db0")
    assert handle.name == "far"
    reopen(root)
    assert Root().again.name == "far"  # type: ignore[attr-defined]


def test_a_prefix_that_was_moved_is_found_by_its_identity(root: Path) -> None:
    Root(kept(Placed("far", "other")))
    db0.close()
    (root / "deep").mkdir()
    (root / "other.db0").rename(root / "deep" / "place.db0")
    db0.init(root, prefix="main")
    assert Root().value.name == "far" and db0.get_prefix_of(Root().value).name == "deep/place"


def test_plain_containers_are_copied_to_the_owners_prefix(root: Path) -> None:
    placed = kept(Placed({"a": [1]}, "other"))
    identity = db0.uuid(placed)
    reopen(root)
    assert db0.fetch(identity).name == {"a": [1]}
    assert db0.get_prefix_of(db0.fetch(identity).name).name == "other"


@pytest.mark.parametrize("make", [lambda: db0.list(), lambda: db0.dict(), lambda: db0.set(), lambda: db0.index()])
def test_empty_collections_move_to_the_owners_prefix(root: Path, make: Any) -> None:
    placed = kept(Placed(make(), "other"))
    assert db0.get_prefix_of(placed.name).name == "other"


def test_a_filled_list_and_a_stored_collection_cannot_move() -> None:
    with pytest.raises(AttributeError):
        Placed(db0.list([1]), "other")
    stored = Root({"a": 1})
    db0.commit()
    with pytest.raises(AttributeError):
        Placed(stored.value, "other")
    assert db0.get_prefix_of(Placed(db0.tuple((1,)), "other").name).name == "other"


def test_enum_values_are_the_same_in_every_prefix(root: Path) -> None:
    Root(Color.RED)
    kept(Placed(Color.RED, "other"))
    reopen(root, "other", "main")
    assert Root().value == next(iter(db0.find("kept", prefix="other"))).name == Color.RED


def test_a_prefix_opened_for_a_reference_becomes_writable_when_a_class_needs_it(root: Path) -> None:
    scoped = kept(Scoped("old"))
    Root(scoped)
    reopen(root)
    old = Root().value
    assert old.name == "old" and [prefix.name for prefix in db0.get_mutable_prefixes()] == ["main"]
    new = kept(Scoped("new"))
    assert {prefix.name for prefix in db0.get_mutable_prefixes()} == {"main", "elsewhere"}
    old.name = new
    reopen(root)
    assert Root().value.name.name == "new"


# -- bookkeeping -------------------------------------------------------------------------------------------


def test_holders_of_weak_fields_are_forgotten_when_they_are_gone() -> None:
    target = kept(Thing("target"))
    connection = durable.owner_of(target)
    for _ in range(50):
        holder = Thing()
        holder.name = db0.weak_proxy(target)
        db0.tags(holder).add("brief")
        db0.commit()
        db0.tags(holder).remove("brief")
        del holder
        db0.commit()
    assert not connection.weak_targets() and not connection._weak_holders


def test_a_holder_whose_field_is_no_longer_weak_is_forgotten() -> None:
    target = kept(Thing("target"))
    holder = Root(db0.weak_proxy(target))
    db0.commit()
    connection = durable.owner_of(target)
    assert list(connection.weak_targets()) == [durable.oid_of(target)]
    holder.value = None
    db0.commit()
    assert not connection.weak_targets() and not connection._weak_holders


def test_weak_fields_do_not_keep_others_from_being_dropped_or_kept() -> None:
    watched, seen, unseen = Thing("watched"), Thing("seen"), Thing("unseen")
    holder = Root([])
    holder.first = holder.second = db0.weak_proxy(watched)  # type: ignore[attr-defined]
    holder.third = db0.weak_proxy(seen)  # type: ignore[attr-defined]
    db0.commit()
    identities = [db0.uuid(thing) for thing in (watched, seen, unseen)]
    del watched, unseen
    db0.commit()
    assert [db0.exists(identity) for identity in identities] == [False, True, False]
    assert db0.expired(holder.first) and not db0.expired(holder.third)  # type: ignore[attr-defined]
    del seen
    db0.commit()
    assert not db0.exists(identities[1])

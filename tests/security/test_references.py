"""References to what is denied: whoever reads them gets `PermissionError`, and all else of the holder can be read."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import perdure as db0

from .things import SEEN, Doc, Note, Part, Whole, World, seeing


class Holders:
    """Everything that can hold a reference, with one that is visible and one that is denied."""

    def __init__(self) -> None:
        self.seen, self.denied = Doc("seen"), Doc("denied")
        db0.tags(self.seen, self.denied).add("x")
        db0.tags(self.seen).add("open")
        seen, denied = self.seen, self.denied
        self.note = Note("note", denied)
        note: Any = self.note
        note.visible = seen
        note.weak = db0.weak_proxy(denied)
        note.a, note.b, note.c, note.d, note.late = 1, 2, 3, 4, denied  # more than the fields of the quick path
        note.pair = (1, (denied,))
        note.frozen = frozenset([2, denied])
        note.list = [seen, denied, "text"]
        note.long = [*range(1000), denied]
        note.weak_list = [db0.weak_proxy(denied), 5]
        note.tuple = db0.tuple([seen, denied])
        note.dict = {"seen": seen, "denied": denied, "n": 1}
        note.wide = dict.fromkeys(range(500), denied)
        note.keyed = db0.dict({seen: 1})
        note.keyed[denied] = 2
        note.set = db0.set([seen, denied])
        note.weak_set = db0.weak_set([seen, denied])
        note.nested = [[denied]]
        note.unset = None
        db0.tags(note).add("holder")
        db0.commit()

    def seen_at(self, place: Any) -> Any:
        return place.fetch(db0.uuid(self.note))


@pytest.fixture
def holders(release: None) -> Holders:
    return Holders()


@pytest.fixture(params=["head", "reopened", "snapshot"])
def note(request: pytest.FixtureRequest, holders: Holders) -> Iterator[Any]:
    """The holder as it is in memory, as read from the file, and in a snapshot."""
    if request.param == "head":
        yield holders.note
        return
    uuid = db0.uuid(holders.note)
    if request.param == "snapshot":
        with db0.snapshot() as taken:
            yield taken.fetch(uuid)
        return
    db0.close("main")
    db0.open("main")
    yield db0.fetch(uuid)


DENIED: dict[str, Callable[[Any], Any]] = {
    "field": lambda note: note.other,
    "getattr": lambda note: getattr(note, "other"),  # noqa: B009
    "field beyond the quick path": lambda note: note.late,
    "weak field": lambda note: note.weak,
    "getattr_as": lambda note: db0.getattr_as(note, "other", Doc),
    "vars": lambda note: vars(note),
    "load": lambda note: db0.load(note, exclude=["keyed", "weak_set"]),
    "load_all": lambda note: db0.load_all(note, exclude=["keyed", "weak_set"]),
    "plain tuple": lambda note: note.pair,
    "plain frozenset": lambda note: note.frozen,
    "list element": lambda note: note.list[1],
    "list from the end": lambda note: note.list[-2],
    "list slice": lambda note: note.list[0:2],
    "list slice with step": lambda note: note.list[::-1],
    "list iteration": lambda note: list(note.list),
    "list backwards": lambda note: list(reversed(note.list)),
    "list of pages": lambda note: note.long[1000],
    "iteration of pages": lambda note: list(note.long),
    "weak list element": lambda note: note.weak_list[0],
    "weak list iteration": lambda note: list(note.weak_list),
    "nested list": lambda note: note.nested[0][0],
    "unpacking": lambda note: [*note.list],
    "tuple element": lambda note: note.tuple[1],
    "tuple iteration": lambda note: list(note.tuple),
    "tuple slice": lambda note: note.tuple[:],
    "dict value": lambda note: note.dict["denied"],
    "dict get": lambda note: note.dict.get("denied"),
    "dict values": lambda note: list(note.dict.values()),
    "dict values backwards": lambda note: list(reversed(note.dict.values())),
    "dict items": lambda note: list(note.dict.items()),
    "dict items backwards": lambda note: list(reversed(note.dict.items())),
    "dict of a dict": lambda note: dict(note.dict),
    "large dict value": lambda note: note.wide[77],
    "large dict values": lambda note: list(note.wide.values()),
    "dict keys": lambda note: list(note.keyed),
    "dict key view": lambda note: list(note.keyed.keys()),
    "dict keys backwards": lambda note: list(reversed(note.keyed)),
    "set iteration": lambda note: list(note.set),
    "repr of a list": lambda note: repr(note.list),
    "copy": lambda note: note.list.copy(),
    "sum of lists": lambda note: operator.add(note.list, [1]),
    "load of a list": lambda note: db0.load(note.list),
}

STILL_READ: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "other fields": (lambda note: (note.name, note.a, note.unset), ("note", 1, None)),
    "a visible reference": (lambda note: note.visible.name, "seen"),
    "a visible element": (lambda note: note.list[0].name, "seen"),
    "the rest of a list": (lambda note: (note.list[2], len(note.list)), ("text", 3)),
    "the rest of a page": (lambda note: (note.long[:3], note.long[999], len(note.long)), ([0, 1, 2], 999, 1001)),
    "iteration as far as it goes": (lambda note: next(iter(note.list)).name, "seen"),
    "a tuple": (lambda note: (note.tuple[0].name, len(note.tuple)), ("seen", 2)),
    "a dict": (lambda note: (note.dict["seen"].name, note.dict["n"], len(note.dict)), ("seen", 1, 3)),
    "keys of a dict": (lambda note: list(note.dict), ["seen", "denied", "n"]),
    "keys of a dict as a view": (lambda note: sorted(note.dict.keys()), ["denied", "n", "seen"]),
    "keys of a large dict": (lambda note: sum(note.wide), 499 * 250),
    "values of denied keys": (lambda note: sorted(note.keyed.values()), [1, 2]),
    "whether a key is there": (lambda note: ("denied" in note.dict, "nothing" in note.dict), (True, False)),
    "the size of a set": (lambda note: len(note.set), 2),
    "a weak set": (lambda note: ([one.name for one in note.weak_set], len(note.weak_set)), (["seen"], 1)),
}


@pytest.mark.parametrize("path", DENIED)
def test_reading_what_is_denied_is_refused(note: Any, path: str) -> None:
    with seeing("open"), pytest.raises(PermissionError):
        DENIED[path](note)
    with pytest.raises(PermissionError):  # no predicate at all
        DENIED[path](note)
    with seeing("x"):
        DENIED[path](note)


@pytest.mark.parametrize("path", STILL_READ)
def test_the_rest_of_the_holder_can_be_read(note: Any, path: str) -> None:
    read, expected = STILL_READ[path]
    with seeing("open"):
        assert read(note) == expected


CHANGES: dict[str, Callable[[Any], Any]] = {
    "list pop": lambda note: note.list.pop(1),
    "list pop of pages": lambda note: note.long.pop(),
    "list sort": lambda note: note.list.sort(key=str),
    "dict pop": lambda note: note.dict.pop("denied"),
    "dict popitem": lambda note: (note.dict.pop("n"), note.dict.popitem()),
    "dict setdefault": lambda note: note.dict.setdefault("denied", 1),
    "large dict pop": lambda note: note.wide.pop(77),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_denied_is_not_given_out_by_changes_and_stays(holders: Holders, change: str) -> None:
    note: Any = holders.note
    with seeing("open"), pytest.raises(PermissionError):
        CHANGES[change](note)
    db0.commit()
    with seeing("x"):
        assert note.list[1] is holders.denied and note.long[1000] is holders.denied and len(note.long) == 1001
        assert note.dict["denied"] is holders.denied and len(note.wide) == 500 and note.wide[77] is holders.denied


def test_holders_of_what_is_denied_can_be_changed(holders: Holders) -> None:
    note: Any = holders.note
    with seeing("open"):
        note.other = holders.seen
        note.list.append("more")
        del note.list[1]
        note.dict["denied"] = 7
        del note.wide[3]
        note.set.discard(holders.denied)
        note.list.remove("text")
        note.name = "changed"
        db0.commit()
        assert [getattr(one, "name", one) for one in note.list] == ["seen", "more"]
        assert (note.other.name, note.dict["denied"], len(note.wide), len(note.set)) == ("seen", 7, 499, 1)


def test_looking_for_an_own_handle_needs_no_right(holders: Holders) -> None:
    note: Any = holders.note
    with seeing("open"):
        assert holders.denied in note.list and note.list.index(holders.denied) == 1
        assert note.list.count(holders.denied) == 1 and "text" in note.list and "nothing" not in note.list
        assert holders.denied in note.set and note.keyed[holders.denied] == 2
        assert holders.denied not in note.weak_set


def test_a_set_of_denied_elements_only_gives_none_and_keeps_them(holders: Holders) -> None:
    note: Any = holders.note
    note.only = db0.set([holders.denied])
    with seeing("open"), pytest.raises(PermissionError):
        note.only.pop()
    assert len(note.only) == 1


def test_weak_proxies_forward_only_to_what_can_be_seen(holders: Holders) -> None:
    proxy = db0.weak_proxy(holders.denied)
    with seeing("open"):
        for use in (lambda: proxy.name, lambda: proxy.target, lambda: db0.load(proxy), lambda: db0.expired(proxy)):
            with pytest.raises(PermissionError):
                use()
        with pytest.raises(PermissionError):
            proxy.name = "changed"
        assert db0.uuid(proxy) == db0.uuid(holders.denied)
    with seeing("x"):
        assert proxy.name == "denied" and not db0.expired(proxy)


def test_a_weak_reference_to_what_is_denied_is_as_one_to_what_was_deleted(holders: Holders) -> None:
    note: Any = holders.note
    gone = Doc("gone")
    note.gone = db0.weak_proxy(gone)
    db0.commit()
    db0.delete(gone)
    del gone
    db0.commit()
    errors = []
    with seeing("open"):
        for name in ("weak", "gone"):
            with pytest.raises(PermissionError) as caught:
                getattr(note, name)
            errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_parts_of_immutable_objects_are_looked_at_too(release: None) -> None:
    seen, denied = Part("seen"), Part("denied")
    whole = Whole("whole", [seen])
    other = Whole("other", [denied, {"in": denied}])
    holder = Note("holder", [whole, other])
    db0.tags(holder).add("holder")
    db0.commit()
    with seeing("no"):
        pass
    db0.tags(seen).add("open")
    db0.commit()
    uuid = db0.uuid(holder)
    del whole, other, seen, denied, holder
    db0.close("main")
    db0.open("main")
    found: Any = db0.fetch(uuid)
    with seeing("open"):
        assert found.other[0].parts[0].name == "seen" and found.other[1].name == "other"
        with pytest.raises(PermissionError):
            found.other[1].parts
        with pytest.raises(PermissionError):
            db0.load(found.other[1])


def test_what_was_just_made_is_given_out_by_the_same_rule(release: None) -> None:
    holder: Any = Note("holder")
    db0.tags(holder).add("holder")
    with seeing("open"):
        holder.other = Doc("new")
        with pytest.raises(PermissionError):
            holder.other
    with seeing(Doc):
        assert holder.other.name == "new"


def test_references_into_other_prefixes_are_asked_of_theirs(started: Callable[..., None]) -> None:
    started(data_filter={"context_var": SEEN, "prefix": "secret"})
    db0.open("secret")
    seen, denied = Doc("seen"), Doc("denied")
    db0.tags(seen).add("open")
    db0.tags(denied).add("x")
    db0.open("main")
    holder: Any = Note("holder", denied)
    holder.list = [seen, denied]
    holder.free = Doc("free")
    db0.tags(holder).add("holder")
    db0.commit()
    uuid = db0.uuid(holder)
    del holder
    db0.close("main")
    db0.open("main")
    again: Any = db0.fetch(uuid)
    with seeing(predicate=db0.predicate("open", prefix="secret")):
        assert again.free.name == "free" and again.list[0].name == "seen"
        for use in (lambda: again.other, lambda: again.list[1], lambda: list(again.list)):
            with pytest.raises(PermissionError):
                use()
    assert again.free.name == "free"


def test_without_any_filter_references_to_restricted_objects_are_refused(started: Callable[..., None]) -> None:
    started()
    holder = Note("holder", Doc("doc"))
    with pytest.raises(PermissionError):
        holder.other


def test_comparing_asks_for_what_is_compared(holders: Holders) -> None:
    one, other, third = Note("n", holders.denied), Note("n", holders.denied), Note("n", holders.seen)
    with seeing("open"):
        with pytest.raises(PermissionError):
            db0.compare(one, other)
        assert db0.compare(third, Note("n", holders.seen))
    with seeing("x"):
        assert db0.compare(one, other)


def test_functions_of_groups_and_filters_meet_no_denied_references(world: World) -> None:
    for number, note in enumerate(world.notes):
        note.other = world.docs[2 * number]
    db0.commit()
    with seeing("open"):
        with pytest.raises(PermissionError):
            db0.group_by(lambda note: note.other.name, db0.find(Note, "x"))
        with pytest.raises(PermissionError):
            list(db0.filter(lambda note: note.other.name, db0.find(Note, "x")))
    with seeing("x"):
        groups = db0.group_by(lambda note: note.other.name, db0.find(Note, "x"))
        assert groups == {"seen_doc": 1, "denied_doc": 1}
    with seeing("open"), pytest.raises(PermissionError):  # nothing kept of the other account
        db0.group_by(lambda note: note.other.name, db0.find(Note, "x"))

"""Objects whose `__init__` is running: what may refer to them already, and what may not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .conftest import reopen
from .things import Color, Root, Thing


def weak_set_add(obj: Any) -> None:
    db0.weak_set().add(obj)


ADDING: dict[str, Callable[[Any], object]] = {
    "list.append": lambda obj: db0.list().append(obj),
    "list.extend": lambda obj: db0.list().extend([obj]),
    "list.insert": lambda obj: db0.list().insert(0, obj),
    "list[0] =": lambda obj: db0.list([1]).__setitem__(0, obj),
    "list[:] =": lambda obj: db0.list([1]).__setitem__(slice(0, 1), [obj]),
    "list +": lambda obj: db0.list() + [obj],  # noqa: RUF005
    "list +=": lambda obj: db0.list().__iadd__([obj]),
    "list()": lambda obj: db0.list([obj]),
    "tuple()": lambda obj: db0.tuple([obj]),
    "set.add": lambda obj: db0.set().add(obj),
    "set()": lambda obj: db0.set([obj]),
    "set.update": lambda obj: db0.set().update([obj]),
    "set |=": lambda obj: db0.set([1]).__ior__({obj}),
    "dict key": lambda obj: db0.dict().__setitem__(obj, 1),
    "dict value": lambda obj: db0.dict().__setitem__("key", obj),
    "dict.update": lambda obj: db0.dict().update(key=obj),
    "dict.setdefault": lambda obj: db0.dict().setdefault("key", obj),
    "dict()": lambda obj: db0.dict({"key": obj}),
    "in a tuple": lambda obj: db0.list().append((1, (obj,))),
    "in a plain list": lambda obj: db0.list().append([obj]),
    "in a plain dict": lambda obj: db0.list().append({"key": [obj]}),
    "weak_set": weak_set_add,
    "index.add": lambda obj: db0.index().add(1, obj),
    "uuid": db0.uuid,
    "as_tag": db0.as_tag,
}


@pytest.mark.parametrize("how", ADDING)
@pytest.mark.parametrize("options", [{}, {"prefix": "other"}, {"singleton": True}], ids=str)
def test_bare_self_is_refused_where_an_identity_is_needed(root: Path, how: str, options: dict[str, Any]) -> None:
    @db0.memo(id="unfinished", **options)
    class Unfinished:
        def __init__(self) -> None:
            self.name = "x"
            ADDING[how](self)

    with pytest.raises(RuntimeError, match=r"UUID.*materialized"):
        Unfinished()
    db0.commit()
    assert len(db0.find(Unfinished)) == 0


@pytest.mark.parametrize("how", ADDING)
def test_materialized_self_is_accepted_everywhere(root: Path, how: str) -> None:
    @db0.memo(id="unfinished")
    class Unfinished:
        def __init__(self) -> None:
            ADDING[how](db0.materialized(self))

    assert db0.is_memo(Unfinished())


@pytest.mark.parametrize("wrap", [lambda obj: [obj], lambda obj: {"key": obj}, lambda obj: {obj}, lambda obj: (obj,)])
@pytest.mark.parametrize("target", ["own", "other"])
def test_a_plain_container_with_bare_self_is_refused_as_a_field(root: Path, wrap: Any, target: str) -> None:
    holder = Thing("holder")

    @db0.memo(id="unfinished")
    class Unfinished:
        def __init__(self) -> None:
            (self if target == "own" else holder).items = wrap(self)

    with pytest.raises(AttributeError, match=r"UUID.*materialized"):
        Unfinished()
    assert vars(holder) == {"name": "holder"}


def test_a_list_of_stored_objects_does_not_keep_what_was_refused(root: Path) -> None:
    kept = Root([])

    @db0.memo(id="unfinished")
    class Unfinished:
        def __init__(self) -> None:
            kept.value.append(self)

    with pytest.raises(RuntimeError):
        Unfinished()
    assert kept.value == []
    db0.commit()
    reopen(root)
    assert Root().value == []


def test_self_may_be_a_field_of_its_own_and_of_others_and_be_tagged(root: Path) -> None:
    @db0.memo(id="unfinished")
    class Unfinished:
        def __init__(self) -> None:
            self.me = self
            self.child = Thing(self)
            db0.tags(self).add("early", Color.RED)
            assert self.me is self and len(db0.find("early")) == 0
            assert db0.get_prefix_of(self).name == "main"

    made = Unfinished()
    assert made.child.name is made.me is made
    assert list(db0.find("early")) == list(db0.find(Color.RED)) == [made]
    db0.commit()
    identity = db0.uuid(made)
    reopen(root)
    found = db0.fetch(identity)
    assert found.me is found.child.name is found


def test_what_init_made_is_gone_when_it_raises(root: Path) -> None:
    @db0.memo(id="unfinished")
    class Unfinished:
        def __init__(self, later: bool) -> None:
            self.child = Thing("child")
            self.items = [Thing("item")]
            db0.tags(self).add("early")
            if later:
                kept.value = db0.materialized(self)
            raise LookupError("as it was raised")

    kept = Root(None)
    for later in (False, True):
        with pytest.raises(LookupError, match="as it was raised"):
            Unfinished(later)
        db0.commit()
        assert len(db0.find("early")) == len(db0.find(Unfinished)) == len(db0.find(Thing)) == 0
    assert db0.expired(kept.value)

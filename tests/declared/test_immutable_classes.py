"""Declared fields of immutable and interned classes: mirrored when the object is made, migrated, never renamed."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

import perdure as db0
from perdure.errors import ImmutableError
from perdure.model import scope


def declare(declared: bool, label: str = "Label") -> tuple[Any, Any]:
    """An immutable and an interned class, with declared fields or without; `label` names the second in Python."""

    class Invoice:
        def __init__(self, number: int, state: Any, parts: Any = ()) -> None:
            self.number = number
            self.state = state
            self.parts = parts

    class Label:
        def __init__(self, colour: Any, size: int = 0) -> None:
            self.colour = colour
            self.size = size

    Invoice.__qualname__ = "Invoice"
    Label.__name__ = Label.__qualname__ = label
    invoices: Any = db0.memo(immutable=True)(Invoice)
    labels: Any = db0.memo(immutable=True, intern=True, id="declared:label")(Label)
    if declared:
        invoices = db0.indexed_fields("number")(db0.tag_fields("state")(invoices))
        labels = db0.indexed_fields("size")(db0.tag_fields("colour")(labels))
    return invoices, labels


def numbers(cls: Any, low: int | None = None, high: int | None = None) -> list[int]:
    return [one.number for one in db0.find(cls, db0.index_of(cls, "number").select(low, high))]


def check() -> None:
    db0.commit()
    assert list(scope.current().database.verify()) == []


@pytest.fixture
def kept(root: Path) -> Any:
    db0.open("main")
    items = db0.list()

    class Holder:
        def __init__(self) -> None:
            self.items = items

    Holder.__qualname__ = "Holder"
    db0.tags(db0.memo(Holder)()).add("kept")
    return items


def test_declared_fields_of_immutable_objects_are_mirrored_when_they_are_made(kept: Any) -> None:
    invoices, _ = declare(True)
    kept.extend([invoices(1, "open"), invoices(2, "closed"), invoices(3, "open", [invoices(4, "part")])])
    assert [one.number for one in db0.find(invoices, "open")] == [1, 3]
    assert [one.number for one in db0.find(invoices, "part")] == [4]
    assert sorted(numbers(invoices, 2, 4)) == [2, 3, 4]
    check()
    kept.clear()
    gc.collect()
    check()
    assert len(db0.find(invoices, "open")) == 0 == len(numbers(invoices))


def test_an_object_that_nothing_holds_is_forgotten_with_its_tags(kept: Any) -> None:
    invoices, _ = declare(True)
    invoices(1, "open")
    gc.collect()
    check()
    assert len(db0.find(invoices, "open")) == 0 == len(numbers(invoices))


def test_a_value_that_is_no_tag_is_refused_and_leaves_nothing(kept: Any) -> None:
    invoices, _ = declare(True)
    with pytest.raises(TypeError, match=r"Invoice\.state"):
        invoices(1, ["open"])
    assert len(db0.find(invoices)) == 0
    check()


def test_equal_interned_objects_are_mirrored_once(kept: Any) -> None:
    _, labels = declare(True)
    first = db0.materialized(labels("red", 3))
    assert db0.materialized(labels("red", 3)) is first
    kept.append(labels("red", 3))
    assert kept[0] == first and db0.uuid(kept[0]) == db0.uuid(first) and list(db0.find(labels, "red")) == [first]
    assert list(db0.find(labels, db0.index_of(labels, "size").select(3, 3))) == [first]
    check()
    assert db0.get_type_stats(labels)["content_index"] == {"size": 1}


def test_declaring_fields_later_mirrors_stored_objects_and_their_parts(kept: Any, root: Path) -> None:
    invoices, labels = declare(False)
    kept.append(invoices(1, "open", [invoices(2, "closed", [labels("red")]), labels("blue")]))
    db0.commit()
    assert db0.uuid(kept[0]) != db0.uuid(kept[0].parts[0])
    red = db0.uuid(labels("red"))
    db0.close()
    invoices, labels = declare(True)
    db0.init(root, prefix="main", autocommit=False)
    assert [one.number for one in db0.find(invoices, "closed")] == [2] and sorted(numbers(invoices)) == [1, 2]
    assert [db0.uuid(one) for one in db0.find(labels, "red")] == [red] == [db0.uuid(labels("red"))]
    check()
    db0.close()
    invoices, labels = declare(False, "Renamed")
    db0.init(root, prefix="main", autocommit=False)
    assert db0.uuid(labels("red")) == red, "the id of the class is part of the content, its name is not"
    check()


@pytest.mark.parametrize("which", [0, 1], ids=["immutable", "interned"])
def test_fields_of_immutable_classes_cannot_be_renamed(kept: Any, which: int) -> None:
    cls = declare(True)[which]
    kept.append(cls(1, "open") if which == 0 else cls("red", 1))
    db0.commit()
    name = "state" if which == 0 else "colour"
    with pytest.raises(ImmutableError, match=f"{cls.__qualname__}.*renamed"):
        db0.rename_field(cls, name, "other")
    assert db0.commit() is None and len(db0.find(cls, "open" if which == 0 else "red")) == 1

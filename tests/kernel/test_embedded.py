"""Values of write-once objects, on both twins of the kernel."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.kernel import durable, embedded, embedding
from perdure.kernel._pure import durable as pure_durable
from perdure.kernel._pure import embedded as pure
from perdure.kernel._pure import embedding as pure_embedding

TWINS = pytest.mark.parametrize("twin", [embedded, pure], ids=["imported", "pure"])


@TWINS
def test_an_embedded_dict_is_a_mapping_that_cannot_be_changed(twin: Any) -> None:
    view = twin.EmbeddedDict({"a": 1, 2: "b"})
    assert len(view) == 2 and view["a"] == 1 and view[2.0] == "b" and list(view) == ["a", 2] and "c" not in view
    assert view.get("c") is None and view.get("c", 3) == 3 and dict(view) == {"a": 1, 2: "b"} == view
    assert list(view.keys()) == ["a", 2] and list(view.items()) == [("a", 1), (2, "b")]
    assert list(view.values()) == [1, "b"]
    assert repr(view) == repr({"a": 1, 2: "b"}) and view == twin.EmbeddedDict(dict(view)) and view != {"a": 1}
    for change in (lambda: view.__init__({}), lambda: view.__setitem__("a", 2), lambda: setattr(view, "a", 1)):
        with pytest.raises((TypeError, AttributeError)):
            change()
    with pytest.raises(TypeError):
        hash(view)
    assert len(view) == 2


@TWINS
def test_tuples_and_sets_are_pythons_by_another_name(twin: Any) -> None:
    assert twin.EmbeddedTuple([1, 2]) == (1, 2) and repr(twin.EmbeddedTuple([1, 2])) == "(1, 2)"
    assert twin.EmbeddedSet([1, 2]) == {1, 2} and hash(twin.EmbeddedTuple([1])) == hash((1,))


def contents(durable: Any, embedded: Any, embedding: Any) -> list[bytes]:
    """The content of three objects in one twin: two equal ones and one that holds the second."""
    thing = type(durable.Durable)(
        "Thing",
        (durable.Durable,),
        {"_perdure_immutable_": True, "_perdure_interned_": True, "_perdure_domain_": "thing"},
    )
    values = {
        "a": embedded.EmbeddedTuple((1, embedded.EmbeddedDict({"y": 2.0, "x": None}))),
        "b": embedded.EmbeddedSet({3, "c"}),
        "c": "text",
    }
    objects = [thing() for _ in range(3)]
    for obj, names in zip(objects, ("abc", "bca", "c"), strict=True):
        for name in names:
            durable.set_field(obj, name, values[name])
    durable.set_field(objects[2], "d", objects[1])
    return [embedding.content(obj, lambda value: value) for obj in objects]


def test_both_twins_write_the_same_content() -> None:
    found = contents(durable, embedded, embedding)
    assert found[0] == found[1] != found[2]
    assert found == contents(pure_durable, pure, pure_embedding)

"""Values of write-once objects, on both twins of the kernel."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.kernel import embedded
from perdure.kernel._pure import embedded as pure

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

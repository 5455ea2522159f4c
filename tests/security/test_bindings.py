"""Bindings of context variables to prefixes: what may be bound again, what conflicts, what survives."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure.security import DEBUG, FILTERS, MASKS, RELEASE, UNSET, Binding, Bindings, prefix_names, read_binding
from perdure.session import Database

ONE: ContextVar[Any] = ContextVar("one")
OTHER: ContextVar[Any] = ContextVar("other")
MARK, EQUAL_MARK = [1], [1]
DIFFERENT = [Binding(OTHER), Binding(ONE, DEBUG), Binding(ONE, placeholder=None), Binding(ONE, placeholder=MARK)]


@pytest.fixture
def bindings() -> Bindings:
    return Bindings("test")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    perdure.init(tmp_path, autocommit=False)
    yield tmp_path
    perdure.close()


@pytest.mark.parametrize("names", [None, {"a"}, {"a", "b"}])
def test_the_same_binding_again_is_accepted(bindings: Bindings, names: set[str] | None) -> None:
    bindings.bind(Binding(ONE), names)
    bindings.bind(Binding(ONE), names)
    found = bindings.named("a")
    assert found is not None and found.agrees(Binding(ONE))


@pytest.mark.parametrize("other", DIFFERENT)
@pytest.mark.parametrize("first", [None, {"a"}, {"a", "b"}])
@pytest.mark.parametrize("second", [None, {"a"}, {"a", "c"}])
def test_another_binding_of_the_same_prefixes_is_refused_and_changes_nothing(
    bindings: Bindings, first: set[str] | None, second: set[str] | None, other: Binding
) -> None:
    bindings.bind(Binding(ONE), first)
    with pytest.raises(RuntimeError, match="binding"):
        bindings.bind(other, second)
    expected = None if first is not None else ONE
    assert getattr(bindings.named("a"), "variable", None) is ONE
    assert getattr(bindings.named("c"), "variable", None) is expected


def test_placeholders_are_told_apart_by_identity(bindings: Bindings) -> None:
    bindings.bind(Binding(ONE, placeholder=MARK), None)
    bindings.bind(Binding(ONE, placeholder=MARK), None)
    with pytest.raises(RuntimeError, match="binding"):
        bindings.bind(Binding(ONE, placeholder=EQUAL_MARK), None)


def test_different_prefixes_may_have_different_bindings_and_others_none(bindings: Bindings) -> None:
    assert not bindings.active
    bindings.bind(Binding(ONE), {"a"})
    bindings.bind(Binding(OTHER, DEBUG), {"b"})
    first, second = bindings.named("a"), bindings.named("b")
    assert first is not None and first.variable is ONE and not first.debug
    assert second is not None and second.variable is OTHER and second.debug
    assert bindings.named("c") is None and bindings.active


def test_an_agreeing_binding_of_all_prefixes_joins_those_by_name(bindings: Bindings) -> None:
    bindings.bind(Binding(ONE), {"a"})
    bindings.bind(Binding(ONE), None)
    bindings.bind(Binding(ONE), {"z"})
    assert getattr(bindings.named("other"), "variable", None) is ONE


def test_clearing_allows_another_binding(bindings: Bindings) -> None:
    bindings.bind(Binding(ONE), None)
    bindings.clear()
    assert not bindings.active and bindings.named("a") is None
    bindings.bind(Binding(OTHER), None)


def test_the_value_is_that_of_the_context_with_the_default_of_the_variable() -> None:
    assert Binding(ONE).value() is UNSET
    assert Binding(ContextVar("with_default", default=7)).value() == 7
    token = ONE.set(None)
    assert Binding(ONE).value() is None
    ONE.reset(token)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("a", {"a"}),
        (perdure.PrefixMetaData("a", 5), {"a"}),
        (["a", perdure.PrefixMetaData("b", 5)], {"a", "b"}),
        (iter(["x"]), {"x"}),
    ],
)
def test_prefixes_are_names_their_metadata_or_collections(given: Any, expected: set[str] | None) -> None:
    assert prefix_names(given) == expected


@pytest.mark.parametrize("given", [5, b"a", ["a", 5], [None], [b"a"]])
def test_other_prefixes_are_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="prefix"):
        prefix_names(given)


def test_an_empty_collection_of_prefixes_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        prefix_names([])


def test_a_mapping_describes_a_binding() -> None:
    binding, names = read_binding("data_filter", {"context_var": ONE})
    assert (binding.variable, binding.mode, binding.placeholder, names) == (ONE, RELEASE, UNSET, None)
    binding, names = read_binding(
        "data_masking",
        {"context_var": ONE, "prefix": "a", "mode": "DEBUG", "missing_value_placeholder": None},
        placeholder=True,
    )
    assert (binding.debug, binding.placeholder, names) == (True, None, {"a"})
    assert read_binding("data_filter", {"context_var": ONE, "mode": None})[0].mode == RELEASE


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (5, TypeError),
        ({}, TypeError),
        ({"context_var": None}, TypeError),
        ({"context_var": "one"}, TypeError),
        ({"context_var": ONE, "mode": 5}, TypeError),
        ({"context_var": ONE, "mode": "release"}, ValueError),
        ({"context_var": ONE, "mode": ""}, ValueError),
        ({"context_var": ONE, "prefixes": "a"}, ValueError),
        ({"context_var": ONE, "missing_value_placeholder": None}, ValueError),
        ({"context_var": ONE, "prefix": 5}, TypeError),
    ],
)
def test_other_mappings_are_refused(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_binding("data_filter", given)


@pytest.mark.parametrize("registry", [MASKS, FILTERS])
def test_bindings_survive_the_prefix_and_end_with_the_workspace(workspace: Path, registry: Bindings) -> None:
    perdure.open("main")
    registry.bind(Binding(ONE), {"main"})
    perdure.close("main")
    perdure.open("main")
    assert registry.named("main") is not None
    perdure.close()
    assert registry.named("main") is None and not registry.active


def test_the_binding_of_a_connection_is_that_of_the_prefix_it_was_opened_as(workspace: Path) -> None:
    perdure.open("main")
    perdure.open("other")
    path = workspace / "main.db0"
    perdure.close("main")
    database = Database.open(path, name="another name")
    perdure.open("main")
    FILTERS.bind(Binding(ONE), {"main"})
    connection = database.connect()
    assert FILTERS.of(connection) is not None
    connection.close()
    database.close()

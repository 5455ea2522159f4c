"""Claims of the spec, section 10.2."""

import inspect
from typing import Any

import pytest

import perdure as db0

from . import things
from .things import Plain, Shown, by_name, incomplete, without_parameters

pytestmark = pytest.mark.usefixtures("root")


def test_public_methods_with_their_signatures() -> None:
    methods = {method.name: method for method in db0.get_methods(Shown("a"))}
    assert set(methods) == {"total", "candidates", "pick", "grow", "rename", "secret", "build", "helper"}
    assert str(methods["rename"].signature) == "(name: 'str', **options: 'Any') -> 'None'"
    assert [param.name for param in methods["rename"].get_params()] == ["name"]
    assert (methods["rename"].has_args, methods["rename"].has_kwargs) == (False, True)
    assert (methods["candidates"].has_args, methods["candidates"].has_kwargs) == (True, False)
    assert [param.name for param in methods["candidates"].get_params()] == ["text"]
    assert [param.name for param in methods["helper"].get_params()] == ["text"] and not methods["build"].get_params()


def test_parameters_know_their_defaults() -> None:
    name, limit = db0.Query("by_name", by_name).get_params()
    assert (name.has_default, limit.has_default, limit.default) == (False, True, 10)
    assert name.default is inspect.Parameter.empty and isinstance(name, db0.MethodParam)


def test_properties_are_fields_properties_and_immutable_methods_without_parameters() -> None:
    assert dict(db0.get_properties(Shown("a"))) == {"name": False, "size": False, "label": False, "total": True}
    assert dict(db0.get_properties(Plain())) == {"width": False, "area": True}


def test_callables_tell_what_calling_does() -> None:
    found = dict(db0.get_callables(Shown("a")))
    kinds = db0.CallableType
    assert found == {
        "candidates": kinds.QUERY,
        "grow": kinds.MUTATOR,
        "rename": kinds.ACTION,
        "secret": kinds.MUTATOR,
    }
    assert dict(db0.get_callables(Shown("a"), include_properties=True)) == {**found, "total": kinds.PROPERTY}
    assert dict(db0.get_callables(Plain())) == {"reset": kinds.MUTATOR, "stretch": kinds.ACTION}
    assert [kind.value for kind in (kinds.PROPERTY, kinds.QUERY, kinds.ACTION, kinds.MUTATOR)] == [1, 2, 3, 4]


def test_marks_of_methods() -> None:
    assert db0.is_immutable(Shown.total) and db0.is_immutable(Shown("a").total) and not db0.is_immutable(Shown.grow)
    assert db0.is_immutable_parameter(Shown.total) and not db0.is_immutable_parameter(Shown.candidates)
    assert db0.is_immutable_query(Shown.candidates) and not db0.is_immutable_query(Shown("a").total)
    assert db0.is_query(Shown.candidates) and not db0.is_query(Shown.total) and not db0.is_query(Shown.grow)


def test_fulltext_functions_have_one_positional_parameter() -> None:
    @db0.fulltext
    def search(text: str, *, limit: int = 3) -> list[str]:
        return [text]

    class Searched:
        @db0.fulltext
        def search(self, text: str) -> str:
            return text

    assert db0.is_fulltext(search) and db0.is_query(search) and not db0.is_fulltext(by_name)
    assert db0.is_fulltext(Searched.search)
    for bad in (lambda: None, lambda one, two: None, lambda *texts: None):
        with pytest.raises(RuntimeError, match="exactly one positional"):
            db0.fulltext(bad)


def test_table_views_are_marked_with_and_without_an_operator() -> None:
    @db0.table_view
    def bare() -> None: ...

    @db0.table_view(operator="sum")
    def summed() -> None: ...

    assert db0.is_table_view(bare) and db0.is_table_view(summed) and not db0.is_table_view(by_name)


def test_the_completing_action_is_found_on_the_object_the_class_and_the_module() -> None:
    shown = Shown("a")
    assert db0.has_complete_action(Shown.candidates) and not db0.has_complete_action(Shown.pick)
    assert db0.get_complete_action_name(Shown.candidates) == "pick"
    assert db0.get_complete_action_name(Shown.pick) is None
    assert db0.get_complete_action(shown.candidates)("x") == "picked x"
    assert db0.get_complete_action(Shown.candidates)(shown, "y") == "picked y"
    assert db0.get_complete_action(without_parameters) is by_name


def test_a_missing_action_and_a_context_that_cannot_be_told() -> None:
    @db0.complete_with("anything")
    def local() -> None: ...

    with pytest.raises(AttributeError, match="missing"):
        db0.get_complete_action(incomplete)
    with pytest.raises(AttributeError, match="not marked"):
        db0.get_complete_action(by_name)
    with pytest.raises(RuntimeError, match="belongs"):
        db0.get_complete_action(local)
    with pytest.raises(TypeError):
        db0.complete_with(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "private"), [("_x", True), ("__x__", True), ("x", False), ("x_", False)])
def test_private_names_begin_with_an_underscore(name: str, private: bool) -> None:
    assert db0.is_private(name) is private


# -- functions of modules ----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [things, things.__name__])
def test_queries_are_the_public_functions_that_a_module_defines(module: Any) -> None:
    found = {query.name: query for query in db0.get_queries(module)}
    assert set(found) == {"by_name", "without_parameters", "incomplete"}
    query = found["by_name"]
    assert query.function_object is by_name and query.has_params and query.has_kwargs
    assert query.execute("a", limit=2) == ["a", "a"] and "by_name" in repr(query)
    assert not found["without_parameters"].has_params and not found["without_parameters"].has_kwargs
    assert all(isinstance(param, db0.QueryParam) for param in query.get_params())


def test_models_are_imported_by_absolute_and_relative_names() -> None:
    assert db0.import_model(things.__name__) is things
    assert db0.import_model(".things", __package__) is things
    with pytest.raises(ImportError):
        db0.import_model("no.such.model")


def test_queries_of_several_modules_come_one_module_after_the_other() -> None:
    both = [query.name for query in db0.get_queries(things, things.__name__)]
    once = [query.name for query in db0.get_queries(things)]
    assert both == [*once, *once] and once == sorted(once) and list(db0.get_queries()) == []


def test_inherited_methods_are_described_as_they_are_overridden() -> None:
    class Wider(Plain):
        def stretch(self, by: int, times: int = 2, *more: int) -> None: ...

        @db0.immutable
        def reset(self) -> None: ...  # type: ignore[override]

    methods = {method.name: method for method in db0.get_methods(Wider())}
    assert set(methods) == {"area", "stretch", "reset"}
    assert [param.name for param in methods["stretch"].get_params()] == ["by", "times"] and methods["stretch"].has_args
    assert dict(db0.get_callables(Wider())) == {"stretch": db0.CallableType.ACTION}
    assert dict(db0.get_properties(Wider())) == {"width": False, "area": True, "reset": True}


def test_properties_follow_the_fields_of_the_object() -> None:
    shown = Shown("a")
    shown.added = 1
    del shown.size
    shown._X__note = object()
    assert set(dict(db0.get_properties(shown))) == {"name", "added", "label", "total"}


def test_marks_do_not_change_what_a_function_does() -> None:
    for mark in (db0.immutable, db0.fulltext, db0.table_view, db0.table_view(operator="sum"), db0.complete_with("x")):

        def given(text: str) -> str:
            return text.upper()

        assert mark(given) is given and given("a") == "A"  # type: ignore[operator]


def test_a_method_that_completes_is_hidden_but_can_be_called() -> None:
    shown = Shown("a")
    assert "pick" not in dict(db0.get_callables(shown, True)) and shown.pick("x") == "picked x"
    assert db0.has_complete_action(shown.candidates) and not db0.has_complete_action(shown.grow)


def test_methods_are_asked_of_objects_read_from_the_prefix_too() -> None:
    shown = Shown("a")
    db0.tags(shown).add("kept")
    db0.commit()
    db0.clear_cache()
    (found,) = db0.find("kept")
    assert [method.name for method in db0.get_methods(found)] == [method.name for method in db0.get_methods(shown)]
    assert all(isinstance(method, db0.MethodInfo) for method in db0.get_methods(found))

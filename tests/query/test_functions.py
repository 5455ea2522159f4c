import functools
import operator
from collections.abc import Callable
from typing import Any

import pytest

from perdure.query import GroupDef, find, get_lambda_source, signature_of
from perdure.query.functions import function_signature
from perdure.session import Connection

LIMIT = 3
ONE, OTHER = lambda row: row.one, lambda row: row.other


def named(row: Any) -> Any:
    """Its docstring."""
    return row.name


def below(limit: int) -> Callable[[Any], bool]:
    return lambda row: row.size < limit


def uses_global(row: Any) -> bool:
    return bool(row.size < LIMIT)


def test_the_source_of_a_lambda_is_its_text_alone() -> None:
    assert get_lambda_source(lambda row: row.color) == "lambda row: row.color"
    assert get_lambda_source(ONE) == "lambda row: row.one"
    assert get_lambda_source(OTHER) == "lambda row: row.other"
    pair = (lambda a: (a, 1), lambda a: a if a.b else [a.c for _ in a.d])
    assert [*map(get_lambda_source, pair)] == ["lambda a: (a, 1)", "lambda a: a if a.b else [a.c for _ in a.d]"]


def test_nested_lambdas_and_several_lines() -> None:
    outer = lambda: lambda row: row.inner  # noqa: E731
    assert get_lambda_source(outer()) == "lambda row: row.inner"
    assert get_lambda_source(outer) == "lambda: lambda row: row.inner"
    assert get_lambda_source(lambda row: (row.é, row.one,
                                          row.two)).endswith("row.two)")  # fmt: skip


def test_the_source_of_a_named_function_is_its_definition() -> None:
    assert get_lambda_source(named).startswith("def named(row: Any) -> Any:")
    assert get_lambda_source(named).endswith("return row.name")


@pytest.mark.parametrize("bad", [len, int, functools.partial(named), operator.attrgetter("x"), 1, None, "x"])
def test_what_has_no_source_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="no Python source"):
        get_lambda_source(bad)


def test_code_without_a_file_has_no_source_but_a_signature() -> None:
    one, same, other = eval("lambda row: row.x"), eval("lambda row: row.x"), eval("lambda row: row.y")
    with pytest.raises(ValueError):
        get_lambda_source(one)
    assert function_signature(one) == function_signature(same) != function_signature(other)


def test_signatures_tell_functions_by_source_and_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert signature_of(ONE) != signature_of(OTHER)
    assert signature_of(below(3)) == signature_of(below(3)) != signature_of(below(4))
    assert signature_of(lambda row, by=1: row) != signature_of(lambda row, by=2: row)
    before = signature_of(uses_global)
    monkeypatch.setitem(globals(), "LIMIT", 4)
    assert signature_of(uses_global) != before


def test_signatures_of_plain_functions_last_and_those_of_other_objects_do_not() -> None:
    assert function_signature(named).lasting
    assert function_signature(below(3)).lasting
    assert function_signature(len).lasting
    held = object()
    assert not function_signature(lambda row: held).lasting

    class Callable_:
        def __call__(self, row: Any) -> Any:
            return row

    callables = Callable_(), Callable_()
    first, again, second = map(function_signature, (callables[0], callables[0], callables[1]))
    assert first == again != second
    assert not first.lasting


def test_recursive_functions_have_a_signature() -> None:
    def depth(row: Any) -> int:
        return 0 if row is None else 1 + depth(row.parent)

    assert function_signature(depth).lasting
    assert signature_of(depth) == signature_of(depth)


def test_signatures_of_queries_and_groups(connection: Connection) -> None:
    assert signature_of(find("a", "b")) == signature_of(find("b", "a")) != signature_of(find("a"))
    assert signature_of(["a", "b"]) == signature_of(("a", "b")) == signature_of(GroupDef.of(["a", "b"]))
    assert signature_of(["a", "b"]) != signature_of(["b", "a"])
    assert signature_of((ONE, ["a"])) != signature_of((["a"], ONE))
    assert signature_of((ONE,)) != signature_of(ONE)
    with pytest.raises(TypeError):
        signature_of(3)

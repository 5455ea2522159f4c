"""Marks on methods and functions that say what a user interface may do with them."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar, overload

from perdure.errors import ObjectError

__all__ = [
    "complete_with",
    "fulltext",
    "get_complete_action",
    "get_complete_action_name",
    "has_complete_action",
    "immutable",
    "is_fulltext",
    "is_immutable",
    "is_immutable_parameter",
    "is_immutable_query",
    "is_private",
    "is_query",
    "is_table_view",
    "table_view",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_IMMUTABLE = "_perdure_immutable_"
_FULLTEXT = "_perdure_fulltext_"
_TABLE_VIEW = "_perdure_table_view_"
_COMPLETE = "_perdure_complete_with_"


def is_private(name: str, /) -> bool:
    """Whether a name is not for others: it begins with an underscore.

    >>> is_private("_hidden"), is_private("shown")
    (True, False)
    """
    return name.startswith("_")


def immutable(function: _F, /) -> _F:
    """Mark a method or function as one that changes nothing: without parameters it is like a property, else a query.

    >>> @immutable
    ... def total(self):
    ...     return sum(self.amounts)
    """
    setattr(function, _IMMUTABLE, True)
    return function


def is_immutable(function: Any, /) -> bool:
    """Whether a method or function is marked with `immutable`."""
    return bool(getattr(function, _IMMUTABLE, False))


def is_immutable_query(function: Any, /) -> bool:
    """Whether it is marked with `immutable` and has parameters besides the object."""
    return is_immutable(function) and bool(parameters_of(function))


def is_immutable_parameter(function: Any, /) -> bool:
    """Whether it is marked with `immutable` and has no parameters besides the object."""
    return is_immutable(function) and not parameters_of(function)


def is_query(function: Any, /) -> bool:
    """Whether it answers questions: marked with `immutable` and with parameters, or with `fulltext`."""
    return is_immutable_query(function) or is_fulltext(function)


def fulltext(function: _F, /) -> _F:
    """Mark a method or function that searches for a text, its one positional parameter.

    Raises `RuntimeError` when it has none or more than one.

    >>> @fulltext
    ... def search(text):
    ...     return perdure.find(*perdure.taggify(text))  # doctest: +SKIP
    """
    kinds = [one.kind for one in parameters_of(function)]
    count = sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)
    if count != 1:
        raise ObjectError(
            f"a fulltext function takes exactly one positional parameter, {function.__qualname__} takes {count}"
        )
    setattr(function, _FULLTEXT, True)
    return function


def is_fulltext(function: Any, /) -> bool:
    """Whether a method or function is marked with `fulltext`."""
    return bool(getattr(function, _FULLTEXT, False))


@overload
def table_view(function: _F, /) -> _F: ...
@overload
def table_view(*, operator: Any = None) -> Callable[[_F], _F]: ...
def table_view(function: Any = None, /, *, operator: Any = None) -> Any:
    """Mark a method or function whose result is shown as a table; `operator` is kept for who shows it.

    >>> @table_view(operator="sum")
    ... def report():
    ...     return []
    """

    def mark(marked: Any) -> Any:
        setattr(marked, _TABLE_VIEW, (operator,))
        return marked

    return mark if function is None else mark(function)


def is_table_view(function: Any, /) -> bool:
    """Whether a method or function is marked with `table_view`."""
    return bool(getattr(function, _TABLE_VIEW, ()))


def complete_with(action: str, /) -> Callable[[_F], _F]:
    """Mark a query whose result is used by `action`, a method of the same class or function of the same module.

    >>> @complete_with("assign_to")
    ... @immutable
    ... def candidates(self, text):
    ...     return []
    """
    if not isinstance(action, str):
        raise TypeError(f"complete_with takes the name of a method, not {type(action).__name__}")

    def mark(function: _F) -> _F:
        setattr(function, _COMPLETE, action)
        return function

    return mark


def has_complete_action(function: Any, /) -> bool:
    """Whether a method or function is marked with `complete_with`."""
    return isinstance(getattr(function, _COMPLETE, None), str)


def get_complete_action_name(function: Any, /) -> str | None:
    """The name given to `complete_with`, or None."""
    found = getattr(function, _COMPLETE, None)
    return found if isinstance(found, str) else None


def get_complete_action(function: Any, /) -> Any:
    """The method or function named by `complete_with`: of the same object, class or module.

    Raises `AttributeError` when there is none of that name (or no mark), `RuntimeError` when it cannot be told where
    to look: for functions inside of functions.
    """
    name = get_complete_action_name(function)
    if name is None:
        raise AttributeError(f"{function!r} is not marked with complete_with")
    return getattr(_context_of(function), name)


def _context_of(function: Any) -> Any:
    """Where a method or function was found: its object, class or module."""
    if inspect.ismethod(function):
        return function.__self__
    module = sys.modules.get(function.__module__)
    if module is None:
        try:
            module = importlib.import_module(function.__module__)
        except ImportError as error:
            raise ObjectError(f"the module of {function.__qualname__} cannot be imported: {error}") from error
    context: Any = module
    for part in function.__qualname__.split(".")[:-1]:
        context = getattr(context, part, None)
        if context is None:
            raise ObjectError(f"it cannot be told where {function.__qualname__} belongs; ask a method of an object")
    return context


def parameters_of(function: Any) -> list[inspect.Parameter]:
    """The parameters of a method or function without the object or class that it belongs to."""
    found = list(inspect.signature(function).parameters.values())
    if not inspect.ismethod(function) and found and found[0].name in ("self", "cls"):
        return found[1:]
    return found

"""Functions of a program's modules that answer questions, for those who offer them to users."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from perdure.reflection.callables import MethodParam, params_of
from perdure.reflection.markers import is_private

__all__ = ["Query", "QueryParam", "get_queries", "import_model"]

QueryParam = MethodParam


class Query:
    """A public function with its name and parameters.

    >>> Query("double", lambda number: 2 * number).execute(4)
    8
    """

    def __init__(self, name: str, function: Any) -> None:
        self.name = name
        self.function_object = function
        self._signature = inspect.signature(function)

    @property
    def has_params(self) -> bool:
        """Whether it has parameters, `*args` and `**kwargs` not counted."""
        return bool(self.get_params())

    @property
    def has_kwargs(self) -> bool:
        """Whether it takes `**kwargs`."""
        return any(one.kind is one.VAR_KEYWORD for one in self._signature.parameters.values())

    def get_params(self) -> list[QueryParam]:
        """The parameters, `*args` and `**kwargs` left out."""
        return params_of(self._signature)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function_object(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Query {self.name}{self._signature}>"


def get_queries(*modules: ModuleType | str) -> Iterator[Query]:
    """The public functions that modules define, in order of their names.

    Modules are given as such or by name.
    """
    for module in modules:
        found = importlib.import_module(module) if isinstance(module, str) else module
        for name, function in sorted(vars(found).items()):
            if not is_private(name) and inspect.isfunction(function) and function.__module__ == found.__name__:
                yield Query(name, function)


def import_model(module: str, package: str | None = None) -> ModuleType:
    """Import the module that has a program's memo classes, so that stored objects find them.

    `package` is where a relative name (`.model`) starts. Raises `ImportError`.
    """
    return importlib.import_module(module, package)

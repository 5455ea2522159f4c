"""Every public name has a docstring, every module says what it exports, and `__all__` is true."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator

import pytest

from .sources import package_modules

MODULES = package_modules()
PYTHON_MODULES = sorted(name for name, path in MODULES.items() if path.suffix == ".py" and path.stem != "__main__")


def is_public(name: str) -> bool:
    """Tests of the published test kit say by their name what must hold."""
    return not name.startswith(("_", "test_"))


def undocumented(node: ast.AST, prefix: str) -> Iterator[str]:
    """Public functions, classes and methods below `node` that have no docstring; nested functions are private."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If | ast.Try):
            yield from undocumented(child, prefix)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and is_public(child.name):
            decorators = {ast.unparse(one) for one in child.decorator_list}
            described = decorators & {"overload", "typing.overload"} or any(".setter" in one for one in decorators)
            if ast.get_docstring(child) is None and not described:
                yield f"{prefix}.{child.name}"
            if isinstance(child, ast.ClassDef):
                yield from undocumented(child, f"{prefix}.{child.name}")


@pytest.mark.parametrize("name", PYTHON_MODULES)
def test_public_names_have_docstrings(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text())
    assert ast.get_docstring(tree), f"{name} does not say what it is"
    assert "._" in name or not list(undocumented(tree, name))


@pytest.mark.parametrize("name", [name for name in PYTHON_MODULES if "._pure" not in name])
def test_exported_names_exist_in_order_and_once(name: str) -> None:
    exported = getattr(importlib.import_module(name), "__all__", [])
    assert len(exported) == len(set(exported))
    assert all(hasattr(importlib.import_module(name), one) for one in exported)


@pytest.mark.parametrize("name", ["perdure", "perdure.zodb", "perdure.testing"])
def test_faces_export_all_that_they_show(name: str) -> None:
    module = importlib.import_module(name)
    shown = {
        one
        for one, value in vars(module).items()
        if not one.startswith("_") and not inspect.ismodule(value) and one not in ("annotations", "TYPE_CHECKING")
    }
    assert shown == {one for one in module.__all__ if not inspect.ismodule(getattr(module, one))}


def test_exported_names_of_the_memo_face_are_documented_objects() -> None:
    module = importlib.import_module("perdure")
    bare = [
        one
        for one in module.__all__
        if callable(getattr(module, one)) and not inspect.getdoc(getattr(module, one))
    ]
    assert not bare

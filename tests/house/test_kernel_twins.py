"""Each compiled kernel module has type stubs and a pure twin with the same public names and signatures."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perdure import kernel

from .sources import PACKAGE

KERNEL = PACKAGE / "kernel"
NAMES = sorted(path.stem for path in KERNEL.glob("*.pyx"))
Declared = dict[str, ast.stmt]


def declared_in(body: list[ast.stmt]) -> Declared:
    """The public names that a stub file, or a class in it, declares."""
    found: Declared = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name: node for alias in node.names if alias.asname == alias.name}
    return {name: node for name, node in found.items() if not name.startswith("_")}


def stub_of(name: str) -> Declared:
    return declared_in(ast.parse((KERNEL / f"{name}.pyi").read_text()).body)


def twins_of(name: str) -> dict[str, ModuleType]:
    """The modules of that name that can be imported here: the pure twin, and the compiled one where it was built."""
    twins = {"pure": importlib.import_module(f"perdure.kernel._pure.{name}")}
    if kernel.COMPILED:
        twins["compiled"] = importlib.import_module(f"perdure.kernel.{name}")
    return twins


def defined_in(module: ModuleType) -> set[str]:
    """The public names that a module defines itself, or says that it exports."""
    names = {name for name in vars(module) if not name.startswith("_")}
    if hasattr(module, "__all__"):
        return names & set(module.__all__)
    return {name for name in names if getattr(vars(module)[name], "__module__", "") == module.__name__}


def parameters(node: ast.FunctionDef) -> list[tuple[str, bool]]:
    """Name and whether it has a default, of each parameter that can be given by name."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    optional = len(plain) - len(given.defaults)
    found = [(one.arg, index >= optional) for index, one in enumerate(plain)][len(given.posonlyargs) :]
    by_name = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return found + [(one.arg, default is not None) for one, default in by_name]


def parameters_of(function: Any) -> list[tuple[str, bool]] | None:
    """The same of a function object; None where it does not tell."""
    try:
        found = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    named = [one for one in found if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return [(one.name, one.default is not one.empty) for one in named]


def is_field(node: ast.stmt) -> bool:
    """Whether a stub declares an attribute that may belong to instances alone."""
    return isinstance(node, ast.AnnAssign) or (isinstance(node, ast.FunctionDef) and bool(node.decorator_list))


def check_functions(declared: Declared, holder: Any, where: str) -> list[str]:
    """What is missing in a module or class, or has other parameters than declared."""
    faults = []
    for name, node in declared.items():
        if not hasattr(holder, name) and not (inspect.isclass(holder) and is_field(node)):
            faults.append(f"{where}.{name} is missing")
        elif isinstance(node, ast.ClassDef):
            faults += check_functions(declared_in(node.body), getattr(holder, name), f"{where}.{name}")
        elif isinstance(node, ast.FunctionDef) and not node.decorator_list:
            shown = parameters_of(getattr(holder, name))
            if shown is not None and shown != parameters(node):
                faults.append(f"{where}.{name} takes {shown}, the stub says {parameters(node)}")
    return faults


def test_kernel_modules_are_found() -> None:
    assert len(NAMES) >= 5
    assert set(NAMES) == set(kernel.__all__) - {"COMPILED"}


@pytest.mark.parametrize("name", NAMES)
def test_stubs_and_pure_twin_are_there(name: str) -> None:
    missing = [path for path in (KERNEL / f"{name}.pyi", KERNEL / "_pure" / f"{name}.py") if not path.is_file()]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_name_is_in_both_twins_with_the_same_parameters(name: str) -> None:
    twins = twins_of(name).items()
    faults = [fault for kind, module in twins for fault in check_functions(stub_of(name), module, kind)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", NAMES)
def test_no_twin_defines_a_public_name_that_is_not_declared(name: str) -> None:
    declared = set(stub_of(name))
    more = {kind: sorted(defined_in(module) - declared) for kind, module in twins_of(name).items()}
    assert not any(more.values()), more


def test_other_parameters_are_noticed(tmp_path: Path) -> None:
    declared = declared_in(ast.parse("def f(a: int, b: int = ...) -> int: ...\ndef g() -> None: ...").body)
    holder = type("holder", (), {"f": staticmethod(lambda a, c=1: a)})
    assert len(check_functions(declared, holder, "holder")) == 2

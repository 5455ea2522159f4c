"""The files of the repository, what their modules import and what they define."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "perdure"
_GENERATED = {".git", ".venv", ".venv-bench", "build", "dist", "__pycache__", ".hypothesis", ".mypy_cache"}
_CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+\(?([\w, *]+)|c?import\s+([\w.]+))", re.MULTILINE)


@cache
def repository_files() -> list[Path]:
    """What the repository keeps; without git, what is there and is not generated."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode == 0:
        found = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
        return [path for path in found if path.is_file()]
    everything = ROOT.rglob("*")
    return [path for path in everything if path.is_file() and not _GENERATED & set(path.relative_to(ROOT).parts)]


def python_files() -> list[Path]:
    """Every Python file of the repository, tests and benchmarks too."""
    return [path for path in repository_files() if path.suffix == ".py"]


@cache
def package_modules() -> dict[str, Path]:
    """Module name → source, for the Python and Cython modules of the package."""
    files = [path for path in repository_files() if path.is_relative_to(PACKAGE)]
    return {module_name(path): path for path in files if path.suffix in (".py", ".pyx", ".pxd", ".pyi")} | {
        module_name(path): path for path in files if path.suffix in (".py", ".pyx")
    }


def module_name(path: Path) -> str:
    """`src/perdure/kernel/keys.pyx` → `perdure.kernel.keys`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(name: str, path: Path, *, for_types: bool = True) -> list[str]:
    """The perdure modules that a module imports, wherever in it the import stands; `for_types`: also for types only."""
    return list(_imports(name, path, for_types))


def _imports(name: str, path: Path, for_types: bool) -> Iterator[str]:
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    found = _found_imports(path, package, for_types)
    modules = package_modules()
    for base, names in found:
        if base != "perdure" and not base.startswith("perdure."):
            continue
        inside = [f"{base}.{one}" for one in names if f"{base}.{one}" in modules]
        yield from inside
        if len(inside) < len(names) or not names:
            yield base


def _found_imports(path: Path, package: str, for_types: bool) -> Iterator[tuple[str, list[str]]]:
    if path.suffix != ".py":
        return _cython_imports(path, package)
    tree = ast.parse(path.read_text())
    return _python_imports(tree if for_types else _WithoutTypeImports().visit(tree), package)


class _WithoutTypeImports(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        return node.orelse if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def _python_imports(tree: ast.Module, package: str) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield _absolute("." * node.level + (node.module or ""), package), [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from ((str(one.value), []) for one in node.args if isinstance(one, ast.Constant))


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _cython_imports(path: Path, package: str) -> Iterator[tuple[str, list[str]]]:
    for base, names, plain in _CYTHON_IMPORT.findall(path.read_text()):
        yield _absolute(base or plain, package), re.findall(r"\w+(?=\s*(?:,|$))", names)


def _absolute(name: str, package: str) -> str:
    dots = len(name) - len(name.lstrip("."))
    if not dots:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - dots + 1], *filter(None, [name.lstrip(".")])])

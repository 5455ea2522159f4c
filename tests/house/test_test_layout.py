"""Tests mirror the package: a directory of tests for each package, and no other but those listed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .sources import PACKAGE, ROOT, repository_files

TESTS = ROOT / "tests"
# Directories of tests that mirror no package, and what they hold the repository to.
OTHERS = {
    "benchmarks": "the benchmarks, which lie beside the package",
    "crash": "killed processes, crash images and damaged files, over all layers",
    "docs": "the code in README and docs",
    "fuzz": "the coverage-guided fuzzer of the decoders",
    "house": "the rules of this repository",
    "integration": "both faces on one database",
    "typing": "public use as a type checker sees it",
}
TEST_MODULES = [path for path in repository_files() if path.is_relative_to(TESTS) and path.name.startswith("test_")]


def directories() -> set[str]:
    inside = [path.relative_to(TESTS).parts for path in repository_files() if path.is_relative_to(TESTS)]
    return {parts[0] for parts in inside if len(parts) > 1}


def test_every_package_has_tests() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert len(packages) > 8
    assert packages - directories() == set()


def test_every_directory_of_tests_mirrors_a_package_or_is_listed() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert directories() - packages - set(OTHERS) == set()


@pytest.mark.parametrize("path", TEST_MODULES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_test_modules_test_something(path: Path) -> None:
    text = path.read_text()
    names = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert any(name.startswith(("test_", "Test")) for name in names) or "TestCase" in text or "machine(" in text
    assert "assert" in text or "raises" in text or "machine" in text or "Contract" in text

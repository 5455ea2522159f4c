"""No import goes up: the order is the numbered list in docs/architecture.md."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import pytest

from .sources import ROOT, imports_of, package_modules


def read_order() -> list[str]:
    """The packages in the order of the document, lowest first."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.split("## Module order", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\d+\. `(perdure[.\w]*)`", section, re.MULTILINE)


def package_of(module: str, order: list[str]) -> str:
    """The entry of the order that a module belongs to; `perdure` stands for the package root alone."""
    for name in order:
        if module == name or (name != "perdure" and module.startswith(f"{name}.")):
            return name
    raise AssertionError(f"{module} is in no package of the module order in docs/architecture.md")


def edges(*, for_types: bool = True) -> list[tuple[str, str]]:
    """Importing and imported module, for every import between modules of perdure."""
    modules = sorted(package_modules().items())
    return [(name, found) for name, path in modules for found in imports_of(name, path, for_types=for_types)]


def test_order_names_every_package_once_and_no_other() -> None:
    order = read_order()
    modules = package_modules()
    assert len(order) == len(set(order)) > 8
    assert {package_of(module, order) for module in modules} == set(order)


def test_no_import_goes_up() -> None:
    order = read_order()
    place = {name: index for index, name in enumerate(order)}
    found = edges()
    upward = [
        f"{importer} imports {imported}"
        for importer, imported in found
        if place[package_of(importer, order)] < place[package_of(imported, order)]
    ]
    assert len(found) > 100
    assert not upward, "\n".join(upward)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    packages = {module for module, path in package_modules().items() if path.stem == "__init__"}
    for importer, imported in edges(for_types=False):
        if importer not in packages and imported not in packages:
            graph.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("; ".join(f"{first} is imported by {second}" for first, second in pairwise(error.args[1])))

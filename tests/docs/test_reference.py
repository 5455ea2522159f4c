"""The reference names what is public, all of it, and nothing else; generated parts of pages are up to date."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
_ENTRY = re.compile(r"^\.\. auto(?:function|class|exception|data|module):: ([\w.]+)", re.MULTILINE)


def documented() -> list[str]:
    return [name for page in sorted(REFERENCE.glob("*.md")) for name in _ENTRY.findall(page.read_text())]


def find(name: str) -> Any:
    """The object of a dotted name, modules imported as needed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return getattr(find(name.rpartition(".")[0]), name.rpartition(".")[2])


@pytest.mark.parametrize("module", ["perdure", "perdure.zodb", "perdure.errors", "perdure.testing"])
def test_every_public_name_of_a_face_is_in_the_reference(module: str) -> None:
    names = documented()
    missing = [name for name in importlib.import_module(module).__all__ if f"{module}.{name}" not in names]
    assert not missing


def test_every_name_in_the_reference_exists_and_stands_there_once() -> None:
    names = documented()
    assert len(names) > 50
    assert len(names) == len(set(names))
    for name in names:
        find(name)


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    for name in ("command_pages", "readme_benchmarks"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_help_of_commands_is_the_present_one(tools: None) -> None:
    module = importlib.import_module("command_pages")
    from perdure.cli import main

    page = module.PAGE.read_text()
    assert module.filled(page) == page, "run: python tools/command_pages.py"
    assert re.findall(r"^## perdure (\w+)$", page, re.MULTILINE) == sorted(main.commands)


def test_benchmark_table_of_the_readme_is_the_recorded_one(tools: None) -> None:
    module = importlib.import_module("readme_benchmarks")
    page = module.README.read_text()
    assert module.filled(page, module.tables()) == page, "run: python tools/readme_benchmarks.py"


def test_benchmark_table_goes_between_the_marks_and_nowhere_else(tools: None, tmp_path: Path) -> None:
    module = importlib.import_module("readme_benchmarks")
    results = tmp_path / "latest.md"
    results.write_text("# Comparison\n\n| work |\n| --- |\n| create |\n")
    page = f"before\n{module.BEGIN}\nold\n{module.END}\nafter\n"
    filled = module.filled(page, module.tables(results))
    assert filled == f"before\n{module.BEGIN}\n\n| work |\n| --- |\n| create |\n\n{module.END}\nafter\n"
    assert module.filled(filled, module.tables(results)) == filled
    with pytest.raises(ValueError, match="one"):
        module.filled("no marks", "")

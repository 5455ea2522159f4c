"""Each example can be run, has a page that says how, and tests; the page of all of them names it."""

from __future__ import annotations

import re

import pytest

from .sources import ROOT, repository_files

EXAMPLES = ROOT / "examples"
FILES = {path.relative_to(EXAMPLES).as_posix() for path in repository_files() if path.is_relative_to(EXAMPLES)}
NAMES = sorted({name.partition("/")[0] for name in FILES if "/" in name})


def test_the_page_of_examples_names_each_of_them() -> None:
    assert NAMES
    assert re.findall(r"\]\((\w+)/README\.md\)", (EXAMPLES / "README.md").read_text()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says_how_it_is_run_and_is_tested(name: str) -> None:
    page = (EXAMPLES / name / "README.md").read_text()
    commands = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0].splitlines()
    assert len(commands) == 2
    assert f"python -m {name}" in commands[1]
    assert f"{name}/__main__.py" in FILES
    assert any(one.startswith(f"{name}/tests/test_") for one in FILES)

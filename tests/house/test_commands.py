"""The words of the Makefile: described where people look, and each leads to files that exist."""

from __future__ import annotations

import re
import subprocess

import pytest

from .sources import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
WANTED = {"demo", "test", "bench", "lint", "docs", "fuzz", "asan", "flips", "crash"}


def words() -> set[str]:
    """The targets that are no files."""
    return set(re.findall(r"\S+", " ".join(re.findall(r"^\.PHONY:(.*(?:\\\n.*)*)", MAKEFILE, re.MULTILINE)))) - {"\\"}


def rules() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):(?!=)", MAKEFILE, re.MULTILINE))


def plan(word: str) -> str:
    """What `make word` would run."""
    run = subprocess.run(["make", "-n", word], cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout


def test_every_word_has_a_rule_and_every_rule_is_a_word() -> None:
    assert words() == rules()
    assert words() >= WANTED


@pytest.mark.parametrize("word", sorted(words()))
def test_words_run_only_programs_and_files_that_exist(word: str) -> None:
    commands = plan(word)
    named = re.findall(r"(?<![\w./-])((?:tools|tests|benchmarks|docs|\.ci)/[\w./-]+)", commands)
    modules = re.findall(r"-m (benchmarks[\w.]*)", commands)
    files = [*named, *(f"{module.replace('.', '/')}" for module in modules)]
    assert not [name for name in files if not any((ROOT / f"{name}{ending}").exists() for ending in ("", ".py"))]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_words_named_in_pages_exist(page: str) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z][\w-]*)", (ROOT / page).read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= words()


def test_contributing_explains_every_word() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert not [word for word in sorted(words()) if f"`make {word}" not in text]


def test_continuous_integration_calls_the_same_words() -> None:
    assert re.findall(r"^make (\w+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE) == ["lint", "test"]

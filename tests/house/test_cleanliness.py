"""The repository names no machine, keeps no leftovers and links only to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .sources import ROOT, package_modules, repository_files

# What only this or that machine has: home and work directories, hosts and addresses of package registries.
_MACHINE = re.compile(
    r"/home/\w+/\w+/|/root/|/Users/\w|/work/|[A-Z]:\\Users|--index-url|--extra-index|PIP_INDEX_URL|GOPROXY"
    r"|https?://[\w.-]*(?:artifactory|nexus|proxy|mirror|registry|pypi)[\w.-]*|\b10\.\d+\.\d+\.\d+\b|\b192\.168\.\d+\.\d+\b"
)
_LEFTOVER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|\bbreakpoint\(\)|^\s*import pdb|<<<<<<<|>>>>>>>", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
_BINARY = {".db0", ".gz", ".xz", ".lz4", ".zst", ".bz2", ".png"}

TEXTS = [path for path in repository_files() if path.suffix not in _BINARY and path != Path(__file__)]
PAGES = [path for path in TEXTS if path.suffix == ".md"]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def found_in(pattern: re.Pattern[str]) -> list[str]:
    return [f"{relative(path)}: {match[0]}" for path in TEXTS for match in pattern.finditer(path.read_text())]


def test_no_file_names_a_machine_or_a_registry() -> None:
    assert len(TEXTS) > 50
    assert not found_in(_MACHINE)


def test_no_leftovers() -> None:
    assert not found_in(_LEFTOVER)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if "://" not in link and not link.startswith("mailto:")]
    assert not [link for link in links if not (page.parent / link).exists()]


def test_architecture_names_only_what_the_code_has() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    named = {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[A-Za-z_]{3,}", code)}
    source = " ".join(path.read_text() + path.stem for path in TEXTS if path.suffix in (".py", ".pyx", ".pyi", ".toml"))
    known = set(re.findall(r"[A-Za-z_]{3,}", source))
    assert len(named) > 80
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_pages_name_only_modules_that_exist(page: Path) -> None:
    import perdure
    import perdure.zodb

    modules = set(package_modules())
    shown = {f"perdure.{name}" for name in dir(perdure)} | {f"perdure.zodb.{name}" for name in dir(perdure.zodb)}
    named = re.findall(r"`(perdure(?:\.\w+)+)", page.read_text())
    parents = {name: name.rpartition(".")[0] for name in named}
    assert not [name for name in named if name not in modules | shown and parents[name] not in modules - {"perdure"}]

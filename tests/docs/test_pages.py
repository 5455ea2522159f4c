"""The Python code of every page runs as it stands and prints what the page says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .run_page import blocks_of, run_block

ROOT = Path(__file__).parents[2]
RUNNER = Path(__file__).with_name("run_page.py")
PAGES = sorted(page for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")] if blocks_of(page.read_text()))


def test_the_pages_that_teach_have_code() -> None:
    assert {"README.md", "tutorial.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("guide", [page.stem for page in sorted((ROOT / "docs" / "guides").glob("*.md"))])
def test_every_guide_is_reached_from_the_first_pages(guide: str) -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    assert f"](guides/{guide}.md)" in index
    assert f"\nguides/{guide}\n" in index
    assert f"](docs/guides/{guide}.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_of_page_runs_and_prints_what_it_says(page: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", RUNNER, page], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_other_output_than_shown_is_a_failure() -> None:
    namespace: dict[str, object] = {}
    run_block("page", 1, "one = 1\n", namespace)
    run_block("page", 5, ">>> one\n1\n", namespace)
    with pytest.raises(AssertionError, match="Expected"):
        run_block("page", 9, ">>> one\n2\n", namespace)


def test_python_blocks_of_a_page_are_found_with_their_lines() -> None:
    text = "# Page\n\n```python\na = 1\n```\n```bash\nls\n```\n```python\nb = 2\n```\n"
    assert blocks_of(text) == [(3, "a = 1\n"), (9, "b = 2\n")]

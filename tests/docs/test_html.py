"""`make docs` works: every page and every docstring in the reference becomes HTML without a warning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_pages_and_docstrings_become_html_without_a_warning(tmp_path: Path) -> None:
    places = [str(ROOT / "docs"), str(tmp_path / "out"), "-d", str(tmp_path / "doctrees")]
    command = [sys.executable, "-m", "sphinx", "-qW", "--keep-going", "-b", "html", *places]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "perdure.init" in (tmp_path / "out" / "reference" / "memo.html").read_text()

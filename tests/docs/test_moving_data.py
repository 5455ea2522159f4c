"""The programs of "Coming from dbzero" that move data work with dbzero itself, where `make bench` has installed it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .run_page import blocks_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guides" / "coming-from-dbzero.md"
PEERS = ROOT / ".venv-bench" / "bin" / "python"


def run(interpreter: str, program: Path, code: str) -> str:
    program.write_text(code)
    done = subprocess.run([interpreter, program], cwd=program.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_dbzero_holds_is_moved(tmp_path: Path) -> None:
    if not PEERS.exists():
        pytest.skip("dbzero is not installed here: make bench does that")
    programs = [code for _, code in blocks_of(PAGE.read_text()) if ">>>" not in code]
    classes, writing, reading = programs
    moved = "import dbzero as db0"
    run(str(PEERS), tmp_path / "first.py", f"{classes}\n{writing}".replace("import perdure as db0", moved))
    declarations = classes.partition("board = Board()")[0].replace('init("data"', 'init("unused"')
    tables = writing[writing.index("CLASSES") : writing.index("def to_json")]
    shown = 'print([task.title for task in Board().by_due.sort(db0.find(Task, ["work", "leisure"]))])'
    shown += "; print(Board().tasks['rest'].after.due)"
    second = "\n".join(["import json", declarations, tables, "db0.close()", reading, shown])
    assert run(sys.executable, tmp_path / "second.py", second) == "['write', 'rest']\n2030-01-07\n"

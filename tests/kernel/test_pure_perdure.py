"""The whole package on the pure-Python twins of the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import perdure as db0
from perdure.kernel import COMPILED

assert not COMPILED

@db0.memo
class Note:
    def __init__(self, text):
        self.text = text
        self.lines = [text] * 300

def find():
    return [(note.text, note.lines[299]) for note in db0.find(Note, "tag")]

db0.init(sys.argv[1], prefix="main")
db0.tags(Note("first")).add("tag")
db0.commit()
db0.close()
db0.init(sys.argv[1], prefix="main")
assert find() == [("first", "first")], find()
with db0.atomic() as block:
    db0.tags(Note("second")).add("tag")
    assert len(find()) == 2
    block.cancel()
assert len(find()) == 1
db0.close()
"""


def test_a_program_runs_where_nothing_is_compiled(tmp_path: Path) -> None:
    environment = {**os.environ, "PERDURE_PURE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("crash_kills.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes to kill are forked")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True, check=False)


def test_no_kill_loses_a_committed_state_or_shows_another():
    done = run("--kills", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failures" in done.stdout


@pytest.mark.parametrize("flaw", ["early", "halves"])
def test_a_worker_that_breaks_its_word_is_found_out(flaw: str):
    done = run("--kills", "60", "--flaw", flaw)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "acknowledged" in done.stdout


@pytest.mark.soak
def test_thousands_of_kills_lose_no_committed_state():
    done = run("--kills", "2000")
    assert done.returncode == 0, done.stdout + done.stderr

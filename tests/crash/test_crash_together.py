from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("crash_together.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes to kill are forked")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True, check=False)


def test_no_kill_tears_a_commit_over_several_prefixes():
    done = run("--kills", "10")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failures" in done.stdout


def test_prefixes_that_are_committed_one_by_one_are_found_out():
    done = run("--kills", "60", "--flawed")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "acknowledged" in done.stdout


@pytest.mark.soak
def test_hundreds_of_kills_tear_no_commit_over_several_prefixes():
    done = run("--kills", "500")
    assert done.returncode == 0, done.stdout + done.stderr

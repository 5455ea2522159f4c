from __future__ import annotations

import os
from functools import partial

import pytest
from crash_running import run_program

run = partial(run_program, "crash_together.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes to kill are forked")


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

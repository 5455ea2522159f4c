from __future__ import annotations

import os
from functools import partial

import pytest
from crash_running import run_program

run = partial(run_program, "crash_kills.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes to kill are forked")


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

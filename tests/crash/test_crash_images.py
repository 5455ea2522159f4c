from __future__ import annotations

import shutil
import sys
from functools import partial

import pytest
from crash_running import run_program

run = partial(run_program, "crash_images.py")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not any(map(shutil.which, ("cc", "gcc", "clang"))),
    reason="crash images need Linux and a C compiler",
)


def test_every_disk_that_a_power_failure_can_leave_shows_the_last_or_the_next_commit():
    done = run("--count", "3", "--traces", "2", "--samples", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failures" in done.stdout


def test_a_store_that_forgets_to_sync_is_found_out():
    done = run("--count", "1", "--traces", "1", "--samples", "3", "--unsynced")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "is damaged" in done.stdout


@pytest.mark.soak
def test_many_more_disks_show_the_last_or_the_next_commit():
    done = run("--count", "25", "--traces", "4", "--writes", "6", "--samples", "20")
    assert done.returncode == 0, done.stdout + done.stderr

"""A server in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

EXAMPLES = Path(__file__).parents[2]


class Server(NamedTuple):
    """A running server and its address."""

    process: subprocess.Popen[str]
    address: str


@contextmanager
def serving(directory: Path, *options: str) -> Iterator[Server]:
    """Serve the tracker of a directory; the process is killed at the end, if it has not ended before."""
    command = [sys.executable, "-W", "error", "-m", "task_tracker", "--data", str(directory), "--port", "0", *options]
    with subprocess.Popen(
        command, cwd=EXAMPLES, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http"), "the server has not started"
            yield Server(process, address)
        finally:
            process.kill()

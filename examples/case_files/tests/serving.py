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
    """A running server, its address, and the tokens that it printed."""

    process: subprocess.Popen[str]
    address: str
    tokens: dict[str, str]


@contextmanager
def serving(directory: Path, *options: str) -> Iterator[Server]:
    """Serve the cases of a directory; the process is killed at the end, if it has not ended before."""
    command = [sys.executable, "-W", "error", "-m", "case_files", "--data", str(directory), "--port", "0", *options]
    with subprocess.Popen(
        command, cwd=EXAMPLES, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            tokens = {}
            while not (line := process.stdout.readline()).startswith("http"):
                assert line, "the server has not started"
                name, token = line.split()
                tokens[name] = token
            yield Server(process, line.strip(), tokens)
        finally:
            process.kill()

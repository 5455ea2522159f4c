"""For the tests of examples with a web front: their server in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

EXAMPLES = Path(__file__).parent


class Server(NamedTuple):
    """A running server, its address, and the lines that it printed before that."""

    process: subprocess.Popen[str]
    address: str
    lines: list[str]


@contextmanager
def serving(example: str, directory: Path, *options: str) -> Iterator[Server]:
    """Serve the data of a directory; the process is killed at the end, if it has not ended before."""
    command = [sys.executable, "-W", "error", "-m", example, "--data", str(directory), "--port", "0", *options]
    with subprocess.Popen(
        command, cwd=EXAMPLES, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not (line := process.stdout.readline().strip()).startswith("http"):
                assert line, "the server has not started"
                lines.append(line)
            yield Server(process, line, lines)
        finally:
            process.kill()

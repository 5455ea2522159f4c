"""Starts fresh processes for measurements, and watches how much private memory they take."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.004
TIMEOUT_SECONDS = 4 * 3600


class MeasurementError(Exception):
    """A process of a measurement failed; the text is the last line it wrote."""


def call(system: str, action: str, name: str, path: Path, size: int) -> tuple[Any, int]:
    """Run the worker in a process of its own; what it returns, and the peak of its anonymous bytes."""
    command = [sys.executable, "-m", "benchmarks.worker", system, action, name, str(path), str(size)]
    search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "BENCH_SYSTEM": system, "PYTHONPATH": search}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment)
        peak = _watch(process)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            lines = errors.read().strip().splitlines()
            raise MeasurementError(lines[-1] if lines else f"ended with status {process.returncode}")
        return json.loads(output.read().splitlines()[-1]), peak


def _watch(process: "subprocess.Popen[bytes]") -> int:
    peak, deadline = 0, time.monotonic() + TIMEOUT_SECONDS
    try:
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(POLL_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
    return peak


def anonymous_bytes(process_id: int) -> int:
    """Private anonymous memory of a process in bytes; 0 once it has ended."""
    try:
        text = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("RssAnon:")), 0)

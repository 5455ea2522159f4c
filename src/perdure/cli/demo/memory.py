"""Memory of this process and room on disk, in bytes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

__all__ = ["peak_memory_bytes", "private_memory_bytes", "stored_bytes"]

_STATUS = Path("/proc/self/status")


def peak_memory_bytes() -> int:
    """The most memory that this process ever had resident, pages of mapped files among it."""
    peak = _status_bytes("VmHWM")
    if peak is None:
        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak = usage if sys.platform == "darwin" else usage * 1024
    return peak


def private_memory_bytes() -> int:
    """The memory this process has now, pages of files not counted; where no one tells, the peak of all."""
    private = _status_bytes("RssAnon")
    return peak_memory_bytes() if private is None else private


def stored_bytes(root: Path) -> int:
    """Room that the files below `root` take on disk, holes not counted."""
    return sum(path.stat().st_blocks * 512 for path in root.rglob("*") if path.is_file())


def _status_bytes(name: str) -> int | None:
    if not _STATUS.is_file():
        return None
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None

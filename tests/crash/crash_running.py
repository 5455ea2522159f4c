"""Running the programs of this folder from tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["run_program"]


def run_program(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this folder to its end."""
    program = Path(__file__).with_name(name)
    return subprocess.run([sys.executable, str(program), *arguments], capture_output=True, text=True, check=False)

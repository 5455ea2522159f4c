"""Records what a program does to its database file: builds the preload library, runs the program, reads the trace."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_HEAD = struct.Struct("<cBHqQ")


@dataclass(frozen=True, slots=True)
class Event:
    """One call; `kind` as in `trace.c`, `path` and `target` are file names, "." is the directory."""

    kind: str
    synced: bool
    path: str
    offset: int
    data: bytes

    @property
    def target(self) -> str:
        """The second name of a rename or link."""
        return os.path.basename(self.data.decode())

    @property
    def note(self) -> dict[str, Any]:
        """What the program noted."""
        return dict(json.loads(self.data))


def build_library(directory: Path, name: str = "trace") -> Path | None:
    """Compile a preload library; None where there is no compiler for it."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        return None
    library = directory / f"{name}.so"
    command = [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([*command, str(_HERE / f"{name}.c"), "-ldl", "-lpthread"], check=True)
    return library


def record(library: Path, database: Path, program: list[str]) -> list[Event]:
    """Run a Python program under the library; what it did to the files of `database`."""
    trace = database.with_name(f"trace of {database.name}")
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "PERDURE_TRACE_FILE": str(trace),
        "PERDURE_TRACE_PREFIX": str(database),
    }
    subprocess.run([sys.executable, *program], env=environment, check=True)
    return list(_read(trace.read_bytes(), str(database.parent)))


def _read(data: bytes, directory: str) -> Iterator[Event]:
    position = 0
    while position < len(data):
        kind, flags, length, offset, size = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        path = data[position : position + length].decode()
        position += length
        content = data[position : position + size]
        position += size
        assert len(content) == size, "the trace is cut short"
        name = "." if path == directory else os.path.basename(path)
        yield Event(kind.decode(), bool(flags & 1), name, offset, content)

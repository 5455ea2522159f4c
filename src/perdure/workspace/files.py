"""Prefix names and their files: `<root>/<prefix>.db0`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from perdure.errors import WorkspaceError

__all__ = ["find_prefixes", "prefix_file"]

SUFFIX = ".db0"


def prefix_file(root: Path, name: str) -> Path:
    """The file of a prefix. Raises `RuntimeError` for a name that is empty or leads out of `root`."""
    parts = [part for part in name.split("/") if part]
    if not parts or any(part in (".", "..") or "\0" in part for part in parts):
        raise WorkspaceError(f"Invalid prefix name: {name!r}")
    return root.joinpath(*parts[:-1], parts[-1] + SUFFIX)


def find_prefixes(root: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of every prefix below `root`, in order of the names."""
    for path in sorted(root.rglob("*" + SUFFIX)):
        if path.is_file():
            yield path.relative_to(root).as_posix()[: -len(SUFFIX)], path

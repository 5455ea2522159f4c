"""The demo's database: opened where it is, or loaded beside its place and then moved there in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import perdure as db0
from perdure.cli.demo.loading import load
from perdure.cli.demo.model import Catalogue
from perdure.cli.demo.sources import Source, SourceError

__all__ = ["PREFIX", "default_path", "is_there", "load_into", "open_catalogue"]

PREFIX = "catalogue"
_BUILDING = ".loading-"


def default_path() -> Path:
    """The directory used without --path: `perdure/demo` among the user's data (XDG_DATA_HOME)."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "perdure" / "demo"


def is_there(path: Path) -> bool:
    """Whether the directory holds a catalogue, loaded to its end."""
    return bool(_files(path))


def open_catalogue(path: Path) -> Catalogue:
    """Open the catalogue in the directory; `db0.close()` ends it.

    Raises SourceError when the database there is another one.
    """
    db0.init(str(path), prefix=PREFIX, autocommit=False)
    catalogue: Catalogue | None = db0.fetch(Catalogue) if db0.exists(Catalogue) else None
    if catalogue is None or not catalogue.loading:
        db0.close()
        raise SourceError(f"{path}: the database {PREFIX!r} there is not the demo's; choose another --path")
    return catalogue


def load_into(
    path: Path, sources: Sequence[Source], limit: int | None, on_progress: Callable[[int, int], None]
) -> None:
    """Load a new catalogue into the directory, in place of one that is there.

    It is made in a directory of its own inside `path` and moved when it is whole: a damaged source, a full
    disk or a killed process leave what was there before as it was.
    """
    made = [parent for parent in (path, *path.parents) if not parent.exists()]
    building = path / f"{_BUILDING}{os.getpid()}"
    building.mkdir(parents=True)
    try:
        _remove_leftovers(path)
        db0.init(str(building), prefix=PREFIX, autocommit=False)
        try:
            load(sources, limit, on_progress)
        finally:
            db0.close()
        _move(building, path)
    finally:
        shutil.rmtree(building)
        for directory in made:
            if not any(directory.iterdir()):
                directory.rmdir()


def _move(building: Path, path: Path) -> None:
    # Left beside another data file, locks and shared notes would speak of the old one's states.
    for companion in _files(path, companions=True):
        companion.unlink()
    for file in _files(building):
        file.replace(path / file.name)


def _files(path: Path, companions: bool = False) -> list[Path]:
    """The data files of the prefix, or what lies beside them for its users (`.db0-lock`, `.db0.lock`)."""
    return [file for file in sorted(path.glob(f"{PREFIX}.*")) if _is_companion(file) == companions]


def _is_companion(file: Path) -> bool:
    rest = file.name.removeprefix(PREFIX)
    return "-" in rest or rest.count(".") > 1


def _remove_leftovers(path: Path) -> None:
    """Directories of loads whose process is gone."""
    for directory in path.glob(f"{_BUILDING}*"):
        process = directory.name.removeprefix(_BUILDING)
        if process.isdigit() and not _is_running(int(process)):
            shutil.rmtree(directory)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

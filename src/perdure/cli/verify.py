"""The command `perdure verify`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from perdure.errors import PerdureError

__all__ = ["verify"]

SUFFIX = ".db0"


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def verify(path: Path) -> None:
    """Check the database in the file PATH, or all databases in the directory PATH.

    Reads every record and says what is damaged, a line each; exits with 1 if anything is.
    """
    files = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise click.ClickException(f"{path}: no databases there")
    damaged = 0
    for file in files:
        problems = 0
        for problem in _problems(file):
            click.echo(f"{file}: {problem}")
            problems += 1
        damaged += problems > 0
        click.echo(f"{file}: {problems or 'no'} problem{'' if problems == 1 else 's'}")
    if damaged:
        raise click.exceptions.Exit(1)


def _problems(file: Path) -> Iterator[object]:
    from perdure.storage import open_storage

    try:
        storage = open_storage(file, create=False, read_only=True, check=True)
    except PerdureError as error:
        yield error
        return
    try:
        yield from storage.verify()
    finally:
        storage.close()

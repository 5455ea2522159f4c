"""The command `perdure verify`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from perdure.errors import PerdureError

__all__ = ["verify"]

SUFFIX = ".db0"
_TRIES = 3
"""How often a database that is written meanwhile is read again."""


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def verify(path: Path) -> None:
    """Check the database in the file PATH, or all databases in the directory PATH.

    Checks the structure of the file, reads every value, and proves that references, counts, tags and postings
    agree. Says what is damaged, a line each; exits with 1 if anything is.
    """
    files = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise click.ClickException(f"{path}: no databases there")
    damaged = 0
    for file in files:
        problems = _problems(file)
        for problem in problems:
            click.echo(f"{file}: {problem}")
        damaged += bool(problems)
        click.echo(f"{file}: {len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}")
    if damaged:
        raise click.exceptions.Exit(1)


def _problems(file: Path) -> Sequence[object]:
    from perdure.session import Database

    try:
        database = Database.open(file, create=False, read_only=True, check=True)
    except PerdureError as error:
        return [error]
    try:
        for _ in range(_TRIES):
            state = database.storage.last_state
            problems = list(database.verify())
            if database.storage.last_state == state:
                return problems
        return [f"it is being written, {_TRIES} times while it was read; try again when it is not"]
    finally:
        database.close()

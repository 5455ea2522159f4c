"""The command `perdure verify`."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["verify"]


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def verify(path: Path) -> None:
    """Check every record of the database at PATH; exit with 1 if there is damage."""
    from perdure.storage import open_storage

    storage = open_storage(path)
    try:
        problems = 0
        for problem in storage.verify():
            problems += 1
            click.echo(str(problem))
    finally:
        storage.close()
    if problems:
        raise click.ClickException(f"{path}: {problems} problem{'s' if problems > 1 else ''}")
    click.echo(f"{path}: no problems")

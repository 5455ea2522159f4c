"""The group of commands, and how errors of perdure reach the user: one line, exit code 1."""

from __future__ import annotations

from typing import Any

import click

from perdure.cli.demo.command import demo
from perdure.cli.verify import verify
from perdure.errors import PerdureError

__all__ = ["main"]


class _Group(click.Group):
    def invoke(self, context: click.Context) -> Any:
        """Run the command; an error of perdure becomes a message instead of a traceback."""
        try:
            return super().invoke(context)
        except (PerdureError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group)
@click.version_option(package_name="perdure")
def main() -> None:
    """Durable, shared, transactional and searchable Python objects."""


main.add_command(demo)
main.add_command(verify)

"""Writes the help of every command into docs/reference/commands.md: `python tools/command_pages.py`."""

from __future__ import annotations

import re
from pathlib import Path

import click
from click.testing import CliRunner

from perdure.cli import main

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"
_PLACE = re.compile(r"(## perdure (\w+)\n\n```text\n).*?(```\n)", re.DOTALL)


def help_of(command: str) -> str:
    """What `perdure COMMAND --help` prints."""
    shown = CliRunner().invoke(main, [command, "--help"], prog_name="perdure", terminal_width=80)
    if shown.exit_code:
        raise click.ClickException(f"there is no command {command!r}")
    return shown.output


def filled(page: str) -> str:
    """The page with the present help under the heading of each command."""
    return _PLACE.sub(lambda match: match[1] + help_of(match[2]) + match[3], page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))

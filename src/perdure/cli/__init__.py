"""The command line: `perdure demo`, `perdure verify`."""

from perdure.cli.main import main

__all__ = ["main"]

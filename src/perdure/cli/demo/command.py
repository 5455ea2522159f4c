"""The command `perdure demo`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

__all__ = ["demo"]


@click.command()
@click.option(
    "--path",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the database.  [default: perdure/demo in the user's data directory]",
)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Packages file to read, plain or compressed.  [default: all that apt keeps, else dpkg's status]",
)
@click.option("--limit", type=click.IntRange(min=1), help="Read only the first so many entries.")
@click.option("--package", help="Package to ask about.  [default: a well-connected one]")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("/"),
    help="Read the indexes of the system mounted there.  [default: /]",
)
@click.option("--json", "wants_json", is_flag=True, help="Print the report as JSON.")
def demo(
    *,
    path: Path | None,
    source: Path | None,
    limit: int | None,
    package: str | None,
    root: Path,
    wants_json: bool,
) -> None:
    """Keep a Debian package catalogue as objects, and ask it.

    The first run loads the catalogue; later ones open it at once, unless --source or --limit ask for another.
    Each run upgrades some packages, tries an upgrade that is refused and rolled back, and asks the same
    questions of the state before.
    """
    from perdure.cli.demo.database import default_path
    from perdure.cli.demo.progress import LoadingBar
    from perdure.cli.demo.questions import UnknownPackageError
    from perdure.cli.demo.report import as_json, print_report
    from perdure.cli.demo.run import Options, run
    from perdure.cli.demo.sources import SourceError

    options = Options(path or default_path(), source, limit, package, root)
    try:
        with LoadingBar() as bar:
            report = run(options, bar.advance)
    except (SourceError, UnknownPackageError) as error:
        raise click.ClickException(str(error)) from error
    if wants_json:
        click.echo(as_json(report))
    else:
        print_report(report, Console())
    if not (report.past_kept and report.upgraded.rolled_back):
        raise click.ClickException("answers differ where they must not; see the report")

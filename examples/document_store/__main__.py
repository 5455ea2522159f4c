"""The command line of the store: `python -m document_store --help`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

import perdure as db0

from .following import news
from .store import Tenant, move, prefix_of

LOCK = {"blocking": True, "timeout": 30}


@contextmanager
def opened(directory: str, *tenants: str, write: bool = False) -> Iterator[list[Tenant]]:
    """Tenants, opened for reading or, when no other process writes them, for writing; with a commit at the end.

    One process at a time writes a tenant; the next one waits. Readers and writers do not wait for each other.
    """
    db0.init(directory, autocommit=False, lock_flags=LOCK)
    try:
        for tenant in sorted(tenants):  # all processes take their locks in the same order
            db0.open(prefix_of(tenant), "rw" if write else "r")
        yield [Tenant(tenant) for tenant in tenants]
        db0.commit()
    except (RuntimeError, ValueError, LookupError) as error:
        raise click.ClickException(str(error.args[0])) from error
    finally:
        db0.close()


@click.group()
@click.option("--data", default="documents", help="The directory of the databases.")
@click.pass_context
def main(context: click.Context, data: str) -> None:
    """Documents of several tenants, each in a database of its own."""
    context.obj = data


@main.command()
@click.argument("tenant")
@click.argument("name")
@click.argument("file", type=click.File())
@click.option("--label", "labels", multiple=True)
@click.pass_obj
def put(data: str, tenant: str, name: str, file: TextIO, labels: tuple[str, ...]) -> None:
    """Store FILE (- for the standard input) as the newest version of the document NAME."""
    with opened(data, tenant, write=True) as (found,):
        newest = found.put(name, file.read(), *labels).newest
        assert newest is not None
        click.echo(f"{name}: version {newest.number}, {newest.size} bytes")


@main.command()
@click.argument("tenant")
@click.argument("name")
@click.option("--version", type=int, help="An earlier version.")
@click.pass_obj
def get(data: str, tenant: str, name: str, version: int | None) -> None:
    """Show a document."""
    with opened(data, tenant) as (found,):
        document = found.get(name)
        texts = {one.number: one.text for one in document.versions}
        if version not in (None, *texts):
            raise ValueError(f"{name} has no version {version}; it has {', '.join(map(str, texts))}")
        click.echo(texts[version or max(texts)], nl=False)


@main.command()
@click.argument("tenant")
@click.argument("words", nargs=-1)
@click.option("--label", "labels", multiple=True)
@click.pass_obj
def search(data: str, tenant: str, words: tuple[str, ...], labels: tuple[str, ...]) -> None:
    """List the documents that have all WORDS and labels; without any, all documents."""
    with opened(data, tenant) as (found,):
        for document in found.search(" ".join(words), *labels):
            click.echo(" ".join([document.name, *[f"#{label}" for label in document.labels]]))


@main.command("move")
@click.argument("name")
@click.argument("source")
@click.argument("target")
@click.pass_obj
def move_command(data: str, name: str, source: str, target: str) -> None:
    """Move a document from one tenant to another one."""
    with opened(data, source, target, write=True) as (giver, taker):
        move(name, giver, taker)


@main.command()
@click.argument("tenant")
@click.argument("name")
@click.pass_obj
def remove(data: str, tenant: str, name: str) -> None:
    """Remove a document."""
    with opened(data, tenant, write=True) as (found,):
        found.remove(name)


@main.command()
@click.argument("tenant")
@click.option("--set", "wanted", type=int, help="Allow so many bytes.")
@click.option("--versions", type=click.IntRange(1), help="Forget all but so many versions of each document.")
@click.pass_obj
def quota(data: str, tenant: str, wanted: int | None, versions: int | None) -> None:
    """Show what a tenant uses of its quota, or change it."""
    with opened(data, tenant, write=wanted is not None or versions is not None) as (found,):
        if versions is not None:
            found.trim(versions)
        if wanted is not None:
            found.set_quota(wanted)
        click.echo(f"{found.used} of {found.quota} bytes, {len(found.documents)} documents")


@main.command()
@click.argument("tenant")
@click.option("--since", type=int, help="Begin after this state.")
@click.pass_obj
def follow(data: str, tenant: str, since: int | None) -> None:
    """Tell what other processes do to a tenant's documents, until interrupted."""
    with opened(data, tenant):
        for line in news(tenant, since):
            click.echo(line)


if __name__ == "__main__":
    main()

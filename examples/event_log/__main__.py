"""The command line of the warehouse: `python -m event_log --help`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click

import perdure as db0

from .history import changes_between, events_of, levels_at, undo_to
from .warehouse import PREFIX, Kind, Warehouse, replay


@contextmanager
def opened(directory: str, *, write: bool = False) -> Iterator[Warehouse]:
    """The warehouse in a directory; reading goes on beside a process that writes."""
    try:
        db0.init(directory, prefix=PREFIX, read_write=write, autocommit=False)
        yield Warehouse()
    except (RuntimeError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        db0.close()


@click.group()
@click.option("--data", default="warehouse-data", help="The directory of the database.")
@click.pass_context
def main(context: click.Context, data: str) -> None:
    """A warehouse that remembers everything."""
    context.obj = data


@main.command()
@click.argument("kind", type=click.Choice(["received", "shipped", "counted"]))
@click.argument("item")
@click.argument("amount", type=click.IntRange(0))
@click.pass_obj
def record(data: str, kind: str, item: str, amount: int) -> None:
    """Record an event, and say the number of the state that it made."""
    with opened(data, write=True) as warehouse:
        event = warehouse.record(Kind[kind.upper()], item, amount)
        db0.commit()
        click.echo(f"{event} (state {db0.get_state_num(finalized=True)})")


@main.command()
@click.option("--state", type=int, help="As it was at this state.")
@click.option("--when", type=click.DateTime(["%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S"]), help="As it was then.")
@click.pass_obj
def stock(data: str, state: int | None, when: datetime | None) -> None:
    """Show the stock now, at a state, or at a time."""
    with opened(data) as warehouse:
        moment = state if state is not None else when
        for item, level in sorted((warehouse.levels() if moment is None else levels_at(moment)).items()):
            click.echo(f"{level:6} {item}")


@main.command()
@click.argument("item")
@click.pass_obj
def events(data: str, item: str) -> None:
    """Show the events of an item."""
    with opened(data):
        for event in events_of(item):
            click.echo(f"{event.at:%Y-%m-%d %H:%M} {event}")


@main.command()
@click.argument("before", type=int)
@click.argument("after", type=int, required=False)
@click.pass_obj
def changes(data: str, before: int, after: int | None) -> None:
    """Show what changed from state BEFORE to state AFTER, by default the newest."""
    with opened(data):
        found = changes_between(before, after)
        for event in found.events:
            click.echo(event)
        for item, level in found.arrived.items():
            click.echo(f"new: {level} {item}")
        for item, (old, new) in found.moved.items():
            click.echo(f"moved: {item} from {old} to {new}")
        for item, level in found.gone.items():
            click.echo(f"gone: {level} {item}")


@main.command()
@click.argument("state", type=int)
@click.pass_obj
def undo(data: str, state: int) -> None:
    """Make the stock what it was at STATE, by new events."""
    with opened(data, write=True):
        for event in undo_to(state):
            click.echo(event)
        db0.commit()


@main.command()
@click.pass_obj
def check(data: str) -> None:
    """Replay all events and compare the result with the stored projections."""
    with opened(data) as warehouse:
        replayed = replay(warehouse.events)
        if (replayed.levels, replayed.shipped) != (warehouse.levels(), warehouse.shipped):
            raise click.ClickException("the projections are not what the events say")
        click.echo(f"{len(warehouse.events)} events replayed: the projections are what they say")


if __name__ == "__main__":
    main()

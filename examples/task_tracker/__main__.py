"""The server: `python -m task_tracker --help`."""

from __future__ import annotations

from datetime import date, timedelta

import click
from werkzeug.serving import make_server

import perdure as db0

from .model import PREFIX, Priority, Status, Tracker
from .web import create_app


def fill() -> None:
    """A few tasks to play with."""
    with db0.atomic():
        tracker, today = Tracker(), date.today()
        ann, bob = tracker.person("Ann"), tracker.person("Bob")
        house, garden = tracker.project("House"), tracker.project("Garden")
        roof = house.add_task("mend the roof", owner=ann, due=today - timedelta(3), priority=Priority.HIGH, hours=8)
        roof.labels = ["ladder", "dry"]
        house.add_task("paint the door", owner=bob, due=today + timedelta(5), hours=3).labels = ["dry"]
        house.add_task("order coal", status=Status.DONE)
        garden.add_task("sow beans", owner=ann, due=today + timedelta(5), priority=Priority.LOW, hours=2)
    db0.commit()


@click.command()
@click.option("--data", default="tracker-data", help="The directory of the database.")
@click.option("--port", default=8000, help="Where to serve; 0 chooses a free port.")
@click.option("--example", is_flag=True, help="Begin with a few tasks, when there are none.")
def main(data: str, port: int, example: bool) -> None:
    """Serve the task tracker on this machine."""
    db0.init(data, prefix=PREFIX, autocommit=False)
    try:
        if example and not Tracker().projects:
            fill()
        server = make_server("127.0.0.1", port, create_app(), threaded=True)
        click.echo(f"http://127.0.0.1:{server.server_port}/")
        server.serve_forever()
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
    finally:
        db0.close()


if __name__ == "__main__":
    main()

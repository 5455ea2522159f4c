"""The server: `python -m case_files --help`."""

from __future__ import annotations

import socket
from datetime import date

import click
import uvicorn

import perdure as db0

from .access import acting, open_cases
from .model import Case, Register, grant, set_rights
from .web import create_app


def fill() -> dict[str, str]:
    """Two firms with some people and cases to play with; the tokens of the people."""
    register, tokens = Register(), {}
    for name in ("Birch", "Cedar"):
        firm = register.firm(name)
        for user, position, *teams in (
            ("ada", "partner"), ("ben", "lawyer", "tax"), ("cleo", "clerk", "tax"), ("dan", "lawyer")
        ):  # fmt: skip
            tokens[f"{user}@{name}"] = register.add_user(firm, user, position, *teams)
        with acting(firm.users["ada"]):
            for number, title in enumerate(("Harbour dues", "A fence too high")):
                case = Case(f"{title} ({name})", f"{name}'s client", date(2030, 1 + number, 9), "", 1000 * (number + 1))
                grant(case, firm.users["ada"])
                grant(case, firm.teams["tax"] if number == 0 else firm.users["dan"])
    db0.commit()
    return tokens


@click.command()
@click.option("--data", default="case-data", help="The directory of the database.")
@click.option("--port", default=8000, help="Where to serve; 0 chooses a free port.")
@click.option("--example", is_flag=True, help="Begin with two firms, when there are none, and print their tokens.")
def main(data: str, port: int, example: bool) -> None:
    """Serve the case files on this machine."""
    open_cases(data)
    try:
        set_rights()
        if example and not Register().firms:
            for name, token in fill().items():
                click.echo(f"{name} {token}")
        with socket.create_server(("127.0.0.1", port)) as listening:
            click.echo(f"http://127.0.0.1:{listening.getsockname()[1]}/")
            uvicorn.Server(uvicorn.Config(create_app(), log_level="error")).run(sockets=[listening])
    finally:
        db0.close()


if __name__ == "__main__":
    main()

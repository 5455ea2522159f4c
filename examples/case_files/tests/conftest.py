"""Two firms in a new directory, and clients for their people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import perdure as db0
from case_files.access import acting, open_cases
from case_files.model import Case, Register, deny, grant, set_rights
from case_files.tests.people import PEOPLE, People, make_case


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Everybody of two firms, with the same cases in both."""
    open_cases(str(tmp_path))
    set_rights()
    register, tokens = Register(), {}
    for name in ("birch", "cedar"):
        firm = register.firm(name)
        for user, (position, *teams) in PEOPLE.items():
            tokens[f"{user}@{name}"] = register.add_user(firm, user, position, *teams)
    found = People(register, tokens)
    for name in ("birch", "cedar"):
        firm = register.firms[name]
        with acting(firm.users["ada"]):
            found.cases[f"tax of {name}"] = make_case(f"harbour {name}", 1000, firm.users["ada"], firm.teams["tax"])
            found.cases[f"own of {name}"] = make_case(f"fence {name}", 2000, firm.users["ada"])
            walled: Case = db0.fetch(make_case(f"secret {name}", 3000, firm.users["ada"], firm.teams["tax"]), Case)
            deny(walled, firm.users["ben"])
            grant(walled, firm.users["dan"])
            found.cases[f"walled of {name}"] = db0.uuid(walled)
    db0.commit()
    yield found
    found.close()
    db0.close()

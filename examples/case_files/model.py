"""What is stored: firms with people and teams, their cases, and who may do what."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date
from typing import Any

import perdure as db0

PREFIX = "cases"

Status = db0.enum("CaseStatus", ["OPEN", "WON", "LOST"])
Mode = db0.enum("FieldMode", ["CREATE", "READ", "UPDATE", "DELETE"])

PARTNER, LAWYER, CLERK = 1, 2, 3
"""What somebody is in a firm: the accounts that fields are read and written under."""
POSITIONS = {"partner": PARTNER, "lawyer": LAWYER, "clerk": CLERK}
RIGHTS: dict[int, dict[str, tuple[str, ...]]] = {
    PARTNER: {
        "CREATE READ UPDATE": ("title", "client", "status", "opened", "notes", "fee"),
    },
    LAWYER: {
        "CREATE READ UPDATE": ("title", "client", "status", "opened", "notes"),
        "CREATE": ("fee",),
    },
    CLERK: {
        "READ": ("title", "opened"),
        "READ UPDATE": ("status",),
    },
}
"""By position and modes, the fields of a case."""


@db0.memo
class Team:
    """Some people of a firm who may see the same cases."""

    def __init__(self, firm: Firm, name: str) -> None:
        self.firm = db0.weak_proxy(firm)
        self.name = name


@db0.memo
class User:
    """Somebody of a firm."""

    def __init__(self, firm: Firm, name: str, position: str) -> None:
        self.firm = db0.weak_proxy(firm)
        self.name = name
        self.position = POSITIONS[position]
        self.teams: Any = []


@db0.memo
class Firm:
    """A tenant. It holds its people and teams; its cases are held by the tags that grant them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.users: Any = {}
        self.teams: Any = {}

    def team(self, name: str) -> Team:
        """The team with a name, a new one if there is none."""
        if name not in self.teams:
            self.teams[name] = Team(self, name)
        found: Team = self.teams[name]
        return found

    def subject(self, name: str) -> User | Team | None:
        """Who can be granted something under a name in this firm, and in no other."""
        found: User | Team | None = self.users.get(name) or self.teams.get(name)
        return found


@db0.memo(protect_fields=True, access_control=True)
@db0.tag_fields("status")
@db0.indexed_fields("opened", "fee")
class Case:
    """A case. Who may see it is said by its tags, what of it by the rights of positions."""

    def __init__(self, title: str, client: str, opened: date, notes: str, fee: int) -> None:
        self.title = title
        self.client = client
        self.status = Status.OPEN
        self.opened = opened
        self.notes = notes
        self.fee = fee
        db0.tags(self, passive=True).add([db0.as_tag("WORD", word) for word in db0.taggify(title, None)])


@db0.memo(singleton=True)
class Register:
    """All firms, and who a token belongs to."""

    def __init__(self) -> None:
        self.firms: Any = {}
        self.tokens: Any = {}

    def firm(self, name: str) -> Firm:
        """The firm with a name, a new one if there is none."""
        if name not in self.firms:
            self.firms[name] = Firm(name)
        found: Firm = self.firms[name]
        return found

    def add_user(self, firm: Firm, name: str, position: str, *teams: str) -> str:
        """Somebody new; the token that says who it is, of which the database has a digest only."""
        user = firm.users[name] = User(firm, name, position)
        user.teams.extend(firm.team(team) for team in teams)
        token = secrets.token_urlsafe()
        self.tokens[_digest(token)] = user
        return token

    def user(self, token: str) -> User | None:
        """Whose token this is."""
        found: User | None = self.tokens.get(_digest(token))
        return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def set_rights() -> None:
    """Say which position may do what with the fields of cases; the same again changes nothing."""
    for account, rights in RIGHTS.items():
        for modes, fields in rights.items():
            db0.set_field_access(Case, account, [Mode[mode] for mode in modes.split()], *fields)


def grant(case: Case, subject: User | Team) -> None:
    """Let somebody see a case."""
    db0.tags(case).remove(db0.as_tag("DENY", subject))
    db0.tags(case).add(db0.as_tag("GRANT", subject))


def deny(case: Case, subject: User | Team) -> None:
    """Keep somebody from seeing a case, whoever else of their teams may."""
    db0.tags(case, passive=True).add(db0.as_tag("DENY", subject))

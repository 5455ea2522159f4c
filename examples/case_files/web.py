"""The service: cases as JSON. No handler asks who may see what: a query finds what the caller may see."""

from __future__ import annotations

import base64
import binascii
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

import perdure as db0

from .access import ACCOUNT, ASKING, Access, changing
from .model import PARTNER, Case, Mode, Status, deny, grant

FIELDS = ("title", "client", "status", "opened", "notes", "fee")
_LARGEST = 2**53


class NewCase(BaseModel):
    """What a case begins with."""

    model_config = ConfigDict(extra="forbid")
    title: str
    client: str
    opened: date
    notes: str = ""
    fee: int = Field(0, ge=0, le=_LARGEST)


class Changes(BaseModel):
    """Fields to change; which of them the caller may change is for the database to say."""

    model_config = ConfigDict(extra="forbid")
    title: str | None = None
    client: str | None = None
    status: Literal["OPEN", "WON", "LOST"] | None = None
    notes: str | None = None
    fee: int | None = Field(None, ge=0, le=_LARGEST)


class Grant(BaseModel):
    """Who of the firm is to see a case, or not to."""

    model_config = ConfigDict(extra="forbid")
    to: str
    denied: bool = False


class Asked(BaseModel):
    """Which cases are asked for, and in which order."""

    model_config = ConfigDict(extra="forbid")
    words: str = ""
    status: Literal["OPEN", "WON", "LOST"] | None = None
    search: str = ""
    sort: Literal["opened", "fee"] | None = None
    descending: bool = False
    offset: int = Field(0, ge=0, le=_LARGEST)
    limit: int = Field(20, ge=1, le=100)


def create_app() -> FastAPI:
    """The application; the database is opened by who calls this."""
    app = FastAPI(title="Case files")
    app.add_middleware(Access)
    app.add_exception_handler(PermissionError, _refused)
    app.get("/cases")(list_cases)
    app.post("/cases", status_code=201)(add_case)
    app.get("/cases/{identifier}")(show_case)
    app.patch("/cases/{identifier}")(change_case)
    app.delete("/cases/{identifier}", status_code=204)(delete_case)
    app.put("/cases/{identifier}/grants", status_code=204)(grant_case)
    app.post("/searches")(save_search)
    app.get("/statistics")(count_cases)
    return app


async def _refused(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "you may not do that"}, 403)


def found(identifier: str) -> Case:
    """The case of a uuid. One that may not be seen is as one that is not there."""
    if not db0.exists(identifier, Case):
        raise HTTPException(404, "there is no such case")
    case: Case = db0.fetch(identifier, Case)
    return case


def shown(case: Case) -> dict[str, Any]:
    """A case as its reader may see it: fields of others' business are null."""
    values = {name: getattr(case, name) for name in FIELDS}
    if values["status"] is not None:
        values["status"] = values["status"].name
    return {"id": db0.uuid(case), **values}


def question(asked: Asked) -> Any:
    """The query for what is asked, without an order."""
    criteria: list[Any] = [db0.as_tag("WORD", word) for word in db0.taggify(asked.words, None)]
    if asked.status is not None:
        criteria.append(Status[asked.status])
    if asked.search:
        criteria.append(_saved(asked.search))
    return db0.find(Case, *criteria)


def _saved(text: str) -> Any:
    try:
        found = db0.deserialize(base64.urlsafe_b64decode(text))
    except (RuntimeError, ValueError, binascii.Error):
        found = None
    if not isinstance(found, db0.QueryObject):
        raise HTTPException(400, "that is no saved search")
    return found


def may_read(field: str) -> bool:
    """Whether who is asking may read a field of cases: only then may an order tell of it."""
    rights = dict(db0.get_field_access(Case, ACCOUNT.get()))
    return Mode.READ.name in map(str, rights.get(field, ()))


async def list_cases(asked: Annotated[Asked, Query()]) -> dict[str, Any]:
    """The cases that are asked for, a page at a time, and how many they are."""
    cases = question(asked)
    if asked.sort is not None:
        if not may_read(asked.sort):
            raise PermissionError(asked.sort)
        cases = db0.index_of(Case, asked.sort).sort(cases, desc=asked.descending)
    page = cases[asked.offset : asked.offset + asked.limit]
    return {"total": len(cases), "cases": [shown(case) for case in page]}


async def add_case(new: NewCase) -> dict[str, Any]:
    """A new case, which its maker and the teams of its maker may see."""
    async with changing():
        case = Case(new.title, new.client, new.opened, new.notes, new.fee)
        user = ASKING.get()
        for subject in (user, *user.teams):
            grant(case, subject)
    return shown(case)


async def show_case(identifier: str) -> dict[str, Any]:
    """One case."""
    return shown(found(identifier))


async def change_case(identifier: str, changes: Changes) -> dict[str, Any]:
    """Change some fields: all of them or, when one may not be changed, none."""
    async with changing():
        case = found(identifier)
        for name, value in changes.model_dump(exclude_unset=True).items():
            setattr(case, name, Status[value] if name == "status" else value)
    return shown(case)


async def delete_case(identifier: str) -> None:
    """Remove a case."""
    async with changing():
        case = found(identifier)
        _only_partners()
        db0.tags(case).remove(db0.tags_of(case))


async def grant_case(identifier: str, wanted: Grant) -> None:
    """Let somebody of the firm see a case, or keep them from it."""
    async with changing():
        case = found(identifier)
        _only_partners()
        subject = ASKING.get().firm.subject(wanted.to)
        if subject is None:
            raise HTTPException(404, "there is nobody of that name")
        (deny if wanted.denied else grant)(case, subject)


def _only_partners() -> None:
    if ACCOUNT.get() != PARTNER:
        raise PermissionError("partners decide that")


async def save_search(asked: Asked) -> dict[str, str]:
    """A search as a text, to be kept and passed on: who uses it finds what they themselves may see."""
    return {"search": base64.urlsafe_b64encode(db0.serialize(question(asked))).decode()}


async def count_cases() -> dict[str, int]:
    """How many cases there are of each status."""
    found: dict[str, int] = db0.group_by(Status.values(), db0.find(Case))
    return found

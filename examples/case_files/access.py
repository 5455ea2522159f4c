"""Who is asking, and what that means for every read and write while the request is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import perdure as db0

from .model import PREFIX, Register, User

VISIBLE: ContextVar[Any] = ContextVar("visible", default=None)
"""Which cases can be seen: a predicate. None sees no case."""
ACCOUNT: ContextVar[int] = ContextVar("account")
"""Which fields can be read and written: the number of a position. Unset, none."""
ASKING: ContextVar[User] = ContextVar("asking")


def open_cases(data: str) -> None:
    """Start using the database in a directory, under control from the first moment on."""
    db0.init(
        data,
        prefix=PREFIX,
        autocommit_interval=5,
        data_filter={"context_var": VISIBLE},
        data_masking={"context_var": ACCOUNT, "missing_value_placeholder": None},
    )


def may_see(user: User) -> Any:
    """What somebody may see: what is granted to them or a team of theirs, and denied to none of these."""
    subjects = [user, *user.teams]
    return db0.predicate(
        [db0.as_tag("GRANT", one) for one in subjects], db0.no([db0.as_tag("DENY", one) for one in subjects])
    )


@contextmanager
def acting(user: User) -> Iterator[None]:
    """Do something as somebody: in this thread or task, and in no other."""
    asking, account, visible = ASKING.set(user), ACCOUNT.set(user.position), VISIBLE.set(may_see(user))
    try:
        yield
    finally:
        ASKING.reset(asking)
        ACCOUNT.reset(account)
        VISIBLE.reset(visible)


@asynccontextmanager
async def changing() -> AsyncIterator[None]:
    """Changes that are kept as a whole or undone, and durable when the block is left."""
    async with db0.async_atomic():
        with db0.locked() as log:
            yield
    await db0.await_commit(log.get_mutation_log())


class Access:
    """Middleware: the whole request is answered as who its token says; a GET can change nothing at all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        user = Register().user(token) if kind.lower() == "bearer" else None
        if user is None:
            await JSONResponse({"detail": "say who you are"}, 401)(scope, receive, send)
            return
        reading = scope["method"] in ("GET", "HEAD")
        with acting(user), db0.read_only() if reading else nullcontext():
            await self._app(scope, receive, send)

"""Who asks, in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import date
from typing import Any, TypeVar

import httpx

import perdure as db0
from case_files.model import Case, Register, grant
from case_files.web import create_app

PEOPLE = {
    "ada": ("partner",),
    "ben": ("lawyer", "tax"),
    "cleo": ("clerk", "tax"),
    "dan": ("lawyer",),
    "eve": ("lawyer",),
}
_T = TypeVar("_T")


def make_case(title: str, fee: int, *subjects: Any) -> str:
    """A case that some may see; its uuid."""
    case = Case(title, f"client of {title}", date(2030, 1, 1 + fee // 1000), f"notes of {title}", fee)
    for subject in subjects:
        grant(case, subject)
    return db0.uuid(case)


class Client:
    """Somebody, asking one thing after the other."""

    def __init__(self, people: People, who: str) -> None:
        self._people = people
        self._who = who

    def _ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self._people.run(self._people.ask(self._who, method, url, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self._ask("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self._ask("POST", url, **options)

    def put(self, url: str, **options: Any) -> httpx.Response:
        return self._ask("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> httpx.Response:
        return self._ask("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self._ask("DELETE", url, **options)


class People:
    """The people of the two firms; the whole application answers them, middleware and all."""

    def __init__(self, register: Register, tokens: dict[str, str]) -> None:
        self.register = register
        self.tokens = tokens
        self.cases: dict[str, str] = {}
        self._runner = asyncio.Runner()
        self._web = httpx.AsyncClient(transport=httpx.ASGITransport(create_app()), base_url="http://cases")

    def client(self, who: str) -> Client:
        """A client of somebody."""
        return Client(self, who)

    async def ask(self, who: str, method: str, url: str, **options: Any) -> httpx.Response:
        """One request of somebody; a name of nobody is taken for a token."""
        head = {b"Authorization": f"Bearer {self.tokens.get(who, who)}".encode("latin-1")}
        return await self._web.request(method, url, headers=head, **options)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in the loop of the application."""
        return self._runner.run(work)

    def close(self) -> None:
        """End the loop."""
        self.run(self._web.aclose())
        self._runner.close()

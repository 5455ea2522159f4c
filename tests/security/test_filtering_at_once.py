"""Threads and asyncio tasks with predicates of their own, at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .things import SEEN, Doc, Note, seeing


@pytest.fixture
def accounts(release: None) -> list[str]:
    """Ten accounts, each with some objects of its own."""
    found = [f"account {number}" for number in range(10)]
    for number, account in enumerate(found):
        for one in range(number + 1):
            db0.tags(Doc(f"{account} {one}")).add("x", account)
    db0.commit()
    return found


def look(account: str, uuids: dict[str, str]) -> None:
    """See only what is one's own, in every way."""
    size = int(account.split()[1]) + 1
    assert {one.name.rsplit(" ", 1)[0] for one in db0.find(Doc)} == {account}
    assert len(db0.find("x")) == len(db0.find(Doc)) == size
    assert [name for name, uuid in uuids.items() if db0.exists(uuid)] == [f"{account} {one}" for one in range(size)]


def all_uuids() -> dict[str, str]:
    with seeing("x"):
        return {one.name: db0.uuid(one) for one in db0.find(Doc)}


def test_threads_with_predicates_of_their_own_see_their_own(
    accounts: list[str], frequent_switches: None
) -> None:
    uuids = all_uuids()
    query_of_all: list[Any] = []
    with seeing("x"):
        query_of_all.append(db0.find(Doc))
    errors: list[BaseException] = []

    def run(account: str) -> None:
        try:
            with seeing(account):
                for _ in range(15):
                    look(account, uuids)
                    assert len(query_of_all[0]) == int(account.split()[1]) + 1
        except BaseException as error:
            errors.append(error)

    def write() -> None:
        for number in range(30):
            db0.tags(Note(f"note {number}")).add("note")
            db0.commit()

    threads = [threading.Thread(target=run, args=(account,)) for account in accounts]
    threads.append(threading.Thread(target=write))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_tasks_with_predicates_of_their_own_see_their_own(accounts: list[str]) -> None:
    uuids = all_uuids()

    async def run(account: str) -> None:
        SEEN.set(db0.predicate(account))
        for _ in range(10):
            look(account, uuids)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*map(run, accounts))
        with pytest.raises(PermissionError):
            db0.find(Doc)

    asyncio.run(main())


def test_a_thread_begins_without_predicate(accounts: list[str]) -> None:
    caught: list[type] = []

    def run(use: Callable[[], Any]) -> None:
        try:
            use()
        except Exception as error:
            caught.append(type(error))

    with seeing("x"):
        query = db0.find(Doc)
        for use in (lambda: db0.find(Doc), lambda: len(query), lambda: list(query)):
            thread = threading.Thread(target=run, args=(use,))
            thread.start()
            thread.join()
    assert caught == [PermissionError] * 3


def test_the_reports_of_a_prefix_name_its_filter(release: None, tmp_path: Path) -> None:
    assert db0.get_prefix_stats()["data_filter"] == {"enabled": True}
    db0.close()
    db0.init(tmp_path, prefix="main")
    assert db0.get_prefix_stats()["data_filter"] == {"enabled": False}

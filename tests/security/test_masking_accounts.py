"""Several accounts at once, and none at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure as db0

from .masking_things import ACCOUNT, ALL, OWNER, SECRET, STRANGER, account, denied, grant

FIELDS = [f"field{number}" for number in range(8)]


@db0.memo(protect_fields=True)
class Client:
    def __init__(self, secret: Any = SECRET) -> None:
        for name in FIELDS:
            setattr(self, name, secret)

    def shown(self) -> Any:
        return self.field0


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    db0.close()


def owned(directory: Path) -> Any:
    """An object of a workspace that is started now."""
    db0.init(directory, prefix="main", autocommit=False, data_masking={"context_var": ACCOUNT})
    grant(Client, OWNER, ALL, *FIELDS, "more")
    with account(OWNER):
        made = Client()
        db0.commit()
        return made


# -- several accounts at once ------------------------------------------------------------------------------


def test_each_thread_has_its_account(tmp_path: Path) -> None:
    obj = owned(tmp_path)
    barrier = threading.Barrier(2)
    found: dict[int, set[str]] = {}

    def run(number: int) -> None:
        ACCOUNT.set(number)
        mine = found[number] = set()
        barrier.wait()
        for _ in range(300):
            try:
                mine.add(obj.field0)
            except PermissionError:
                mine.add("denied")

    threads = [threading.Thread(target=run, args=(number,)) for number in (OWNER, STRANGER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {OWNER: {SECRET}, STRANGER: {"denied"}}


def test_each_task_has_its_account(tmp_path: Path) -> None:
    obj = owned(tmp_path)

    async def run(number: int) -> set[str]:
        ACCOUNT.set(number)
        found = set()
        for _ in range(50):
            await asyncio.sleep(0)
            try:
                found.add(obj.field7)
            except PermissionError:
                found.add("denied")
        return found

    async def both() -> list[set[str]]:
        return await asyncio.gather(*[run(number) for number in (OWNER, STRANGER, OWNER)])

    assert asyncio.run(both()) == [{SECRET}, {"denied"}, {SECRET}]


# -- without masking ---------------------------------------------------------------------------------------


def test_before_masking_is_initialized_fields_can_be_written_but_not_read(tmp_path: Path) -> None:
    db0.init(tmp_path, prefix="main", autocommit=False)
    obj = Client("first")
    obj.field0 = SECRET
    obj.more = 1
    del obj.more
    db0.tags(obj).add("kept")
    db0.commit()
    for attempt in (lambda: obj.field0, lambda: vars(obj), lambda: db0.load(obj), obj.shown):
        assert "data masking" in denied(attempt, RuntimeError)
    grant(Client, OWNER, ["READ"], *FIELDS)
    db0._init_data_masking(ACCOUNT)
    with account(OWNER):
        assert obj.field0 == SECRET and obj.field1 == "first"


def test_the_store_itself_is_not_checked(tmp_path: Path) -> None:
    """Commits, refreshes, the cache, counting of references and verification work for any account, or none."""
    owned(tmp_path)
    with account(OWNER):
        inner = Client()
        outer = Client(inner)
        db0.tags(outer).add("kept")
    with account(STRANGER):
        db0.commit()
        db0.clear_cache()
        assert db0.getrefcount(inner) == len(FIELDS)
        grant(Client, STRANGER, ["DELETE"], *FIELDS)
        for name in FIELDS:
            delattr(outer, name)
        uuid = db0.uuid(inner)
        del inner
        db0.commit()
        assert not db0.exists(uuid)

"""One database, written and read through both faces, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

CLASSES = """
from datetime import date

import perdure as db0
import perdure.zodb as ZODB
import transaction
from perdure.zodb import Persistent

class Account(Persistent):
    def __init__(self, owner, balance):
        self.owner, self.balance = owner, balance

@db0.memo
class Remark:
    def __init__(self, text, account):
        self.text, self.account = text, account
        self.words = text.split()
"""


def run(directory: Path, code: str, *, classes: str = CLASSES) -> str:
    """What a fresh process that knows the classes prints."""
    (directory / "shared_classes.py").write_text(classes)
    script = "from shared_classes import *\n" + dedent(code)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A directory with a database made through the ZODB face."""
    run(
        tmp_path,
        """
        from perdure.zodb.BTrees.LOBTree import LOBTree, LOTreeSet
        from perdure.zodb.BTrees.OOBTree import OOBTree, OOTreeSet

        db = ZODB.DB("bank.db0")
        with db.transaction() as connection:
            root = connection.root
            root.accounts = OOBTree({name: Account(name, 10 * len(name)) for name in ["ada", "grace", "linus"]})
            root.by_number = LOBTree(enumerate(root.accounts.values()))
            root.names, root.numbers = OOTreeSet(["x"]), LOTreeSet(range(1000))
        db.close()
        """,
    )
    return tmp_path


def test_trees_are_read_by_a_process_that_imported_none(bank: Path) -> None:
    shown = run(
        bank,
        """
        db = ZODB.DB("bank.db0")
        root = db.open().root
        print(list(root.accounts), root.by_number[1].owner, list(root.names), len(root.numbers))
        """,
    )
    assert shown == "['ada', 'grace', 'linus'] grace ['x'] 1000"


def test_persistent_objects_are_found_tagged_and_referred_to_by_memo_objects(bank: Path) -> None:
    run(
        bank,
        """
        db0.init(".", prefix="bank")
        for account in db0.find(Account):
            if account.balance > 30:
                db0.tags(account).add("rich", db0.as_tag(Account))
                db0.tags(Remark("call them", account)).add("todo")
        db0.close()
        """,
    )
    shown = run(
        bank,
        """
        db = ZODB.DB("bank.db0")
        connection = db.open()
        rich = sorted(connection.find(Account, "rich"), key=lambda account: account.owner)
        remarks = list(connection.find(Remark, "todo"))
        print([account.owner for account in rich], {remark.account in rich for remark in remarks})
        print(connection.root.accounts["grace"] is rich[0], remarks[0].words)
        """,
    )
    assert shown == "['grace', 'linus'] {True}\nTrue ['call', 'them']"


def test_memo_objects_live_in_trees_and_change_in_transactions(bank: Path) -> None:
    run(
        bank,
        """
        db = ZODB.DB("bank.db0")
        with db.transaction() as connection:
            connection.root.remarks = [Remark("first", connection.root.accounts["ada"])]
        try:
            with db.transaction() as connection:
                connection.root.remarks[0].words.append("lost")
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        with db.transaction() as connection:
            connection.root.remarks[0].words.append("kept")
        db.close()
        """,
    )
    shown = run(
        bank,
        """
        db0.init(".", prefix="bank")
        (remark,) = db0.find(Remark)
        print(remark.words, remark.account.owner, db0.fetch(db0.uuid(remark)) is remark)
        remark.account.balance = 0
        db0.commit()
        with db0.snapshot(db0.get_state_num(finalized=True) - 1) as past:
            print(remark.account.balance, past.fetch(db0.uuid(remark)).account.balance)
        """,
    )
    assert shown == "['first', 'kept'] ada True\n0 30"


def test_both_faces_leave_a_database_without_problems(bank: Path) -> None:
    run(
        bank,
        """
        db0.init(".", prefix="bank")
        index = db0.index()
        for account in db0.find(Account):
            index.add(account.owner, Remark("indexed", account))
        db0.tags(Remark("holds the index", index)).add("kept")
        db0.close()
        db = ZODB.DB("bank.db0")
        with db.transaction() as connection:
            del connection.root.accounts["ada"]
            del connection.root.names
        db.close()
        """,
    )
    command = [sys.executable, "-m", "perdure.cli", "verify", "bank.db0"]
    done = subprocess.run(command, cwd=bank, capture_output=True, text=True, check=False)
    assert done.stdout == "bank.db0: no problems\n"


def test_both_faces_are_open_at_once_and_conflicts_are_noticed(bank: Path) -> None:
    shown = run(
        bank,
        """
        db0.init(".", prefix="bank", autocommit=False)
        db = ZODB.DB("bank.db0")
        connection = db.open()
        ada = connection.root.accounts["ada"]
        same = next(account for account in db0.find(Account) if account.owner == "ada")
        same.balance = 1
        db0.commit()
        print(ada.balance)
        ada.balance += 1
        try:
            transaction.commit()
        except db0.errors.ConflictError:
            transaction.abort()
        print(ada.balance)
        """,
    )
    assert shown == "30\n1"

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.errors import ConflictError
from perdure.kernel.keys import decode, encode
from perdure.storage import Batch, VersionedStorage, merge, open_storage
from perdure.storage.spaces import CATALOG, COUNTERS

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.txt"))
VERDICTS = {"snapshot isolation", "declared reads", "declared requirements"}


def to_key(name: str) -> bytes:
    return encode((name,))


class Transaction:
    """One name of a script: a view and the batch that grows over it."""

    def __init__(self, storage: VersionedStorage) -> None:
        self.storage = storage
        self.view = storage.view()
        self.batch = Batch(self.view.state)
        self.puts = self.batch.puts.setdefault(CATALOG, {})

    def get(self, name: str) -> str:
        key = to_key(name)
        value = self.puts[key] if key in self.puts else self.view.get(CATALOG, key)
        counter = self.view.get(COUNTERS, b"\0")
        if value is None and counter is not None and name == "n":
            return str(merge.counter_value(counter))
        return "none" if value is None else value.decode()

    def scan(self) -> str:
        found = dict(self.view.scan(CATALOG)) | self.puts
        named = {key: value for key, value in sorted(found.items()) if value is not None}
        return " ".join(f"{decode_name(key)}={value.decode()}" for key, value in named.items())

    def put(self, name: str, value: str) -> None:
        self.puts[to_key(name)] = value.encode()

    def delete(self, name: str) -> None:
        self.puts[to_key(name)] = None

    def add(self, name: str, amount: str) -> None:
        assert name == "n"
        self.batch.merges[COUNTERS] = {b"\0": int(amount)}

    def read(self, name: str) -> None:
        self.batch.reads.setdefault(CATALOG, set()).add(to_key(name))

    def require(self, name: str) -> None:
        self.batch.required.setdefault(CATALOG, set()).add(to_key(name))

    def commit(self) -> str:
        try:
            return str(self.storage.commit(self.batch).state)
        except ConflictError as error:
            return type(error).__name__
        finally:
            self.abort()

    def abort(self) -> None:
        self.view.release()


def decode_name(key: bytes) -> str:
    return decode(key)[0]


def run(lines: list[str], storage: VersionedStorage) -> list[str]:
    """The lines with the answers that the storage gives."""
    running: dict[str, Transaction] = {}
    setup: Transaction | None = Transaction(storage)
    said = []
    for line in lines:
        command, arrow, _ = line.partition("->")
        name, verb, *arguments = command.split()
        if name == "setup":
            getattr(setup, verb)(*arguments)
            said.append(line)
            continue
        if setup is not None:
            setup.commit()
            setup = None
        if verb == "begin":
            running[name] = Transaction(storage)
            said.append(line)
            continue
        answer = getattr(running[name], verb)(*arguments)
        said.append(f"{command.strip()} -> {answer}".strip() if arrow or answer else line)
    return said


@pytest.mark.parametrize("engine", ["memory", "lmdb"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script, engine, tmp_path):
    lines = script.read_text().splitlines()
    commands = [line for line in lines if not line.startswith("#")]
    with open_storage(None if engine == "memory" else tmp_path / "script.db") as storage:
        assert run(commands, storage) == [line.strip() for line in commands]
        assert list(storage.verify()) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_each_script_says_what_prevents_its_anomaly(script):
    head = [line[1:].strip() for line in script.read_text().splitlines() if line.startswith("#")]
    verdict = head[-1]
    assert verdict == "not prevented" or verdict.removeprefix("prevented by: ") in VERDICTS
    assert len(head) > 1


def test_the_textbook_anomalies_are_there():
    names = {script.stem for script in SCRIPTS}
    assert names >= {
        "dirty_write", "dirty_read", "lost_update", "fuzzy_read", "phantom_read", "read_skew", "write_skew",
    }  # fmt: skip


def test_a_wrong_answer_fails_a_script():
    with open_storage(None) as storage:
        lines = ["setup put x 0", "a begin", "a get x -> 1"]
        assert run(lines, storage) == ["setup put x 0", "a begin", "a get x -> 0"]

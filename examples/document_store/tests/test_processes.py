"""Several processes at the store: writers, readers that follow them, and killed ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import perdure as db0
from document_store.__main__ import main
from document_store.store import Document, Tenant, prefix_of

EXAMPLES = Path(__file__).parents[2]


def run(directory: Path, *arguments: str, text: str = "") -> str:
    """What a command prints."""
    return CliRunner().invoke(main, ["--data", str(directory), *arguments], input=text).output


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments], cwd=EXAMPLES, stdout=subprocess.PIPE, text=True
    )


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_commands(tmp_path: Path) -> None:
    assert "not found" in run(tmp_path, "search", "acme")
    put = ("put", "acme", "animals", "-")
    assert run(tmp_path, *put, "--label", "zoo", text="a fox\n") == "animals: version 1, 6 bytes\n"
    assert run(tmp_path, *put, text="a dog\n") == "animals: version 2, 6 bytes\n"
    assert run(tmp_path, "search", "acme", "dog", "--label", "zoo") == "animals #zoo\n"
    assert run(tmp_path, "search", "acme", "fox") == ""
    assert run(tmp_path, "get", "acme", "animals") == "a dog\n"
    assert run(tmp_path, "get", "acme", "animals", "--version", "1") == "a fox\n"
    assert "has no version 3; it has 1, 2" in run(tmp_path, "get", "acme", "animals", "--version", "3")
    assert run(tmp_path, "quota", "acme", "--versions", "1", "--set", "10") == "6 of 10 bytes, 1 documents\n"
    assert "would use 12 of 10 bytes" in run(tmp_path, *put, text="a cat\n")
    assert run(tmp_path, "move", "animals", "acme", "umbra") == ""
    assert run(tmp_path, "search", "umbra") == "animals #zoo\n"
    assert run(tmp_path, "remove", "umbra", "animals") == ""
    assert run(tmp_path, "quota", "umbra") == "0 of 1000000 bytes, 0 documents\n"


def test_a_reader_in_another_process_hears_of_everything(tmp_path: Path) -> None:
    run(tmp_path, "quota", "acme", "--set", "1000")
    with start("-m", "document_store", "--data", str(tmp_path), "follow", "acme", "--since", "1") as reader:
        heard = []
        for arguments, text in [
            (("put", "acme", "a", "-"), "one"),
            (("put", "acme", "b", "-"), "two"),
            (("put", "acme", "a", "-"), "three"),
            (("remove", "acme", "b"), ""),
        ]:
            run(tmp_path, *arguments, text=text)
            heard.append(hear(reader))
        reader.kill()
    assert heard == ["new: a", "new: b", "changed: a, version 2", "gone: b"]


def test_writers_of_one_tenant_wait_for_each_other(tmp_path: Path) -> None:
    writers = [
        start("-m", "document_store", "--data", str(tmp_path), "put", "acme", f"text{number}", __file__)
        for number in range(3)
    ]
    for writer in writers:
        with writer:
            assert "version 1" in hear(writer)
        assert writer.returncode == 0
    assert sorted(run(tmp_path, "search", "acme", "writers").split()) == ["text0", "text1", "text2"]


MOVER = """
import sys
import perdure as db0
from document_store.store import Tenant, move

db0.init(sys.argv[1], autocommit=False)
acme, umbra = Tenant("acme"), Tenant("umbra")
for number in range(5):
    acme.put(f"text{number}", "some words " * number, "label")
db0.commit()
turn = 0
while True:
    for name in [*acme.documents]:
        move(name, acme, umbra)
        db0.commit()
        turn += 1
        print(turn, flush=True)
    acme, umbra = umbra, acme
"""


@pytest.mark.parametrize("heard", [1, 7, 22])
def test_after_a_kill_each_document_is_at_one_tenant(tmp_path: Path, heard: int) -> None:
    with start("-c", MOVER, str(tmp_path)) as mover:
        for turn in range(1, heard + 1):
            assert hear(mover) == str(turn)
        mover.kill()
        assert mover.stdout is not None
        heard += sum(line.endswith("\n") for line in mover.stdout)
    db0.init(tmp_path, autocommit=False)
    try:
        tenants = [Tenant("acme"), Tenant("umbra")]
        assert sorted(name for tenant in tenants for name in tenant.documents) == [f"text{one}" for one in range(5)]
        for tenant in tenants:
            assert tenant.used == sum(document.size for document in tenant.documents.values())
            assert len(db0.find(Document, prefix=prefix_of(tenant.name))) == len(tenant.documents)
            assert len(tenant.search("", "label")) == len(tenant.documents)
        states = [db0.get_state_num(prefix_of(tenant.name), finalized=True) for tenant in tenants]
        assert min(states) >= heard
    finally:
        db0.close()

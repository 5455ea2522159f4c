"""The vectors of docs/format.md, section "Storage", are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perdure.engine.shared_memory import SharedMemory
from perdure.kernel import versions
from perdure.kernel.keys import encode_uint
from perdure.storage import SPACES, Batch, LogEntry, open_storage
from perdure.storage import log as storage_log
from perdure.storage.meta import FORMAT
from perdure.storage.spaces import META, RECORDS

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text().partition("\n## Storage\n")[2]


def rows(title: str, columns: int) -> list[list[str]]:
    """The table rows with so many columns below a heading, without backquotes."""
    section = re.split(r"^### ", PAGE, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(title + "\n"))
    cells = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return [row for row in cells if len(row) == columns and set(row[0]) != {"-"}]


def to_bytes(text: str) -> bytes:
    """The bytes of `01 ff*3`."""
    out = b""
    for part in text.split():
        byte, _, count = part.partition("*")
        out += bytes.fromhex(byte) * int(count or 1)
    return out


def vectors(title: str, columns: int, is_vector) -> list[list[str]]:
    found = [row for row in rows(title, columns) if is_vector(row)]
    assert found
    return found


SUFFIXES = vectors("Physical keys", 2, lambda row: re.fullmatch(r"[\d*\- ]+", row[0]))
SEALED = vectors("Stored values", 7, lambda row: row[0].isdigit())
ENTRIES = vectors("Log", 2, lambda row: row[0].startswith("LogEntry("))


@pytest.mark.parametrize(("state", "suffix"), SUFFIXES)
def test_suffix(state, suffix):
    assert versions.suffix(eval(state)) == to_bytes(suffix)


@pytest.mark.parametrize("row", SEALED, ids=str)
def test_stored_value(row):
    space, state = int(row[0]), int(row[2])
    key, kind, value, physical, stored = (to_bytes(row[column]) for column in (1, 3, 4, 5, 6))
    assert versions.seal(key, state, kind[0], value, space) == (physical, stored)


def _written(space, changed):
    if SPACES[space].log != "ids":
        return changed
    return [encode_uint(number) for first, count in changed for number in range(first, first + count)]


@pytest.mark.parametrize(("entry", "data"), ENTRIES)
def test_log_entry(entry, data):
    made = eval(entry, {"LogEntry": LogEntry})
    written = {space: _written(space, changed) for space, changed in made.changes.items()}
    assert storage_log.encode(made, written) == to_bytes(data)
    assert storage_log.decode(made.state, to_bytes(data)) == made


def test_the_table_of_spaces_is_that_of_the_code():
    documented = [
        (int(number), name, versioned == "yes", merge or None, named or None)
        for number, name, versioned, _, _, merge, named in vectors("Spaces", 7, lambda row: row[0].isdigit())
    ]
    assert documented == [(space.id, space.name, space.versioned, space.merge, space.log) for space in SPACES]


def test_every_key_of_meta_is_documented(tmp_path):
    documented = [
        re.escape(row[0]).replace("<name>", ".+").replace("<transaction\\ id>", ".+") for row in rows("META", 2)
    ]
    with open_storage(tmp_path / "test.db") as storage:
        storage.commit(Batch(0, {RECORDS: {b"\1": b"x"}}))
        storage.pack(1)
        storage.reserve("oid", 1)
        storage.prepare(Batch(1), b"id")
    with open_storage(tmp_path / "test.db") as storage:
        found = [key.decode() for key, _ in storage.view().scan(META)]
    assert len(found) == 6
    assert [key for key in found if not any(re.fullmatch(pattern, key) for pattern in documented)] == []
    assert f"`{FORMAT}`, the number of this format" in PAGE


def test_the_files_beside_the_database_are_documented(tmp_path):
    with open_storage(tmp_path / "test.db") as storage:
        storage.view()
        names = {path.name.replace("test.db", "<path>") for path in tmp_path.iterdir()} - {"<path>"}
    assert names <= {row[0] for row in rows("Files", 2)}
    assert names == {"<path>-lock", "<path>-shared", "<path>.lock"}


def test_the_shared_file_is_as_documented(tmp_path):
    memory = SharedMemory(str(tmp_path / "x-shared"))
    memory.pin(6)
    content = (tmp_path / "x-shared").read_bytes()
    assert content[:8] == b"perdureS"
    assert int.from_bytes(content[64:72], "little") == 7
    assert len(content) == 64 + 2 * 512 * 8
    memory.close()

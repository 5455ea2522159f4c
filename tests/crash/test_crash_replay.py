from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from crash_images import SIDE_FILES, trace
from crash_replay import SECTOR, Effort, Replay, images
from crash_tracing import Event, build_library, record

CREATE = Event("C", False, "file", 0, b"")
SYNC = Event("S", False, "file", 0, b"")
SYNC_NAMES = Event("S", False, ".", 0, b"")


def write(data: bytes, offset: int = 0, synced: bool = False) -> Event:
    return Event("W", synced, "file", offset, data)


def contents(events: list[Event], samples: int = 50) -> set[bytes | None]:
    return {image.disk.get("file") for image in images(events, Random(1), Effort(4, samples))}


def test_what_was_synced_is_on_every_later_disk():
    replay = Replay()
    for event in (CREATE, SYNC_NAMES, write(b"old"), SYNC, write(b"new")):
        replay.apply(event)
    assert replay.disk([]) == {"file": b"old"}
    assert replay.disk(replay.pending) == {"file": b"new"}


def test_writes_between_two_syncs_reach_the_disk_in_any_order():
    a, b = b"a" * SECTOR, b"b" * SECTOR
    found = contents([CREATE, SYNC_NAMES, write(b"." * 2 * SECTOR), SYNC, write(a), write(b, SECTOR), SYNC])
    dots = b"." * SECTOR
    assert {dots + dots, a + dots, dots + b, a + b} <= found


def test_a_write_is_torn_between_sectors_and_never_within_one():
    old, new = b"o" * 4 * SECTOR, b"n" * 4 * SECTOR
    events = [CREATE, SYNC_NAMES, write(old), SYNC, write(new), SYNC]
    found = {image.disk["file"] for image in images(events, Random(1), Effort(4, 50)) if image.index >= 3}
    assert len(found) > 4
    for content in found:
        for start in range(0, len(content), SECTOR):
            assert len(set(content[start : start + SECTOR])) == 1


def test_a_sector_written_twice_may_hold_the_version_between():
    first, second = b"1" * SECTOR, b"2" * SECTOR
    events = [CREATE, SYNC_NAMES, write(b"0" * SECTOR), SYNC, write(first), write(second), SYNC]
    assert {b"0" * SECTOR, first, second} <= contents(events)


def test_a_write_through_a_syncing_descriptor_is_durable_without_what_came_before():
    last = [CREATE, SYNC_NAMES, write(b"." * 2 * SECTOR), SYNC, write(b"a" * SECTOR)]
    found = contents([*last, write(b"b" * SECTOR, SECTOR, synced=True)])
    assert b"." * SECTOR + b"b" * SECTOR in found


def test_the_name_of_a_new_file_may_be_lost_until_its_directory_is_synced():
    assert None in contents([CREATE, write(b"data"), SYNC])
    events = [CREATE, SYNC_NAMES, write(b"data"), SYNC]
    later = [image.disk for image in images(events, Random(1), Effort(4, 5)) if image.index > 1]
    assert later and all("file" in disk for disk in later)


def test_a_rename_is_seen_wholly_or_not():
    rename = Event("R", False, "file", 0, b"/somewhere/other")
    events = [CREATE, write(b"data"), SYNC, SYNC_NAMES, rename, SYNC_NAMES]
    found = [image.disk for image in images(events, Random(1), Effort(4, 5)) if image.index >= 3]
    assert {tuple(disk) for disk in found} == {("file",), ("other",)}


def test_sectors_never_written_hold_zeros_or_anything():
    events = [CREATE, SYNC_NAMES, write(b"n" * 2 * SECTOR), SYNC]
    second = {content[SECTOR:] for content in contents(events, 200) if content and content[:SECTOR] == b"n" * SECTOR}
    assert bytes(SECTOR) in second
    assert b"n" * SECTOR in second
    assert len(second) > 3


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = build_library(tmp_path_factory.mktemp("library"))
    if found is None:
        pytest.skip("there is no C compiler, or no Linux")
    return found


def test_every_way_to_write_is_recorded(library: Path, tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "path = sys.argv[1]\n"
        "file = os.open(path, os.O_RDWR | os.O_CREAT)\n"
        "os.write(file, b'one'); os.pwrite(file, b'two', 3); os.writev(file, [b'th', b'ree'])\n"
        "os.pwritev(file, [b'fo', b'ur'], 20); os.fsync(file); os.ftruncate(file, 22)\n"
        "synced = os.open(path, os.O_WRONLY | os.O_DSYNC); os.pwrite(synced, b'!', 0)\n"
        "os.link(path, path + 'b'); os.rename(path + 'b', path + 'c'); os.unlink(path + 'c')\n"
        "directory = os.open(os.path.dirname(path), os.O_RDONLY); os.fsync(directory)\n"
    )
    events = record(library, tmp_path / "file", [str(program), str(tmp_path / "file")])
    assert [(event.kind, event.synced, event.path, event.offset, event.data) for event in events] == [
        ("C", False, "file", 0, b""),
        ("W", False, "file", 0, b"one"),
        ("W", False, "file", 3, b"two"),
        ("W", False, "file", 3, b"three"),
        ("W", False, "file", 20, b"four"),
        ("S", False, "file", 0, b""),
        ("T", False, "file", 22, b""),
        ("W", True, "file", 0, b"!"),
        ("L", False, "file", 0, str(tmp_path / "fileb").encode()),
        ("R", False, "fileb", 0, str(tmp_path / "filec").encode()),
        ("U", False, "filec", 0, b""),
        ("S", False, ".", 0, b""),
    ]


def test_the_trace_of_a_database_is_complete(library: Path, tmp_path: Path):
    # The replay of all that was recorded gives the file byte for byte; nothing went past the recorder.
    events, replay = trace(tmp_path, 1, 4), Replay()
    for event in events:
        if event.kind != "N":
            replay.apply(event)
    assert replay.disk(replay.pending) == {
        path.name: path.read_bytes() for path in tmp_path.glob("t.db0*") if path.name not in SIDE_FILES
    }


def test_what_must_be_written_whole_lies_in_one_sector(library: Path, tmp_path: Path):
    metas = [event for event in trace(tmp_path, 1, 2) if event.synced]
    assert len(metas) > 5
    for event in metas:
        assert event.offset // SECTOR == (event.offset + len(event.data) - 1) // SECTOR

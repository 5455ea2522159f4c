from __future__ import annotations

import os
from pathlib import Path

import pytest

from perdure.engine.lmdb import LmdbEngine
from perdure.engine.lmdb_creation import make_file


def content(path: Path) -> bytes | None:
    engine = LmdbEngine(path, range(2), create=False)
    try:
        return engine.begin().get(1, b"key")
    finally:
        engine.close()


def fill(path: Path) -> None:
    engine = LmdbEngine(path, range(2))
    transaction = engine.begin(write=True)
    transaction.put_many(1, [(b"key", b"value")])
    transaction.commit()
    engine.close()


def test_a_new_file_has_its_spaces_and_nothing_lies_beside_it(tmp_path):
    make_file(str(tmp_path / "new.db"), range(2))
    assert os.listdir(tmp_path) == ["new.db"]
    assert content(tmp_path / "new.db") is None


def test_what_an_interrupted_attempt_left_is_in_nobodys_way(tmp_path):
    (tmp_path / "new.db-new").write_bytes(b"a part of a file")
    fill(tmp_path / "new.db")
    assert content(tmp_path / "new.db") == b"value"
    assert not (tmp_path / "new.db-new").exists()


def test_a_file_with_content_is_left_alone(tmp_path):
    fill(tmp_path / "old.db")
    before = (tmp_path / "old.db").read_bytes()
    make_file(str(tmp_path / "old.db"), range(2))
    assert (tmp_path / "old.db").read_bytes() == before


def test_an_empty_file_becomes_a_database(tmp_path):
    (tmp_path / "empty.db").touch()
    fill(tmp_path / "empty.db")
    assert content(tmp_path / "empty.db") == b"value"


def test_a_link_to_a_missing_file_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "file.db")
    fill(tmp_path / "link.db")
    assert (tmp_path / "link.db").is_symlink()
    assert content(tmp_path / "real" / "file.db") == b"value"


def test_a_failed_attempt_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("no rename")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no rename"):
        make_file(str(tmp_path / "new.db"), range(2))
    assert os.listdir(tmp_path) == []

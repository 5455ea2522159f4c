from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

import perdure as db0
from perdure.cli import main
from perdure.kernel import durable
from perdure.session import Database, set_root
from perdure.storage import Batch, open_storage
from perdure.storage.spaces import REFCOUNTS

MARK = b"a value that is easily found in the file"


def verify(path: Path) -> Result:
    return CliRunner().invoke(main, ["verify", str(path)])


def make_database(path: Path) -> Path:
    database = Database.open(path)
    connection = database.connect()
    durable.set_ambient(connection)
    set_root(connection, "root", db0.dict({"mark": MARK, "inner": [1, 2], "large": dict.fromkeys(range(200))}))
    durable.set_ambient(None)
    connection.commit()
    connection.close()
    database.close()
    return path


def test_a_sound_database_has_no_problems(tmp_path: Path) -> None:
    path = make_database(tmp_path / "sound.db0")
    result = verify(path)
    assert (result.exit_code, result.stdout) == (0, f"{path}: no problems\n")


def test_verifying_changes_nothing(tmp_path: Path) -> None:
    path = make_database(tmp_path / "sound.db0")
    before = path.read_bytes()
    verify(path)
    assert path.read_bytes() == before


def test_a_count_that_does_not_agree_with_the_references_is_a_problem(tmp_path: Path) -> None:
    path = make_database(tmp_path / "miscounted.db0")
    storage = open_storage(path)
    storage.commit(Batch(base=storage.last_state, merges={REFCOUNTS.id: {b"\x01": 1}}))
    storage.close()
    result = verify(path)
    assert (result.exit_code, "1 problem\n" in result.stdout) == (1, True)


def test_damage_is_reported_and_exits_with_1(tmp_path: Path) -> None:
    path = make_database(tmp_path / "damaged.db0")
    content = path.read_bytes()
    assert MARK in content
    path.write_bytes(content.replace(MARK, MARK.upper()))
    result = verify(path)
    assert result.exit_code == 1
    assert f"{path}: " in result.output
    assert "Traceback" not in result.output


def test_all_databases_of_a_directory_are_verified(tmp_path: Path) -> None:
    (tmp_path / "nested").mkdir()
    paths = [make_database(tmp_path / "a.db0"), make_database(tmp_path / "nested" / "b.db0")]
    result = verify(tmp_path)
    assert (result.exit_code, result.stdout) == (0, "".join(f"{path}: no problems\n" for path in paths))


def test_one_damaged_database_of_a_directory_does_not_hide_the_others(tmp_path: Path) -> None:
    damaged, sound = make_database(tmp_path / "a.db0"), make_database(tmp_path / "b.db0")
    damaged.write_bytes(damaged.read_bytes().replace(MARK, MARK.upper()))
    result = verify(tmp_path)
    assert result.exit_code == 1
    assert f"{sound}: no problems\n" in result.output


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.db0"
    path.write_text("not a database" * 1000)
    result = verify(path)
    assert result.exit_code == 1
    assert "notes.db0" in result.output
    assert "Traceback" not in result.output


def test_a_directory_without_databases_is_an_error(tmp_path: Path) -> None:
    result = verify(tmp_path)
    assert (result.exit_code, result.stderr) == (1, f"Error: {tmp_path}: no databases there\n")


def test_a_missing_path_is_an_error_and_makes_nothing(tmp_path: Path) -> None:
    assert verify(tmp_path / "nowhere.db0").exit_code == 2
    assert not list(tmp_path.iterdir())

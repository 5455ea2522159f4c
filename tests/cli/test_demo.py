from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import perdure as db0
from conftest import catalogue_text, index_text, keep_index, paragraph
from perdure.cli import main
from perdure.cli.demo import database
from perdure.cli.demo.model import Catalogue, Version, tag
from perdure.cli.demo.questions import closure
from perdure.cli.demo.sources import find_sources
from perdure.cli.demo.upgrade import UpgradeError, upgrade


def demo(path: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["demo", "--path", str(path), *map(str, arguments)])


def demo_json(path: Path, *arguments: str | Path) -> dict[str, Any]:
    result = demo(path, "--json", *arguments)
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def contents(path: Path) -> dict[str, bytes]:
    """The data files; lock and notice files beside them change with each open."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*.db0")}


def counts(report: dict[str, Any], moment: str) -> list[int]:
    return [question[moment]["count"] for question in report["questions"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "demo"


@pytest.fixture
def catalogue(path: Path, packages: Path) -> Iterator[Catalogue]:
    """The small catalogue, loaded and open."""
    database.load_into(path, find_sources(packages), None, lambda position, entries: None)
    yield database.open_catalogue(path)
    db0.close()


def test_the_first_run_loads_and_the_second_opens(path: Path, packages: Path) -> None:
    first = demo_json(path, "--source", packages)
    second = demo_json(path)
    assert (first["loaded_now"], second["loaded_now"]) == (True, False)
    assert first["loading"] == second["loading"]
    # versions, packages ("gone" and "mailer" have none), maintainers, sections
    assert first["loading"]["objects"] == 9 + 11 + 2 + 4
    assert first["loading"]["sources"] == [str(packages)]
    assert first["loading"]["plain_bytes"] == packages.stat().st_size


def test_a_second_run_needs_no_source(path: Path, packages: Path) -> None:
    demo_json(path, "--source", packages)
    packages.unlink()
    assert demo_json(path)["loaded_now"] is False


def test_the_same_source_is_not_loaded_again(path: Path, packages: Path) -> None:
    demo_json(path, "--source", packages)
    assert demo_json(path, "--source", packages)["loaded_now"] is False


def test_another_source_is_loaded_in_place_of_the_old(path: Path, packages: Path, tmp_path: Path) -> None:
    demo_json(path, "--source", packages)
    other = tmp_path / "other"
    other.write_bytes(index_text(paragraph("single")))
    report = demo_json(path, "--source", other)
    assert (report["loaded_now"], report["topic"]["package"]) == (True, "single")


def test_a_limit_takes_the_first_entries(path: Path, packages: Path) -> None:
    report = demo_json(path, "--source", packages, "--limit", "2")
    assert (report["loading"]["limit"], report["loaded_now"]) == (2, True)
    assert demo_json(path, "--source", packages, "--limit", "2")["loaded_now"] is False
    assert demo_json(path, "--source", packages, "--limit", "3")["loaded_now"] is True


def test_questions_are_answered_before_and_after_the_upgrade_and_as_of_before(
    path: Path, packages: Path
) -> None:
    report = demo_json(path, "--source", packages, "--package", "app")
    needed = report["questions"][4]
    assert needed["before"]["first"] == ["base", "lib-a", "lib-b", "lib-c", "loader"]
    assert needed["before"]["count"] == 6
    assert needed["after"]["count"] == 7
    assert needed["past"] == needed["before"] | {"seconds": needed["past"]["seconds"]}
    assert counts(report, "past") == counts(report, "before") != counts(report, "after")
    assert report["past_kept"]


def test_the_refused_upgrade_leaves_nothing(path: Path, packages: Path) -> None:
    upgraded = demo_json(path, "--source", packages, "--package", "app")["upgrade"]
    assert upgraded["packages"] == 7
    assert upgraded["refused"].startswith("app 2.0-1+demo2 needs demo-runtime-2 (>= 2.0)")
    assert upgraded["rolled_back"]
    assert upgraded["state_after"] == upgraded["state_before"] + 1


def test_every_run_upgrades_anew(path: Path, packages: Path) -> None:
    demo_json(path, "--source", packages, "--package", "app")
    upgraded = demo_json(path, "--package", "app")["upgrade"]
    assert "app 2.0-1+demo3 needs demo-runtime-3" in upgraded["refused"]


def test_who_depends_on_a_package_is_found_directly_and_over_others(path: Path, packages: Path) -> None:
    report = demo_json(path, "--source", packages, "--package", "lib-a")
    direct, transitive = (question["before"]["first"] for question in report["questions"][5:])
    assert direct == ["app", "lib-b"]
    assert transitive == ["app", "lib-b", "lib-c"]


def test_large_and_largest_packages_come_from_the_indexes(path: Path, packages: Path) -> None:
    questions = demo_json(path, "--source", packages)["questions"]
    assert questions[2]["before"]["first"][:2] == ["lib-a (300 KiB)", "lib-b (200 KiB)"]
    assert questions[3]["before"]["first"] == ["base"]


def test_the_report_for_people_has_its_parts(path: Path, packages: Path) -> None:
    first, second = demo(path, "--source", packages), demo(path)
    assert (first.exit_code, second.exit_code) == (0, 0)
    for part in ("loaded in this run", "objects/s", "commits/s", "private", "of the text", "opening it"):
        assert part in first.stdout
    for part in ("Upgrade of", "Refused upgrade", "rolled back, all answers as before it: yes", str(path)):
        assert part in first.stdout
    assert "loaded in an earlier run" in second.stdout


def test_all_indexes_that_apt_keeps_are_loaded(path: Path, system: Path) -> None:
    keep_index(system, catalogue_text(), ".lz4")
    keep_index(system, index_text(paragraph("more")), ".gz", name="x_dists_sid_main_binary-all_Packages")
    report = demo_json(path, "--root", system)
    assert len(report["loading"]["sources"]) == 2
    database.open_catalogue(path)
    try:
        assert len(db0.find(Version, tag("suite", "bookworm"))) == 9 + 1
        assert [version.package.name for version in db0.find(Version, tag("suite", "sid"))] == ["more"]
    finally:
        db0.close()


def test_a_version_in_two_suites_is_one_object_with_both_tags(path: Path, system: Path) -> None:
    keep_index(system, index_text(paragraph("a")), name="x_dists_one_main_binary-amd64_Packages")
    keep_index(system, index_text(paragraph("a")), name="x_dists_two_main_binary-amd64_Packages")
    database.load_into(path, find_sources(root=system), None, lambda position, entries: None)
    database.open_catalogue(path)
    try:
        assert list(db0.find(Version, tag("suite", "one"))) == list(db0.find(Version, tag("suite", "two")))
        (version,) = db0.fetch(Catalogue).packages["a"].versions
        assert tuple(version.suites) == ("one", "two")
    finally:
        db0.close()


def test_the_status_file_is_loaded_where_there_are_no_indexes(path: Path, system: Path) -> None:
    status = system / "var/lib/dpkg/status"
    status.write_bytes(index_text(paragraph("a", Status="install ok installed", Filename=None, Size=None)))
    assert demo_json(path, "--root", system)["loading"]["sources"] == [str(status)]


def test_no_source_at_all_is_an_error_that_makes_nothing(path: Path, system: Path) -> None:
    result = demo(path, "--root", system)
    assert result.exit_code == 1
    assert "no package indexes in" in result.stderr
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", catalogue_text()[:-5], catalogue_text() + b"\nPackage: half\n", b"\x00" * 100],
    ids=["empty", "blank", "cut off", "half a package", "zeros"],
)
def test_a_damaged_source_leaves_the_database_as_it_was(
    path: Path, packages: Path, tmp_path: Path, text: bytes
) -> None:
    demo_json(path, "--source", packages)
    before = contents(path)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(text)
    result = demo(path, "--source", damaged)
    assert result.exit_code == 1
    assert f"Error: {damaged}: " in result.stderr
    assert result.stdout == ""
    assert contents(path) == before
    assert demo_json(path)["loaded_now"] is False


def test_a_damaged_source_makes_no_database(path: Path, packages: Path) -> None:
    packages.write_bytes(catalogue_text()[:-5])
    assert demo(path, "--source", packages).exit_code == 1
    assert not path.parent.exists()


def test_a_missing_source_is_an_error_also_where_there_is_a_database(path: Path, packages: Path) -> None:
    demo_json(path, "--source", packages)
    before = contents(path)
    result = demo(path, "--source", packages.with_name("nowhere"))
    assert (result.exit_code, contents(path)) == (1, before)
    assert "nowhere: no such file" in result.stderr


def test_an_unknown_package_is_an_error_and_nothing_is_upgraded(path: Path, packages: Path) -> None:
    demo_json(path, "--source", packages)
    for name in ("gone", "never-heard-of"):
        result = demo(path, "--package", name)
        assert result.exit_code == 1
        assert f"no version of the package '{name}'" in result.stderr
    assert demo_json(path, "--package", "app")["upgrade"]["refused"].startswith("app 2.0-1+demo3")


def test_a_database_that_is_not_the_demos_is_left_alone(path: Path, packages: Path) -> None:
    path.mkdir(parents=True)
    db0.init(str(path), prefix=database.PREFIX)
    db0.close()
    before = contents(path)
    for arguments in ([], ["--source", packages]):
        result = demo(path, *arguments)
        assert result.exit_code == 1
        assert "not the demo's" in result.stderr
    assert contents(path).keys() == before.keys()


def test_other_files_beside_the_database_are_left_alone(path: Path, packages: Path, tmp_path: Path) -> None:
    path.mkdir(parents=True)
    (path / "notes").write_text("mine")
    demo_json(path, "--source", packages)
    demo_json(path, "--source", packages, "--limit", "3")
    assert (path / "notes").read_text() == "mine"
    assert not list(path.glob(".loading-*"))


def test_leftovers_of_a_killed_load_are_removed_by_the_next(path: Path, packages: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    leftover = path / f".loading-{dead.pid}"
    running = path / f".loading-{os.getppid()}"
    for directory in (leftover, running):
        directory.mkdir(parents=True)
    demo_json(path, "--source", packages)
    assert (leftover.exists(), running.exists()) == (False, True)


def test_an_upgrade_replaces_the_versions_and_their_tags(catalogue: Catalogue) -> None:
    lib_a = catalogue.packages["lib-a"]
    upgrade(catalogue, ["lib-a"])
    (version,) = lib_a.versions
    assert version.number == "1.5-1+demo1"
    assert version.installed_size == 330
    assert len(db0.find(Version, db0.as_tag(catalogue.packages["loader"]))) == 1
    assert closure(db0, "lib-a") == {"base", "loader", "demo-runtime-1"}


def test_a_refused_upgrade_changes_nothing(catalogue: Catalogue) -> None:
    old = catalogue.packages["lib-a"].newest
    versions = len(db0.find(Version))
    with pytest.raises(UpgradeError, match=r"lib-a 1.5-1\+demo1 needs demo-runtime-1 \(>> 1.0\).* has 1.0"):
        upgrade(catalogue, ["lib-a", "base"], ">> 1.0")
    assert catalogue.packages["lib-a"].newest is old
    assert (catalogue.upgrades, len(db0.find(Version))) == (0, versions)
    assert "demo-runtime-1" not in catalogue.packages


def test_a_closure_takes_the_first_alternative_there_is_and_providers_of_virtual_packages(
    catalogue: Catalogue,
) -> None:
    assert closure(db0, "app") == {"lib-a", "base", "loader", "lib-b", "lib-c", "postbox"}


def run_process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perdure.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def test_processes_share_the_database_in_the_users_data_directory(packages: Path, tmp_path: Path) -> None:
    first = run_process("demo", "--source", packages, "--json", XDG_DATA_HOME=str(tmp_path))
    second = run_process("demo", "--json", XDG_DATA_HOME=str(tmp_path))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert json.loads(second.stdout)["path"] == str(tmp_path / "perdure" / "demo")
    assert json.loads(second.stdout)["loaded_now"] is False


def test_a_process_with_a_damaged_source_says_so_in_one_line(path: Path, packages: Path) -> None:
    packages.write_bytes(b"\x7fELF")
    process = run_process("demo", "--path", path, "--source", packages)
    assert process.returncode == 1
    assert process.stderr.splitlines() == [
        f"Error: {packages}: line 1 is no package data: b'\\x7fELF'",
    ]


def test_a_killed_load_leaves_the_old_catalogue_and_the_next_load_works(path: Path, packages: Path) -> None:
    demo_json(path, "--source", packages)
    large = packages.with_name("large")
    large.write_bytes(index_text(*(paragraph(f"package-{number}") for number in range(20_000))))
    command = [sys.executable, "-m", "perdure.cli", "demo", "--path", str(path), "--source", str(large)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not list(path.glob(".loading-*")) and process.poll() is None:
            pass
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    report = demo_json(path)
    assert (report["loaded_now"], report["loading"]["sources"]) == (False, [str(packages)])
    assert demo_json(path, "--source", large, "--limit", "10")["loaded_now"] is True
    assert not list(path.glob(".loading-*"))

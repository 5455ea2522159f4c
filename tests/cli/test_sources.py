from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import COMPRESSORS, INDEX_NAME, catalogue_text, index_text, keep_index, paragraph
from perdure.cli.demo.entries import Alternative, Entry, read_entries
from perdure.cli.demo.sources import Source, SourceError, find_sources, read_lines


def read(path: Path) -> list[Entry]:
    return [entry for source in find_sources(path) for entry in read_entries(source)]


def read_text(tmp_path: Path, text: bytes) -> list[Entry]:
    path = tmp_path / "some_Packages"
    path.write_bytes(text)
    return read(path)


def test_all_indexes_of_apt_are_read_before_the_status_file(system: Path) -> None:
    first = keep_index(system, catalogue_text(), ".lz4")
    second = keep_index(
        system, catalogue_text(), ".xz", name=INDEX_NAME.replace("main", "contrib"), release=False
    )
    (system / "var/lib/dpkg/status").write_bytes(catalogue_text())
    (first.parent / f"{INDEX_NAME}.diff_Index").write_text("other")
    assert [source.path for source in find_sources(root=system)] == [second, first]


def test_the_status_file_is_read_where_apt_keeps_no_index(system: Path) -> None:
    status = system / "var/lib/dpkg/status"
    status.write_bytes(b"")
    assert find_sources(root=system) == [Source(status, "installed")]


def test_a_system_with_neither_is_told_to_name_a_source(system: Path) -> None:
    with pytest.raises(SourceError, match=r"no package indexes in .*--source"):
        find_sources(root=system)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: no such file"):
        find_sources(tmp_path / "nowhere")


def test_a_directory_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a file"):
        find_sources(tmp_path)


@pytest.mark.parametrize(
    ("name", "suite"),
    [
        (INDEX_NAME, "bookworm"),
        ("x_debian-security_dists_bookworm-security_main_binary-all_Packages.lz4", "bookworm-security"),
        ("x_dists_stable_updates_non-free_binary-i386_Packages", "stable/updates"),
        ("x_dists_a%5fb_main_binary-amd64_Packages.gz", "a_b"),
        ("Packages.gz", "local"),
        ("status", "installed"),
    ],
)
def test_the_suite_is_read_from_the_name(tmp_path: Path, name: str, suite: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert find_sources(tmp_path / name)[0].suite == suite


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_every_compression_of_apt_gives_the_same_entries(system: Path, suffix: str) -> None:
    path = keep_index(system, catalogue_text(), suffix)
    assert [entry.name for entry in read(path)] == [
        *("app", "lib-a", "lib-b", "lib-c", "base", "loader", "postbox", "zpostbox", "island"),
    ]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_an_index_that_its_release_file_does_not_vouch_for_is_refused(system: Path, suffix: str) -> None:
    path = keep_index(system, catalogue_text(), suffix)
    path.write_bytes(COMPRESSORS[suffix](catalogue_text().replace(b"5000", b"6000", 1)))
    with pytest.raises(SourceError, match="SHA256 is not that in the release file"):
        read(path)


@pytest.mark.parametrize("suffix", [suffix for suffix in COMPRESSORS if suffix])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = COMPRESSORS[suffix](catalogue_text())
    path = tmp_path / f"Packages{suffix}"
    for length in (len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError, match="damaged or cannot be read"):
            read(path)


@pytest.mark.parametrize("suffix", [suffix for suffix in COMPRESSORS if suffix])
def test_a_file_that_is_not_what_its_suffix_says_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"Packages{suffix}"
    path.write_bytes(catalogue_text())
    with pytest.raises(SourceError, match="damaged or cannot be read"):
        read(path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_flipped_bit_is_an_error_or_gives_the_same_entries(
    system: Path, suffix: str, data: st.DataObject
) -> None:
    path = keep_index(system, catalogue_text(), suffix)
    expected = read(path)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        entries = read(path)
    except SourceError:
        return
    assert entries == expected


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300), st.sampled_from(list(COMPRESSORS)))
def test_any_bytes_give_entries_or_a_source_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"Packages{suffix}"
    path.write_bytes(content)
    try:
        entries = read(path)
    except SourceError as error:
        assert str(path) in str(error)
    else:
        assert all(entry.name for entry in entries)


def test_a_plain_file_cut_off_inside_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cut off inside its last line"):
        read_text(tmp_path, paragraph("a").encode()[:-1])


def test_a_plain_file_cut_off_between_lines_is_refused(tmp_path: Path) -> None:
    text = index_text(paragraph("whole"), paragraph("cut", Filename=None, Size=None))
    with pytest.raises(SourceError, match="package cut lacks Filename and Size"):
        read_text(tmp_path, text)


def test_a_line_that_is_no_field_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 3 is no package data: b'garbage"):
        read_text(tmp_path, b"Package: a\nVersion: 1\ngarbage\n")


def test_a_paragraph_without_known_fields_does_not_end_the_reading_silently(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a paragraph before b'Package: b"):
        read_text(tmp_path, index_text(paragraph("a"), "Homepage: nowhere\n", paragraph("b")))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 4 is not UTF-8"):
        read_text(tmp_path, paragraph("a", Maintainer="Zo\xeb <z@example.org>").encode("latin-1"))


@pytest.mark.parametrize("field", ["Package", "Version", "Architecture", "Maintainer"])
def test_a_package_without_a_necessary_field_is_refused(tmp_path: Path, field: str) -> None:
    with pytest.raises(SourceError, match=f"lacks {field}"):
        read_text(tmp_path, paragraph("a", **{field: None}).encode())


@pytest.mark.parametrize("size", ["many", "-1", "٣", "1.5"])
def test_a_size_that_is_no_number_is_refused(tmp_path: Path, size: str) -> None:
    with pytest.raises(SourceError, match="Installed-Size of package a is"):
        read_text(tmp_path, paragraph("a", Installed_Size=size).encode())


@pytest.mark.parametrize("relation", ["b (>= 1", "b c", "(= 1)", "b | | c"])
def test_a_relation_that_cannot_be_parsed_is_refused(tmp_path: Path, relation: str) -> None:
    with pytest.raises(SourceError, match="Depends of package a names"):
        read_text(tmp_path, paragraph("a", Depends=relation).encode())


def test_an_entry_has_what_its_paragraph_says(tmp_path: Path) -> None:
    text = paragraph(
        *("a", "1:2.0~rc1-3"),
        Depends="b (>= 1) | c [amd64], d:any (<< 2)",
        Pre_Depends="e (= 1:5), d:any (<< 2)",
        Provides="v (= 2), w",
        Essential="yes",
    )
    assert read_text(tmp_path, text.encode()) == [
        Entry(
            name="a",
            number="1:2.0~rc1-3",
            architecture="amd64",
            suite="local",
            maintainer="A Team",
            address="team@example.org",
            section="libs",
            priority="optional",
            essential=True,
            installed_size=100,
            download_size=5000,
            needs=(
                (Alternative("e", "= 1:5"),),
                (Alternative("d", "<< 2"),),
                (Alternative("b", ">= 1"), Alternative("c", "")),
            ),
            provides=("v", "w"),
        )
    ]


def test_what_a_paragraph_does_not_say_is_unknown(tmp_path: Path) -> None:
    text = paragraph("a", Section=None, Priority=None, Installed_Size=None, Maintainer="Nobody")
    (entry,) = read_text(tmp_path, text.encode())
    assert (entry.section, entry.priority, entry.installed_size) == ("unknown", "unknown", None)
    assert (entry.maintainer, entry.needs, entry.provides) == ("Nobody", (), ())


def test_of_the_status_file_only_installed_packages_are_read(tmp_path: Path) -> None:
    states = {"in": "install ok installed", "held": "hold ok installed", "gone": "deinstall ok config-files"}
    path = tmp_path / "status"
    path.write_bytes(
        index_text(
            *(paragraph(name, Status=state, Filename=None, Size=None) for name, state in states.items())
        )
    )
    assert [(entry.name, entry.suite, entry.download_size) for entry in read(path)] == [
        ("in", "installed", None),
        ("held", "installed", None),
    ]


def test_reading_tells_its_position_up_to_the_end(system: Path) -> None:
    path = keep_index(system, catalogue_text(), ".lz4")
    positions: list[tuple[int, int]] = []
    list(read_lines(find_sources(path)[0], lambda position, plain: positions.append((position, plain))))
    assert positions == sorted(positions)
    assert positions[-1] == (path.stat().st_size, len(catalogue_text()))


def test_an_unreadable_file_is_a_source_error(tmp_path: Path) -> None:
    path = tmp_path / "Packages"
    with pytest.raises(SourceError, match="cannot be opened"):
        list(read_lines(Source(path, "local")))

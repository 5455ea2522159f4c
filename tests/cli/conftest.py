"""Small package indexes in the shapes in which apt keeps real ones."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".bz2": bz2.compress,
    ".gz": gzip.compress,
    ".lz4": lz4.frame.compress,
    ".lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}
APP_NEEDS = "lib-a (>= 1.0), gone | lib-b, mailer"
INDEX_NAME = "deb.example.org_debian_dists_bookworm_main_binary-amd64_Packages"


def paragraph(name: str, number: str = "1.0-1", **fields: str | int | None) -> str:
    """One package of an index; a field of None is left out, `_` in a field's name stands for `-`."""
    contents: dict[str, str | int | None] = {
        "Package": name,
        "Version": number,
        "Installed-Size": 100,
        "Maintainer": "A Team <team@example.org>",
        "Architecture": "amd64",
        "Description": f"the package {name}\n more of it",
        "Section": "libs",
        "Priority": "optional",
        "Filename": f"pool/main/{name}_{number}.deb",
        "Size": 5000,
    }
    contents |= {field.replace("_", "-"): value for field, value in fields.items()}
    return "".join(f"{field}: {value}\n" for field, value in contents.items() if value is not None)


def index_text(*paragraphs: str) -> bytes:
    return "\n".join(paragraphs).encode()


def catalogue_text() -> bytes:
    """A catalogue in which `app` needs six packages: by alternatives, by a virtual one, over two others."""
    return index_text(
        paragraph(
            "app",
            "2.0-1",
            Section="games",
            Depends="lib-a (>= 1.0), gone | lib-b, mailer",
            Installed_Size=900,
        ),
        paragraph("lib-a", "1.5-1", Depends="base:any", Pre_Depends="loader", Installed_Size=300),
        paragraph("lib-b", Depends="lib-a, lib-c", Installed_Size=200, Priority="extra"),
        paragraph("lib-c", Depends="lib-b", Installed_Size=None, Architecture="all"),
        paragraph("base", Essential="yes", Section="admin", Priority="required", Size=200_000_000),
        paragraph("loader", Section="admin", Maintainer="Žofie <z@example.org>"),
        paragraph("postbox", Provides="mailer (= 3), sender", Section="mail"),
        paragraph("zpostbox", Provides="mailer", Section="mail"),
        paragraph("island", Depends=""),
    )


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A plain file with the small catalogue."""
    path = tmp_path / "Packages"
    path.write_bytes(catalogue_text())
    return path


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """The root of a system without indexes and without a status file."""
    root = tmp_path / "system"
    (root / "var/lib/apt/lists").mkdir(parents=True)
    (root / "var/lib/dpkg").mkdir()
    return root


def keep_index(
    system: Path, text: bytes, suffix: str = "", name: str = INDEX_NAME, release: bool = True
) -> Path:
    """Put an index where apt keeps it, with the release file that vouches for it."""
    lists = system / "var/lib/apt/lists"
    path = lists / f"{name}{suffix}"
    path.write_bytes(COMPRESSORS[suffix](text))
    if release:
        beginning, _, rest = name.partition("_main_")
        listed = f"main/{rest.replace('_', '/')}"
        lines = [f" {hashlib.md5(text).hexdigest()} {len(text)} {listed}"]
        lines.append(f" {hashlib.sha256(b'').hexdigest()} 0 main/other/Packages")
        lines.append(f" {hashlib.sha256(text).hexdigest()} {len(text)} {listed}")
        (lists / f"{beginning}_InRelease").write_text("\n".join(["Suite: stable", "SHA256:", *lines, ""]))
    return path

"""Where package indexes are found, and their lines, decompressed and checked.

apt keeps each index as `<server>_<path>_Packages`, plain or with the suffix of a compression, and beside it
the `Release` or `InRelease` file with the index's SHA256. Where that file is there, the index is held against
it: apt's `.lz4` carries no checksum of its own, so a flipped bit would otherwise pass as data.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

from perdure.cli.demo.compression import decompress, plain_name

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "APT_LISTS",
    "DPKG_STATUS",
    "OnPosition",
    "Source",
    "SourceError",
    "find_sources",
    "ignore_position",
    "read_lines",
]

APT_LISTS = Path("var/lib/apt/lists")
DPKG_STATUS = Path("var/lib/dpkg/status")
RELEASE_NAMES = ("InRelease", "Release")

_INDEX_NAME = re.compile(r"_dists_(?P<suite>.+)_[^_]+_binary-[^_]+_Packages$")
_DIGEST_LINE = re.compile(rb"^ ([0-9a-f]{64}) +\d+ (\S+)$", re.MULTILINE)
_LINE = re.compile(rb"[!-9;-~]+:|[ \t]|\r?\n")
_BUFFER_BYTES = 1 << 18

OnPosition = Callable[[int, int], None]


def ignore_position(position: int, plain: int) -> None:
    """Used where nobody follows the reading."""


class SourceError(Exception):
    """A source of package data is missing, unreadable or damaged; the text names the file and the place."""


@dataclass(frozen=True)
class Source:
    """One file of package data.

    `suite` labels what it lists ("bookworm", "installed"); `sha256` is what the release file says of the
    decompressed bytes, or None where nothing says it.
    """

    path: Path
    suite: str
    sha256: str | None = None

    @property
    def size_bytes(self) -> int:
        """Length of the file as it lies on disk."""
        return self.path.stat().st_size


def find_sources(chosen: Path | None = None, root: Path = Path("/")) -> list[Source]:
    """The files to read: `chosen`, else every index that apt keeps below `root`, else dpkg's status file.

    Raises SourceError when there is nothing to read.
    """
    if chosen is not None:
        if not chosen.is_file():
            raise SourceError(f"{chosen}: {'not a file' if chosen.exists() else 'no such file'}")
        return [_describe(chosen)]
    lists = root / APT_LISTS
    indexes = sorted(path for path in lists.glob("*_Packages*") if _is_index(path))
    if indexes:
        return [_describe(path) for path in indexes]
    status = root / DPKG_STATUS
    if not status.is_file():
        raise SourceError(
            f"no package indexes in {lists} and no {status}; name a Packages file with "
            "--source (Debian's mirrors hold one for each suite, component and architecture)"
        )
    return [_describe(status)]


def read_lines(source: Source, on_position: OnPosition = ignore_position) -> Iterator[bytes]:
    """The lines of a source, each checked to be a field, a continuation or blank.

    `on_position` is told now and then how many bytes are read, on disk and decompressed. Raises SourceError
    at the first line that cannot belong to a package index, at damage in the compression, and at the end when
    the checksum is not that of the release file.
    """
    try:
        file = source.path.open("rb")
    except OSError as error:
        raise SourceError(f"{source.path}: cannot be opened: {error.strerror}") from error
    with file:
        digesting = _Digesting(source, file, on_position)
        yield from _checked(source, io.BufferedReader(digesting, _BUFFER_BYTES))
        if source.sha256 not in (None, digesting.sha256.hexdigest()):
            raise SourceError(f"{source.path}: damaged: its SHA256 is not that in the release file beside it")


def _checked(source: Source, lines: io.BufferedReader) -> Iterator[bytes]:
    line = b"\n"
    for number, line in enumerate(lines, 1):
        if _LINE.match(line) is None:
            raise SourceError(f"{source.path}: line {number} is no package data: {line[:60]!r}")
        if not line.isascii():
            _check_text(source, number, line)
        yield line
    if not line.endswith(b"\n"):
        raise SourceError(f"{source.path}: cut off inside its last line: {line[:60]!r}")


def _check_text(source: Source, number: int, line: bytes) -> None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise SourceError(f"{source.path}: line {number} is not UTF-8: {line[:60]!r}") from error


def _is_index(path: Path) -> bool:
    return plain_name(path).endswith("_Packages") and path.is_file()


def _describe(path: Path) -> Source:
    name = plain_name(path)
    match = _INDEX_NAME.search(name)
    suite = "installed" if name == DPKG_STATUS.name else "local"
    if match:
        suite = unquote(match["suite"].replace("_", "/"))
    return Source(path, suite, _released_digest(path, name))


def _released_digest(path: Path, name: str) -> str | None:
    parts = name.split("_")
    for count in range(len(parts) - 1, 0, -1):
        for release in RELEASE_NAMES:
            beside = path.with_name("_".join([*parts[:count], release]))
            if beside.is_file():
                return _digest_in(beside, unquote("/".join(parts[count:])))
    return None


def _digest_in(release: Path, index: str) -> str | None:
    """SHA256 that a release file gives for an index; the 64 hexadecimal digits tell it from MD5 and SHA1."""
    for digest, listed in _DIGEST_LINE.findall(release.read_bytes()):
        if listed.decode(errors="replace") == index:
            return str(digest, "ascii")
    return None


class _Digesting(io.RawIOBase):
    """The plain bytes of a file: hashes what passes and tells the position in the file after each read."""

    def __init__(self, source: Source, file: BinaryIO, on_position: OnPosition) -> None:
        self._source = source
        self._file = file
        self._plain = decompress(source.path, file)
        self._on_position = on_position
        self._plain_bytes = 0
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        """True, as io.BufferedReader asks."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` with the next plain bytes; 0 at the end. SourceError on damage."""
        view = memoryview(buffer)
        try:
            data = self._plain.read(len(view))
        except Exception as error:  # each decompressor has its own kinds
            raise SourceError(f"{self._source.path}: damaged or cannot be read: {error}") from error
        view[: len(data)] = data
        self.sha256.update(data)
        self._plain_bytes += len(data)
        self._on_position(self._file.tell(), self._plain_bytes)
        return len(data)

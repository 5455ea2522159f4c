"""Package entries: what the demo takes from each paragraph of a source.

Paragraphs and relations are parsed by python-debian with its own parser: 63,000 entries in 7 s, most of the
demo's first run. The parser of python3-apt takes 0.1 s for the paragraphs, but it is a system package that
virtual environments do not see, and it cannot be given checked lines.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from functools import lru_cache

from debian.deb822 import Deb822, PkgRelation

from perdure.cli.demo.sources import OnPosition, Source, SourceError, ignore_position, read_lines

__all__ = ["Alternative", "Entry", "read_entries"]

REQUIRED = ("Package", "Version", "Architecture", "Maintainer")
# The last fields of a paragraph in indexes and in the status file: where they are missing, it was cut.
CLOSING = (("Filename", "Size"), ("Status",))
_FIELDS = [
    *REQUIRED,
    *("Filename", "Size", "Status"),
    *("Section", "Priority", "Essential", "Installed-Size", "Depends", "Pre-Depends", "Provides"),
]
_STRICT = {"whitespace-separates-paragraphs": False}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")

# What the parser warns of is raised here.
logging.getLogger("debian").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Alternative:
    """A package that meets a need, and the bound on its version (">= 2.34"), empty where any will do."""

    name: str
    bound: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one package, as its source describes it.

    `installed_size` is in KiB and `download_size` in bytes, None where the source does not say. `needs` holds
    Depends and Pre-Depends: each need is met by any of its alternatives. `provides` are names of virtual
    packages.
    """

    name: str
    number: str
    architecture: str
    suite: str
    maintainer: str
    address: str
    section: str
    priority: str
    essential: bool
    installed_size: int | None
    download_size: int | None
    needs: tuple[tuple[Alternative, ...], ...]
    provides: tuple[str, ...]


def read_entries(source: Source, on_position: OnPosition = ignore_position) -> Iterator[Entry]:
    """The entries of a source, in its order; of dpkg's status file only the packages that are installed.

    `on_position` is told now and then how many bytes are read, on disk and decompressed. Raises SourceError
    at the first paragraph that is damaged.
    """
    for paragraph in _paragraphs(source, on_position):
        _check_complete(source, paragraph)
        if paragraph.get("Status", " installed").endswith(" installed"):
            yield _entry(source, paragraph)


def _paragraphs(source: Source, on_position: OnPosition) -> Iterator[Deb822]:
    lines = read_lines(source, on_position)
    try:
        yield from Deb822.iter_paragraphs(lines, _FIELDS, strict=_STRICT)
    except ValueError as error:
        raise SourceError(f"{source.path}: damaged: {error}") from error
    # The parser ends at a paragraph without any known field; reading on checks the rest and the checksum.
    for line in lines:
        if not line.isspace():
            raise SourceError(f"{source.path}: damaged: a paragraph before {line[:60]!r} is no package")


def _check_complete(source: Source, paragraph: Deb822) -> None:
    missing = [field for field in REQUIRED if field not in paragraph]
    if not missing and not any(all(field in paragraph for field in fields) for fields in CLOSING):
        missing = list(CLOSING[0])
    if missing:
        name = paragraph.get("Package", "of no name")
        raise SourceError(f"{source.path}: damaged: package {name} lacks {' and '.join(missing)}")


def _entry(source: Source, paragraph: Deb822) -> Entry:
    maintainer, address = _person(paragraph["Maintainer"])
    needs = [*_relations(source, paragraph, "Pre-Depends"), *_relations(source, paragraph, "Depends")]
    provided = _relations(source, paragraph, "Provides")
    return Entry(
        name=paragraph["Package"],
        number=paragraph["Version"],
        architecture=paragraph["Architecture"],
        suite=source.suite,
        maintainer=maintainer,
        address=address,
        section=paragraph.get("Section", "unknown"),
        priority=paragraph.get("Priority", "unknown"),
        essential=paragraph.get("Essential") == "yes",
        installed_size=_number(source, paragraph, "Installed-Size"),
        download_size=_number(source, paragraph, "Size"),
        needs=tuple(dict.fromkeys(needs)),
        provides=tuple(dict.fromkeys(names[0].name for names in provided)),
    )


@lru_cache(maxsize=1 << 16)
def _person(text: str) -> tuple[str, str]:
    name, address = parseaddr(text)
    return name or text, address


def _number(source: Source, paragraph: Deb822, field: str) -> int | None:
    text = paragraph.get(field)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise SourceError(f"{source.path}: damaged: {field} of package {paragraph['Package']} is {text!r}")
    return int(text)


def _relations(source: Source, paragraph: Deb822, field: str) -> list[tuple[Alternative, ...]]:
    text = paragraph.get(field, "").strip(", \n")
    if not text:
        return []
    relations = []
    for parsed in PkgRelation.parse_relations(text):
        alternatives = [Alternative(each["name"], " ".join(each["version"] or ())) for each in parsed]
        for alternative in alternatives:
            if _NAME.fullmatch(alternative.name) is None:
                where = f"{field} of package {paragraph['Package']}"
                raise SourceError(f"{source.path}: damaged: {where} names {alternative.name[:60]!r}")
        relations.append(tuple(alternatives))
    return relations

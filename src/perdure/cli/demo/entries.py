"""Package entries: what the demo takes from each paragraph of a source.

Paragraphs and relations are parsed by python-debian, by its own parser: 63,000 paragraphs in 3.4 s, relations 2 s more.
Its other one, python3-apt's, needs 0.1 s for the paragraphs but is a system package outside virtual environments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parseaddr

from debian.deb822 import Packages, PkgRelation

from perdure.cli.demo.sources import Source, SourceError, read_lines

__all__ = ["Alternative", "Entry", "read_entries"]

REQUIRED = ("Package", "Version", "Architecture", "Maintainer")
# The last fields of a paragraph in indexes and in the status file: where they are missing, it was cut.
CLOSING = (("Filename", "Size"), ("Status",))
_FIELDS = [
    *REQUIRED,
    *("Filename", "Size", "Status"),
    *("Section", "Priority", "Essential", "Installed-Size", "Depends", "Pre-Depends", "Provides"),
]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")


@dataclass(frozen=True, slots=True)
class Alternative:
    """A package that meets a need, and the bound on its version (">= 2.34"), empty where any will do."""

    name: str
    bound: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one package, as its source describes it.

    `installed_size` is in KiB and `download_size` in bytes, None where the source does not say. `needs` holds
    Depends and Pre-Depends: each need is met by any of its alternatives. `provides` are names of virtual packages.
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


def read_entries(source: Source, on_position: Callable[[int], None] = lambda position: None) -> Iterator[Entry]:
    """The entries of a source, in its order; of dpkg's status file only the packages that are installed.

    Raises SourceError at the first paragraph that is damaged, and when there is no entry at all.
    """
    lines = read_lines(source, on_position)
    count = 0
    for paragraph in Packages.iter_paragraphs(lines, fields=_FIELDS, use_apt_pkg=False):
        _check_complete(source, paragraph)
        if not paragraph.get("Status", " installed").endswith(" installed"):
            continue
        count += 1
        yield _entry(source, paragraph)
    if not count:
        raise SourceError(f"{source.path}: holds no packages")


def _check_complete(source: Source, paragraph: Packages) -> None:
    missing = [field for field in REQUIRED if field not in paragraph]
    if not missing and not any(all(field in paragraph for field in fields) for fields in CLOSING):
        missing = list(CLOSING[0])
    if missing:
        name = paragraph.get("Package", "of no name")
        raise SourceError(f"{source.path}: damaged: package {name} lacks {' and '.join(missing)}")


def _entry(source: Source, paragraph: Packages) -> Entry:
    maintainer, address = parseaddr(paragraph["Maintainer"])
    needs = [*_relations(source, paragraph, "Pre-Depends"), *_relations(source, paragraph, "Depends")]
    provided = _relations(source, paragraph, "Provides")
    return Entry(
        name=paragraph["Package"],
        number=paragraph["Version"],
        architecture=paragraph["Architecture"],
        suite=source.suite,
        maintainer=maintainer or paragraph["Maintainer"],
        address=address,
        section=paragraph.get("Section", "unknown"),
        priority=paragraph.get("Priority", "unknown"),
        essential=paragraph.get("Essential") == "yes",
        installed_size=_number(source, paragraph, "Installed-Size"),
        download_size=_number(source, paragraph, "Size"),
        needs=tuple(dict.fromkeys(needs)),
        provides=tuple(dict.fromkeys(names[0].name for names in provided)),
    )


def _number(source: Source, paragraph: Packages, field: str) -> int | None:
    text = paragraph.get(field)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise SourceError(f"{source.path}: damaged: {field} of package {paragraph['Package']} is {text!r}")
    return int(text)


def _relations(source: Source, paragraph: Packages, field: str) -> list[tuple[Alternative, ...]]:
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

"""Questions to the catalogue, each timed, on the live state or on any past one.

A question is a function of a view: the module `perdure` itself or a snapshot; both have `find` and `fetch`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import perdure as db0
from perdure.cli.demo.model import Catalogue, Package, Version, provides, tag

__all__ = ["Answer", "Topic", "UnknownPackageError", "View", "ask", "choose_topic", "closure"]

LARGE_BYTES = 100_000_000
SHOWN = 5
# Well-connected packages; where a catalogue has none of them, the best connected of its largest is taken.
FAMOUS = ("libgtk-3-0t64", "libgtk-3-0", "python3")


class UnknownPackageError(Exception):
    """A package was asked about that the catalogue has no version of."""


class View(Protocol):
    """What can be asked: the live state (the module `perdure`) or a snapshot."""

    def find(self, *criteria: Any) -> Any:
        """The objects that meet all criteria."""

    def fetch(self, identifier: Any) -> Any:
        """The singleton of a class, or the object of an identifier."""


@dataclass(frozen=True)
class Topic:
    """What the questions are about: a section, a priority and a package, by name."""

    section: str
    priority: str
    package: str


@dataclass(frozen=True)
class Answer:
    """The answer to one question: the number, all its names in order, and the seconds it took to work out."""

    question: str
    count: int
    names: tuple[str, ...]
    seconds: float

    @property
    def shown(self) -> tuple[str, ...]:
        """The first few names."""
        return self.names[:SHOWN]

    def same(self, other: Answer) -> bool:
        """Whether both answer the same question with the same result, however long it took."""
        return (self.question, self.count, self.names) == (other.question, other.count, other.names)


def ask(view: View, topic: Topic) -> list[Answer]:
    """All questions on `topic`, in a fixed order."""
    package = topic.package
    criteria = (Version, tag("section", topic.section), tag("priority", topic.priority))
    questions: list[tuple[str, Callable[[], Iterable[str] | int]]] = [
        (f"count {topic.section}, {topic.priority}", lambda: len(view.find(*criteria))),
        ("read their names", lambda: sorted(_names(view.find(*criteria)))),
        (f"largest of {topic.section}", lambda: _largest(view, topic.section)),
        ("downloads from 100 MB", lambda: sorted(_names(_large(view)))),
        (f"all that {package} needs", lambda: sorted(closure(view, package))),
        (f"what needs {package}", lambda: sorted(_names(_dependents(view, _package(view, package))))),
        ("… over others too", lambda: sorted(_all_dependents(view, package))),
    ]
    return [_timed(title, question) for title, question in questions]


def closure(view: View, name: str) -> set[str]:
    """The names of all packages to install for one: of each need the first alternative there is."""
    seen = {name}
    waiting = [_package(view, name)]
    while waiting:
        version = waiting.pop().newest
        for alternatives in version.depends if version is not None else ():
            chosen = _installable(view, alternatives)
            if chosen is not None and chosen.name not in seen:
                seen.add(chosen.name)
                waiting.append(chosen)
    return seen - {name}


def choose_topic(package: str | None = None) -> Topic:
    """What to ask of the current catalogue: its most used section and priority, and a well-connected package
    where none is named.

    Raises UnknownPackageError when the catalogue has no version of the named one.
    """
    catalogue: Catalogue = db0.fetch(Catalogue)
    section = max(catalogue.sections, key=lambda name: len(db0.find(Version, tag("section", name))))
    members = db0.find(Version, tag("section", section))
    priority = Counter(version.priority for version in members[:1000]).most_common(1)[0][0]
    if package is None:
        package = _well_connected(catalogue)
    elif not (package in catalogue.packages and catalogue.packages[package].versions):
        raise UnknownPackageError(f"the catalogue has no version of the package {package!r}")
    return Topic(section, priority, package)


def _timed(title: str, question: Callable[[], Iterable[str] | int]) -> Answer:
    started = perf_counter()
    result = question()
    seconds = perf_counter() - started
    if isinstance(result, int):
        return Answer(title, result, (), seconds)
    names = tuple(result)
    return Answer(title, len(names), names, seconds)


def _package(view: View, name: str) -> Package:
    catalogue: Catalogue = view.fetch(Catalogue)
    return catalogue.packages[name]


def _names(versions: Iterable[Version]) -> set[str]:
    return {version.package.name for version in versions}


def _largest(view: View, section: str) -> list[str]:
    catalogue: Catalogue = view.fetch(Catalogue)
    ordered = catalogue.by_installed_size.sort(view.find(Version, tag("section", section)), desc=True)
    return [f"{version.package.name} ({version.installed_size} KiB)" for version in ordered[:SHOWN]]


def _large(view: View) -> Iterable[Version]:
    catalogue: Catalogue = view.fetch(Catalogue)
    found: Iterable[Version] = view.find(Version, catalogue.by_download_size.select(LARGE_BYTES, None))
    return found


def _dependents(view: View, package: Package) -> Iterable[Version]:
    found: Iterable[Version] = view.find(Version, db0.as_tag(package))
    return found


def _all_dependents(view: View, name: str) -> set[str]:
    seen = {name}
    waiting = [_package(view, name)]
    while waiting:
        for version in _dependents(view, waiting.pop()):
            dependent = version.package
            if dependent.name not in seen:
                seen.add(dependent.name)
                waiting.append(dependent)
    return seen - {name}


def _installable(view: View, alternatives: Iterable[Package]) -> Package | None:
    """The first alternative with a version; else the first by name of those that provide one."""
    alternatives = list(alternatives)
    for package in alternatives:
        if package.versions:
            return package
    for package in alternatives:
        providers: dict[str, Package] = {
            version.package.name: version.package for version in view.find(Version, provides(package.name))
        }
        if providers:
            return providers[min(providers)]
    return None


def _well_connected(catalogue: Catalogue) -> str:
    for name in FAMOUS:
        if name in catalogue.packages and catalogue.packages[name].versions:
            return name
    largest = catalogue.by_installed_size.sort(db0.find(Version), desc=True)[:200]
    versions: list[Version] = list(largest) or list(db0.find(Version)[:200])
    return max(versions, key=_connections).package.name


def _connections(version: Version) -> tuple[int, int, str]:
    dependents = len(db0.find(Version, db0.as_tag(version.package)))
    needs = sum(any(package.versions for package in alternatives) for alternatives in version.depends)
    return needs * dependents, needs + dependents, version.package.name

"""The classes of the package catalogue, written as any user of perdure would write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from debian.debian_support import Version as Number

import perdure as db0

__all__ = ["Catalogue", "Maintainer", "Package", "Section", "Version", "provides", "tag"]


def tag(kind: str, value: str) -> str:
    """The tag of a version for one of its properties.

    >>> tag("section", "libs")
    'section:libs'
    """
    return f"{kind}:{value}"


def provides(name: str) -> str:
    """The tag of the versions that provide the virtual package `name`."""
    return tag("provides", name)


@db0.memo
@dataclass(eq=False)
class Section:
    """A section of the archive, such as "libs"."""

    name: str


@db0.memo
@dataclass(eq=False)
class Maintainer:
    """Who maintains versions: a person or a team."""

    name: str
    address: str


@db0.memo
class Package:
    """A package by its name. One that is only depended on or provided has no versions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions: list[Version] = []

    @property
    def newest(self) -> Version | None:
        """The version with the highest number, None where the catalogue has none."""
        return max(self.versions, key=lambda version: Number(version.number)) if self.versions else None


@db0.memo
@dataclass(eq=False)
class Version:
    """One version of a package, for one architecture.

    `installed_size` is in KiB, `download_size` in bytes. `depends` has an entry for each need: the packages
    any of which meets it; `bounds` says in the same places which of their versions do (">= 2.34", "" for
    any).
    """

    package: Package
    number: str
    architecture: str
    suites: tuple[str, ...]
    section: Section
    priority: str
    essential: bool
    maintainer: Maintainer
    installed_size: int | None
    download_size: int | None
    depends: list[tuple[Package, ...]]
    bounds: list[tuple[str, ...]]
    provides: tuple[str, ...]

    def properties(self) -> list[str]:
        """The tags that make this version findable by its properties."""
        names = [tag("section", self.section.name), tag("priority", self.priority)]
        names.append(tag("architecture", self.architecture))
        names.extend(tag("suite", suite) for suite in self.suites)
        names.extend(provides(name) for name in self.provides)
        return [*names, "essential"] if self.essential else names

    def needed(self) -> dict[Package, None]:
        """The packages that meet any of the needs, each once, in order."""
        return dict.fromkeys(package for alternatives in self.depends for package in alternatives)


@db0.memo(singleton=True)
class Catalogue:
    """The root of everything: packages, sections and maintainers by name, and versions in order of size.

    `loading` tells how it was filled; it is empty until that is done.
    """

    def __init__(self) -> None:
        self.packages: dict[str, Package] = {}
        self.sections: dict[str, Section] = {}
        self.maintainers: dict[str, Maintainer] = {}
        self.by_installed_size: db0.index[int, Version] = db0.index()
        self.by_download_size: db0.index[int, Version] = db0.index()
        self.upgrades = 0
        self.loading: dict[str, Any] = {}

    def package(self, name: str) -> Package:
        """The package of that name, made when first named."""
        package = self.packages.get(name)
        if package is None:
            package = self.packages[name] = Package(name)
        return package

    def section(self, name: str) -> Section:
        """The section of that name, made when first named."""
        section = self.sections.get(name)
        if section is None:
            section = self.sections[name] = Section(name)
        return section

    def maintainer(self, name: str, address: str) -> Maintainer:
        """The maintainer with that name and address, made when first named."""
        key = f"{name} <{address}>"
        maintainer = self.maintainers.get(key)
        if maintainer is None:
            maintainer = self.maintainers[key] = Maintainer(name, address)
        return maintainer

    def publish(self, version: Version) -> None:
        """Enter a version: under its package, in the indexes, by its tags; and its needs as object tags,
        so that `find(Version, as_tag(package))` gives the versions that depend on a package.
        """
        version.package.versions.append(version)
        if version.installed_size is not None:
            self.by_installed_size.add(version.installed_size, version)
        if version.download_size is not None:
            self.by_download_size.add(version.download_size, version)
        db0.tags(version).add(version.properties(), [db0.as_tag(package) for package in version.needed()])

    def withdraw(self, version: Version) -> None:
        """Undo `publish`; nothing else holds the version, so it is gone with the next commit."""
        version.package.versions.remove(version)
        if version.installed_size is not None:
            self.by_installed_size.remove(version.installed_size, version)
        if version.download_size is not None:
            self.by_download_size.remove(version.download_size, version)
        db0.tags(version).remove(version.properties(), [db0.as_tag(package) for package in version.needed()])

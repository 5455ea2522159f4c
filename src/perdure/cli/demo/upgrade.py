"""Upgrades of packages: one that succeeds, and one that is refused half-way and rolled back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import eq, ge, gt, le, lt

from debian.debian_support import Version as Number

import perdure as db0
from perdure.cli.demo.model import Catalogue, Package, Version

__all__ = ["UpgradeError", "upgrade"]

RUNTIME = "demo-runtime"

_BOUNDS = {"<<": lt, "<=": le, "=": eq, ">=": ge, ">>": gt}


class UpgradeError(Exception):
    """An upgrade would leave a package with a need that nothing meets."""


def upgrade(catalogue: Catalogue, names: Sequence[str], runtime_bound: str = "") -> Package:
    """Replace the newest versions of the named packages by new ones, all or none of them.

    The new versions are a tenth larger and need a new package, the runtime, within `runtime_bound`; it is
    published with them as version 1.0 and returned. Nothing is committed.

    Raises UpgradeError when a new version has a need that is not met; the catalogue is then as it was.

    >>> upgrade(catalogue, ["bash"], ">= 2.0")  # doctest: +SKIP
    Traceback (most recent call last):
    UpgradeError: bash 5.2-1+demo1 needs demo-runtime-1 (>= 2.0), and the catalogue has 1.0
    """
    with db0.atomic():
        catalogue.upgrades += 1
        olds = [old for name in names if (old := catalogue.packages[name].newest) is not None]
        runtime = catalogue.package(f"{RUNTIME}-{catalogue.upgrades}")
        catalogue.publish(_runtime_version(runtime, olds[0]))
        news = [_successor(old, catalogue.upgrades, runtime, runtime_bound) for old in olds]
        for old, new in zip(olds, news, strict=True):
            catalogue.withdraw(old)
            catalogue.publish(new)
        for new in news:
            _check(new, runtime)
    return runtime


def _runtime_version(runtime: Package, like: Version) -> Version:
    return Version(
        package=runtime,
        number="1.0",
        architecture=like.architecture,
        suites=tuple(like.suites),
        section=like.section,
        priority=like.priority,
        essential=False,
        maintainer=like.maintainer,
        installed_size=1,
        download_size=1000,
        depends=[],
        bounds=[],
        provides=(),
    )


def _successor(old: Version, upgrades: int, runtime: Package, bound: str) -> Version:
    return Version(
        package=old.package,
        number=f"{old.number.partition('+demo')[0]}+demo{upgrades}",
        architecture=old.architecture,
        suites=tuple(old.suites),
        section=old.section,
        priority=old.priority,
        essential=old.essential,
        maintainer=old.maintainer,
        installed_size=_larger(old.installed_size),
        download_size=_larger(old.download_size),
        depends=[*map(tuple, old.depends), (runtime,)],
        bounds=[*map(tuple, old.bounds), (bound,)],
        provides=tuple(old.provides),
    )


def _larger(size: int | None) -> int | None:
    return None if size is None else size * 11 // 10


def _check(version: Version, runtime: Package) -> None:
    """What the upgrade brings must be met; what was unmet before is not its fault."""
    for alternatives, bounds in zip(version.depends, version.bounds, strict=True):
        if runtime in alternatives and not _met(alternatives, bounds):
            needed = " | ".join(
                f"{package.name} ({bound})" for package, bound in zip(alternatives, bounds, strict=True)
            )
            has = ", ".join(each.number for each in runtime.versions)
            raise UpgradeError(
                f"{version.package.name} {version.number} needs {needed}, and the catalogue has {has}"
            )


def _met(alternatives: Iterable[Package], bounds: Iterable[str]) -> bool:
    return any(
        _within(version.number, bound)
        for package, bound in zip(alternatives, bounds, strict=True)
        for version in package.versions
    )


def _within(number: str, bound: str) -> bool:
    if not bound:
        return True
    relation, _, limit = bound.partition(" ")
    return bool(_BOUNDS[relation](Number(number), Number(limit)))

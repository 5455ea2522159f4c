"""Immutable classes of the tests, and their plain twins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import perdure as db0


@db0.memo
class Holder:
    def __init__(self, value: Any = None) -> None:
        self.value = value


@db0.memo(immutable=True)
class Leaf:
    def __init__(self, number: Any, more: Any = None) -> None:
        self.number = number
        self.more = more

    @property
    def doubled(self) -> Any:
        return self.number * 2

    @doubled.setter
    def doubled(self, value: Any) -> None:
        self.number = value // 2


@db0.memo(immutable=True)
class Branch:
    def __init__(self, children: Any, extra: Any = None) -> None:
        self.children = children
        self.extra = extra


@db0.memo(immutable=True)
class Special(Leaf):
    """Derived from an immutable class."""


@db0.memo(immutable=True, no_default_tags=True)
class Quiet:
    def __init__(self, number: int) -> None:
        self.number = number


@db0.memo(immutable=True)
@dataclass
class Point:
    x: int
    y: int = 0
    names: list[str] = field(default_factory=list)


@db0.memo(immutable=True)
@dataclass(frozen=True)
class Frozen:
    x: int
    names: list[str] = field(default_factory=list)
    z: int = 5


@db0.memo(immutable=True, intern=True)
class Label:
    def __init__(self, name: Any, more: Any = None) -> None:
        self.name = name
        self.more = more


@db0.memo(immutable=True, intern=True)
class Other:
    def __init__(self, name: Any, more: Any = None) -> None:
        self.more = more
        self.name = name


def problems() -> list[Any]:
    """What `verify` says of the current prefix after a commit."""
    from perdure.model import scope

    db0.commit()
    return list(scope.current().database.verify())


def keep(*objects: Any) -> None:
    """Give objects a tag, so that they stay."""
    db0.tags(*objects).add("kept")

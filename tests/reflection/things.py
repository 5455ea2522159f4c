"""Classes and functions that the tests of reflection look at."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import perdure as db0


@db0.memo
class Shown:
    kind = "shown"
    _hidden = "hidden"

    def __init__(self, name: str, size: int = 1) -> None:
        self.name = name
        self.size = size
        self._secret = "secret"

    @property
    def label(self) -> str:
        return f"{self.name} {self.size}"

    @cached_property
    def _X__worked(self) -> str:
        return "out"

    @db0.immutable
    def total(self) -> int:
        return self.size * 2

    @db0.complete_with("pick")
    @db0.immutable
    def candidates(self, text: str, *more: str) -> list[str]:
        return [text]

    def pick(self, text: str) -> str:
        return f"picked {text}"

    def grow(self) -> None:
        self.size += 1

    def rename(self, name: str, **options: Any) -> None:
        self.name = name

    def secret(self) -> str:
        return self._secret

    def _private(self) -> str:
        return "private"

    @classmethod
    def build(cls) -> Any:
        return cls("built")

    @staticmethod
    def helper(text: str) -> str:
        return text.upper()


@db0.memo(singleton=True, id="reflection:settings")
class Settings:
    def __init__(self) -> None:
        self.colour = "blue"


@db0.memo(no_default_tags=True, access_control=True)
class Quiet:
    pass


class Plain:
    def __init__(self) -> None:
        self.width = 1

    @db0.immutable
    def area(self) -> int:
        return self.width

    def stretch(self, by: int) -> None:
        self.width += by

    def reset(self) -> None:
        self.width = 0


def by_name(name: str, limit: int = 10, **options: Any) -> list[Any]:
    """A query function."""
    return [name] * limit


@db0.complete_with("by_name")
def without_parameters() -> str:
    return "nothing"


@db0.complete_with("missing")
def incomplete() -> None: ...


def _helper() -> None: ...

"""Durable classes for session tests."""

from __future__ import annotations

from typing import Any

from perdure.kernel import durable


class Thing(durable.Durable, metaclass=durable.DurableType):
    """An object of any fields."""

    _perdure_factory_ = None
    _perdure_typed_ = True

    def __init__(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)


class Part(Thing):
    """A kind of thing."""

    kind = "default"

    @property
    def double(self) -> int:
        return self.number * 2

    @double.setter
    def double(self, value: int) -> None:
        self.number = value // 2

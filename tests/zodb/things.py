"""Classes of stored objects that the tests share."""

from __future__ import annotations

from typing import Any

from perdure.zodb import Persistent


class Thing(Persistent):
    """Any attributes."""

    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)


class Other(Thing):
    """A class derived from a stored one."""


class Migrated(Persistent):
    """Stores its number as text, and reads records of an older release."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> dict[str, Any]:
        return {"text": str(self.number)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.number = int(state["text"])
        self._v_loads = getattr(self, "_v_loads", 0) + 1


class Packed(Persistent):
    """Its state is no dict."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __getstate__(self) -> Any:
        return self.values

    def __setstate__(self, state: Any) -> None:
        self.values = state

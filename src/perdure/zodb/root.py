"""The root of a database, as a mapping and with attributes."""

from __future__ import annotations

from typing import Any

__all__ = ["Root"]


class Root:
    """`connection.root`: call it for the root mapping, or use its items as attributes."""

    __slots__ = ("_mapping",)

    def __init__(self, mapping: Any) -> None:
        object.__setattr__(self, "_mapping", mapping)

    def __call__(self) -> Any:
        """The root mapping."""
        return self._mapping

    def __getattr__(self, name: str) -> Any:
        try:
            return self._mapping[name]
        except KeyError:
            raise AttributeError(f"the root has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._mapping[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self._mapping[name]
        except KeyError:
            raise AttributeError(f"the root has no {name!r}") from None

    def __dir__(self) -> list[str]:
        return sorted(str(name) for name in self._mapping)

    def __repr__(self) -> str:
        names = " ".join(sorted(map(str, self._mapping)))
        return f"<root: {names if len(names) <= 60 else names[:57] + '...'}>"

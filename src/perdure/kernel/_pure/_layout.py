"""The field names of a class, each with a bit. Part of the pure twin of `kernel/durable.pyx`."""

from __future__ import annotations

__all__ = ["SLOTS", "WIDE", "Layout", "bit", "layout_for"]

SLOTS = 63
WIDE = 1 << 63

_layouts: dict[type, Layout] = {}


class Layout:
    """The field names that instances of one class have used, each with its bit in their masks."""

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.names: list[str] = []
        self._positions: dict[str, int] = {}
        self._descriptors: set[str] = set()
        self.frozen = bool(getattr(cls, "_perdure_immutable_", False))
        self.watched = bool(getattr(cls, "_perdure_watched_", False))
        self.restricted = bool(getattr(cls, "_perdure_restricted_", False))

    def position(self, name: str) -> int:
        """Index of `name`, given one when it is new; -1 when the class handles it by a data descriptor."""
        found = self._positions.get(name)
        if found is not None:
            return found
        if name in self._descriptors:
            return -1
        for base in self.cls.__mro__:
            member = base.__dict__.get(name)
            if member is not None:
                if hasattr(type(member), "__set__"):
                    self._descriptors.add(name)
                    return -1
                break
        self._positions[name] = len(self.names)
        self.names.append(name)
        return len(self.names) - 1

    def index_of(self, name: str) -> int:
        """Index of `name`, -1 when it has none."""
        return self._positions.get(name, -1)

    def mask_of(self, names: tuple[str, ...]) -> int:
        """The mask of an object that has exactly the fields `names`."""
        mask = 0
        for name in names:
            mask |= bit(self.position(name))
        return mask

    def names_of(self, mask: int) -> tuple[str, ...]:
        """The names in `mask`, in layout order."""
        return tuple(name for index, name in enumerate(self.names[:SLOTS]) if mask >> index & 1)


def bit(index: int) -> int:
    """The bit of the field at an index."""
    return 1 << index if index < SLOTS else WIDE


def layout_for(cls: type) -> Layout:
    """The layout shared by the instances of `cls`."""
    found = _layouts.get(cls)
    if found is None:
        found = _layouts[cls] = Layout(cls)
    return found

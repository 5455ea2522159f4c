"""What `__dict__` of a persistent object gives: its attributes as a dict that writes through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perdure.kernel import durable

__all__ = ["FieldDict"]


class FieldDict(dict[str, Any]):
    """The stored attributes of a loaded object as they are now; changes of the dict change the object.

    As in ZODB, such a change does not mark the object as changed.
    """

    __slots__ = ("_obj",)

    def __init__(self, obj: durable.Durable) -> None:
        super().__init__(durable.fields(obj))
        self._obj = obj

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if durable.is_volatile(name):
            setattr(self._obj, name, value)
        else:
            durable.set_field(self._obj, name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        drop_fields(self._obj, [name])

    def replace(self, content: dict[str, Any]) -> None:
        """Make `content` all there is."""
        drop_fields(self._obj, list(durable.fields(self._obj)))
        super().clear()
        self.update(content)

    def update(self, *args: Any, **keywords: Any) -> None:
        """Set several attributes."""
        for name, value in dict(*args, **keywords).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The attribute; set to `default` when it is not there."""
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name: str, *default: Any) -> Any:
        """Remove an attribute and give its value."""
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last attribute; its name and value."""
        name = next(reversed(self))
        return name, self.pop(name)

    def clear(self) -> None:
        """Remove all attributes."""
        self.replace({})

    def __ior__(self, other: Any) -> FieldDict:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __reduce__(self) -> Any:
        return (dict, (dict(self),))


def drop_fields(obj: durable.Durable, names: Iterable[str]) -> None:
    """Remove stored attributes of a loaded object, whose state stays what it is."""
    state = durable.state_of(obj)
    durable.set_state(obj, durable.NEW)  # the only state in which a deletion registers nothing
    try:
        for name in names:
            delattr(obj, name)
    finally:
        durable.set_state(obj, state)

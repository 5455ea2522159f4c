"""What of perdure can be reached by a public name: functions, classes, and the members of those classes."""

from __future__ import annotations

import perdure as db0

__all__ = ["surface"]

_OWN = {
    *dir(object), "__abstractmethods__", "__annotations__", "__class_getitem__", "__dataclass_fields__",
    "__dataclass_params__", "__dict__", "__firstlineno__", "__getnewargs__", "__match_args__", "__members__",
    "__module__", "__name__", "__orig_bases__", "__parameters__", "__protocol_attrs__", "__pyx_vtable__",
    "__qualname__", "__reduce_cython__", "__replace__", "__setstate__", "__setstate_cython__", "__slots__",
    "__slotnames__", "__static_attributes__", "__weakref__",
}  # fmt: skip
"""What a class has from Python or its compiler, and not from perdure."""


def surface() -> list[str]:
    """Every public name, and `Class.member` for the members of each public class under its first name."""
    found, seen = [], set()
    for name in sorted(db0.__all__):
        found.append(name)
        value = getattr(db0, name)
        if isinstance(value, type) and not issubclass(value, BaseException) and value not in seen:
            seen.add(value)
            found.extend(f"{name}.{member}" for member in members(value))
    return found


def members(cls: type) -> list[str]:
    """The public members of a class, with those special methods that it has of its own."""
    special = {name for name in dir(cls) if name.startswith("__") and name.endswith("__")} - _OWN
    return sorted(special | {name for name in dir(cls) if not name.startswith("_")})

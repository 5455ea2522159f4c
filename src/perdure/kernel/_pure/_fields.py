"""What is read from the fields of an object and written to them as a whole. Part of the pure twin of `durable.pyx`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.errors import ClosedObjectError
from perdure.kernel._pure._layout import WIDE, bit, layout_for
from perdure.kernel._pure._states import GHOST

if TYPE_CHECKING:
    from perdure.kernel._pure.durable import Durable

_set = object.__setattr__


def is_volatile(name: str) -> bool:
    """Whether fields of this name are never stored."""
    return name.startswith(("_v_", "_X__"))


def needs_no_state(name: str) -> bool:
    """Names that must be usable on ghosts and dead objects without loading."""
    if name.startswith("__"):
        return name != "__dict__" and name.endswith("__")
    return name.startswith(("_perdure_", "_p_"))


def raw_fields(obj: Durable) -> dict[str, Any]:
    """The instance's own dict."""
    for base in type(obj).__mro__:
        getter = base.__dict__.get("__dict__")
        if getter is not None and type(getter).__name__ == "getset_descriptor":
            content: dict[str, Any] = getter.__get__(obj)
            return content
    return {}


def mask_of(obj: Durable) -> int:
    """The bit mask of the fields that the object has; above 2**63 when it has more names than bits."""
    return obj._perdure_struct_.mask


def is_wide(obj: Durable) -> bool:
    """Whether the mask cannot name all fields of the object."""
    return obj._perdure_struct_.mask & WIDE != 0


def fields(obj: Durable) -> dict[str, Any]:
    """A new dict of the stored fields, without loading: names in the order in which the class first saw them."""
    content = raw_fields(obj)
    struct = obj._perdure_struct_
    if struct.mask & WIDE:
        return {name: value for name, value in content.items() if not is_volatile(name) and not needs_no_state(name)}
    return {name: content[name] for name in struct.layout.names_of(struct.mask)}


def field_values(obj: Durable) -> list[Any]:
    """The stored fields' values in layout order, without loading. Not for wide objects."""
    return list(fields(obj).values())


def restore_fields(obj: Durable, names: tuple[str, ...], values: list[Any]) -> None:
    """Set loaded fields on a ghost, also those that the class now handles by a data descriptor."""
    struct = obj._perdure_struct_
    content = raw_fields(obj)
    for name, value in zip(names, values, strict=True):
        content[name] = value
        position = struct.layout.position(name)
        struct.mask |= bit(position) if position >= 0 else WIDE


def set_field(obj: Durable, name: str, value: Any) -> None:
    """Set a field without conversion or registration."""
    _set(obj, name, value)
    index = obj._perdure_struct_.layout.position(name)
    if index >= 0:
        obj._perdure_struct_.mask |= bit(index)


def set_class(obj: Durable, cls: type) -> None:
    """Make `obj` an instance of `cls`, another definition of its class; what it has loaded stays."""
    struct = obj._perdure_struct_
    layout = layout_for(cls)
    mask = struct.mask & WIDE
    for name in struct.layout.names_of(struct.mask):
        position = layout.position(name)
        mask |= bit(position) if position >= 0 else WIDE
    _set(obj, "__class__", cls)
    struct.layout, struct.mask = layout, mask


def is_identified(obj: Durable) -> bool:
    """Whether others may refer to an object: its `__init__` is over, or it has its id; its database is not closed."""
    struct = obj._perdure_struct_
    return (not struct.building or struct.oid != 0) and (struct.state > GHOST or struct.owner is not None)


def check_open(obj: Durable) -> None:
    """Raise the error of a change of an object whose database was closed."""
    if obj._perdure_struct_.owner is None and obj._perdure_struct_.state == GHOST:
        raise ClosedObjectError(describe(obj) + " is no longer accessible: its database was closed")

def describe(obj: Durable) -> str:
    """`<module.Class #oid>` for messages; never loads."""
    cls = type(obj)
    return f"<{cls.__module__}.{cls.__qualname__} #{obj._perdure_struct_.oid or 'new'}>"

"""What an object tells of itself unloaded, and is told when it was stored. Part of the pure twin of `durable.pyx`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.kernel._pure._states import CLEAN

if TYPE_CHECKING:
    from perdure.kernel._pure.durable import Durable


def state_of(obj: Durable) -> int:
    """DEAD, GHOST, CLEAN, NEW or DIRTY."""
    return obj._perdure_struct_.state


def set_state(obj: Durable, state: int) -> None:
    """Set the state without any other effect (for owners only)."""
    obj._perdure_struct_.state = state


def is_building(obj: Durable) -> bool:
    """Whether the `__init__` of the object is running."""
    return obj._perdure_struct_.building


def oid_of(obj: Durable) -> int:
    """The object id, 0 when none was given yet."""
    return obj._perdure_struct_.oid


def is_frozen(obj: Durable) -> bool:
    """Whether the object is of a write-once class, and complete."""
    return obj._perdure_struct_.layout.frozen and not obj._perdure_struct_.building


def is_transient(obj: Durable) -> bool:
    """Whether the object is of a write-once class, complete, and stored nowhere."""
    struct = obj._perdure_struct_
    return struct.oid == 0 and struct.layout.frozen and struct.state == CLEAN


def root_of(obj: Durable) -> int:
    """The id of the object in whose record this one is embedded, 0 for one that has a record of its own."""
    return obj._perdure_struct_.root


def parts_of(obj: Durable) -> int:
    """How many objects are embedded in this one, as far as it was loaded; they have the ids after its own."""
    return obj._perdure_struct_.parts


def owner_of(obj: Durable) -> Any:
    """The owner, or None."""
    return obj._perdure_struct_.owner


def size_of(obj: Durable) -> int:
    """Bytes charged to the cache for this object."""
    return obj._perdure_struct_.size


def mark_clean(obj: Durable, size: int, has_references: bool = True) -> None:
    """The state of the object equals what is stored; `size` is what it costs the cache, in bytes."""
    struct = obj._perdure_struct_
    assert struct.owner is not None
    struct.referring = has_references
    struct.owner.cached_bytes += size - struct.size
    struct.size = size
    struct.state = CLEAN
    struct.touched = 1


def begin_store(obj: Durable) -> None:
    """The object is about to be encoded: a change from now on, by another thread, registers it again."""
    obj._perdure_struct_.state = CLEAN


def stored(obj: Durable, size: int, has_references: bool = True) -> None:
    """The object was encoded; `size` is what it costs the cache, in bytes. See `begin_store`."""
    struct = obj._perdure_struct_
    assert struct.owner is not None
    struct.referring = has_references
    struct.owner.cached_bytes += size - struct.size
    struct.size = size
    struct.touched = 1


def has_references(obj: Durable) -> bool:
    """Whether the stored record of the object refers to others."""
    return obj._perdure_struct_.referring

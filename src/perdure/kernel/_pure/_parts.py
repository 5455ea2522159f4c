"""Dropping loaded state, and the objects embedded in another. Part of the pure twin of `kernel/durable.pyx`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from perdure.kernel._pure._fields import raw_fields
from perdure.kernel._pure._states import GHOST, MAP_ONLY, PINNED

if TYPE_CHECKING:
    from perdure.kernel._pure.durable import Durable


def clear(obj: Durable) -> None:
    raw_fields(obj).clear()
    obj._perdure_struct_.mask = obj._perdure_struct_.volatile = 0


def loaded_parts(root: Durable) -> Iterable[Durable]:
    """The parts in the identity map: those of a ghost are there because something holds them."""
    struct = root._perdure_struct_
    if struct.owner is not None:
        objects = struct.owner.objects
        yield from [objects[oid] for oid in range(struct.oid + 1, struct.oid + struct.parts + 1) if oid in objects]


def are_in_use(root: Durable) -> bool:
    used = False
    for part in loaded_parts(root):
        struct = part._perdure_struct_
        used = used or bool(struct.touched or struct.volatile & PINNED)
        struct.touched = 0
    return used


def ghost_parts(root: Durable) -> None:
    struct = root._perdure_struct_
    for part in loaded_parts(root):
        if part._perdure_struct_.state > GHOST:
            part._perdure_struct_.state = GHOST
            clear(part)
    part = root
    if struct.owner is not None:
        objects = struct.owner.objects
        for oid in range(struct.oid + 1, struct.oid + struct.parts + 1):
            if oid in objects and sys.getrefcount(objects[oid]) <= MAP_ONLY:
                del objects[oid]

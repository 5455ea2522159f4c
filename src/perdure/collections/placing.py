"""Where a collection may be made: anywhere but before `init` and after `close`."""

from __future__ import annotations

from typing import Any, cast

from perdure.errors import ObjectError, ReferenceError
from perdure.kernel import durable
from perdure.session import Connection

__all__ = ["check_place", "describe_lost"]


def check_place() -> None:
    """Raise `RuntimeError` when nothing is initialized that a new collection could become part of."""
    ambient = durable.get_ambient()
    if ambient is not None and not isinstance(ambient, Connection):
        cast(Any, ambient).refuse_alone()


def describe_lost(obj: durable.Durable) -> str | None:
    """What the `repr` of a collection shows that cannot be read any more; None for one that can."""
    try:
        durable.load(obj)
    except (ObjectError, ReferenceError):
        return durable.describe(obj)
    return None

"""Objects that nothing may refer to: those whose `__init__` is still running, and those of a closed database."""

from __future__ import annotations

from perdure.errors import ObjectError
from perdure.kernel import durable

__all__ = ["check_accessible", "check_identified"]


def check_identified(obj: durable.Durable) -> None:
    """Raise `RuntimeError` for an object that may still fail in its `__init__`, or is no longer accessible."""
    if durable.is_building(obj) and not durable.oid_of(obj):
        raise ObjectError(
            f"{durable.describe(obj)} has no identity (UUID) before its __init__ ends; use materialized(self) there"
        )
    check_accessible(obj)


def check_accessible(obj: durable.Durable) -> None:
    """Raise `RuntimeError` for an object whose database was closed: its id means nothing in another one."""
    if durable.oid_of(obj) and durable.owner_of(obj) is None:
        raise ObjectError(f"{durable.describe(obj)} is no longer accessible: its database was closed")

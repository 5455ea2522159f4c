"""Objects whose `__init__` is still running: they have no identity yet, unless it was asked for."""

from __future__ import annotations

from perdure.errors import ObjectError
from perdure.kernel import durable

__all__ = ["check_identified"]


def check_identified(obj: durable.Durable) -> None:
    """Raise `RuntimeError` for an object that cannot be pointed to yet, since its `__init__` may still fail."""
    if durable.is_building(obj) and not durable.oid_of(obj):
        raise ObjectError(
            f"{durable.describe(obj)} has no identity (UUID) before its __init__ ends; use materialized(self) there"
        )

"""Classes whose objects are not for everybody: flagged with `access_control`, here, in a base, or in a database.

What that means is up to the layers above: here it is only known of a class, and of what derives from it.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakSet

from perdure.kernel import durable
from perdure.session.classes import family_of

__all__ = [
    "RESTRICTED",
    "any_restricted",
    "count_restricted",
    "has_restricted",
    "is_restricted",
    "restrict",
    "set_check",
]

RESTRICTED = "access_control"
"""The flag of `memo` that makes a class restricted; a database keeps it once it has it."""

_flagged: WeakSet[type] = WeakSet()
_met = 0
_check: Callable[[durable.Durable], None] | None = None


def set_check(check: Callable[[durable.Durable], None]) -> None:
    """Have `check` called with each restricted object that is about to be given out, from the first such class on."""
    global _check
    _check = check
    if _flagged:
        durable.set_sifter(check)


def restrict(cls: type) -> None:
    """Make a class restricted, and all that derive from it."""
    global _met
    if cls in _flagged:
        return
    cls._perdure_restricted_ = True  # type: ignore[attr-defined]
    for one in family_of(cls):
        durable.restrict(one)
    _flagged.add(cls)
    _met += 1
    durable.set_sifter(_check)


def is_restricted(cls: type) -> bool:
    """Whether the objects of a class are restricted."""
    return getattr(cls, "_perdure_restricted_", False)


def has_restricted(cls: type) -> bool:
    """Whether objects of a class, or of one that derives from it, are restricted."""
    return is_restricted(cls) or any(issubclass(one, cls) for one in list(_flagged))


def any_restricted() -> bool:
    """Whether this process knows any restricted class."""
    return _met > 0


def count_restricted() -> int:
    """How many classes were made restricted so far, which changes whenever another one is."""
    return _met

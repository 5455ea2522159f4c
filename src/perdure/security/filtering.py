"""Who may see which restricted objects: the predicate in force, and the question whether it has an object.

What a predicate is and which objects it has is known to the queries, which stand above: they register themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from perdure.errors import WorkspaceError
from perdure.kernel import durable
from perdure.security.bindings import FILTERS, MASKS, UNSET
from perdure.session import Connection, is_restricted, set_check

__all__ = [
    "Asking",
    "Judge",
    "check_given",
    "is_visible",
    "predicate_for",
    "seen_through",
    "set_judge",
    "visible_ids",
    "who_asks",
]


class Judge(Protocol):
    """What the queries know of predicates."""

    def is_predicate(self, value: object) -> bool:
        """Whether a value is a predicate."""

    def contains(self, predicate: Any, connection: Connection, oid: int) -> bool:
        """Whether a predicate has an object, as a connection sees both."""

    def select(self, predicate: Any, connection: Connection, oids: Iterable[int]) -> list[int]:
        """Those of some objects that a predicate has."""


_judge: Judge | None = None


def set_judge(judge: Judge) -> None:
    """Let `judge` answer for predicates."""
    global _judge
    _judge = judge


def predicate_for(connection: Connection, what: Callable[[], str], *, typed: bool = True) -> Any:
    """The predicate that narrows what is seen of restricted classes (`typed`) or of all objects of a prefix.

    None: all is seen. Raises `PermissionError`, which names `what` is asked for, when nothing says what may be seen;
    `RuntimeError` when the context variable has something that is no predicate.
    """
    binding = FILTERS.of(connection)
    if binding is None:
        if FILTERS.active or not typed:
            return None
        raise PermissionError(
            f"access to {what()} is controlled, and no data filter says what may be seen; give init a data_filter"
        )
    value = binding.value()
    if value is UNSET or value is None:
        if binding.debug:
            return None
        raise PermissionError(
            f"access to {what()} is controlled, and the context variable {binding.variable.name!r} has no predicate"
        )
    if _judge is None or not _judge.is_predicate(value):
        raise WorkspaceError(
            f"the context variable {binding.variable.name!r} of the data filter has a {type(value).__name__} that is "
            "no predicate; make one with db0.predicate(...)"
        )
    return value


class Asking(NamedTuple):
    """What the context variables have that decide what is seen of a prefix; None where there is no binding."""

    predicate: Any
    account: Any

    def agrees(self, other: Asking) -> bool:
        """Whether both are the same predicate, and the same account."""
        same = self.account is other.account or (
            type(self.account) is type(other.account) and self.account == other.account
        )
        return same and self.predicate is other.predicate


def who_asks(connection: Connection) -> Asking:
    """Who the running context is for a prefix; what was worked out for one is not for another."""
    filters, masks = FILTERS.of(connection), MASKS.of(connection)
    return Asking(None if filters is None else filters.value(), None if masks is None else masks.value())


def check_given(obj: durable.Durable) -> None:
    """Raise `PermissionError` when a restricted object must not be given out in the running context."""
    connection = _connection_of(obj)
    if connection is None:
        return
    predicate = predicate_for(connection, lambda: "the object referred to")
    if predicate is None:
        return
    oid = durable.oid_of(obj)
    if not oid:
        connection.flush()
        oid = durable.oid_of(obj)
    assert _judge is not None
    if not _judge.contains(predicate, connection, oid):
        raise PermissionError("access denied: the object referred to may not be seen")


def _connection_of(obj: durable.Durable) -> Connection | None:
    """Where an object is stored; None when it is stored nowhere, so that only who made it can have it."""
    owner = durable.owner_of(obj)
    if owner is None and not durable.oid_of(obj):
        ambient = durable.get_ambient()
        if not isinstance(ambient, Connection):
            return None
        ambient.flush()
        owner = durable.owner_of(obj)
    return owner if isinstance(owner, Connection) else None


def is_visible(obj: durable.Durable) -> bool:
    """Whether an object can be given out in the running context: any that is not restricted, others if seen."""
    if not is_restricted(type(obj)):
        return True
    try:
        check_given(obj)
    except PermissionError:
        return False
    return True


def seen_through(obj: Any) -> Any:
    """An object that is given out. Raises `PermissionError` when it must not be."""
    if is_restricted(type(obj)):
        check_given(obj)
    return obj


def visible_ids(connection: Connection, name: str, oids: list[int], *, restricted: bool) -> list[int]:
    """Those of the objects of a class, called `name`, that can be seen. Raises as `predicate_for`."""
    if not restricted:
        return oids
    predicate = predicate_for(connection, lambda: name)
    if predicate is None:
        return oids
    assert _judge is not None
    return _judge.select(predicate, connection, oids)


set_check(check_given)

"""`predicate`: which objects an account may see, as an expression that narrows what queries find."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from perdure.errors import QueryError
from perdure.query.evaluation import Evaluation
from perdure.query.expression import (
    EMPTY,
    Allowed,
    Elsewhere,
    Node,
    Range,
    Sorted,
    calls_functions,
    rebuilt,
    walk,
)
from perdure.query.finding import connection_for, expression_of
from perdure.query.plans import Plan
from perdure.query.result import Query
from perdure.security import set_judge
from perdure.session import Connection

__all__ = ["Predicate", "predicate"]


class Predicate(Query[Any]):
    """What `predicate` makes: a query that says what may be seen. It finds nothing by itself.

    It can be the value of the context variable of a data filter, a criterion of `find`, and be serialized and stored.
    """

    __slots__ = ("_allowed", "_has_elsewhere", "_is_local")

    def __init__(self, connection: Connection, node: Node) -> None:
        super().__init__(connection, node)
        if calls_functions(node):
            raise QueryError("a predicate cannot use filter(...): what may be seen is said by tags, types and indexes")
        inside = list(walk(node))
        self._has_elsewhere = any(isinstance(one, Elsewhere) for one in inside)
        self._is_local = any(isinstance(one, Range | Sorted) for one in inside)
        self._allowed = Allowed(node)

    def allowed_on(self, connection: Connection) -> Allowed:
        """What it lets be seen on a connection, whichever state of whichever prefix that sees.

        Raises `PermissionError` when it uses an index of another prefix.
        """
        if self._is_local and connection.database.uuid != self.connection.database.uuid:
            raise PermissionError(
                f"the predicate uses an index of {self.connection.database.name}; it cannot tell what may be seen of "
                f"{connection.database.name}"
            )
        return Allowed(_localized(self.expression, connection)) if self._has_elsewhere else self._allowed

    @property
    def node(self) -> NoReturn:
        """Refused: a predicate is no data."""
        raise _refused()

    def evaluate(self) -> NoReturn:
        """Refused: a predicate is no data."""
        raise _refused()

    def __getitem__(self, position: Any) -> NoReturn:
        raise _refused()

    def __next__(self) -> NoReturn:
        raise _refused()

    def __contains__(self, obj: object) -> NoReturn:
        raise _refused()

    def __repr__(self) -> str:
        return f"<predicate {self.expression!r}>"


def _refused() -> PermissionError:
    return PermissionError("a predicate only says what may be seen: it cannot be used as a query; pass it to find")


def predicate(*criteria: object, prefix: str | None = None) -> Predicate:
    """What an account may see: a query for the context variable of a data filter (see `init`).

    Criteria are those of `find`, functions (`filter`) excepted. It is an expression, not a result: it can be made
    before its tags exist, is never narrowed itself, and each operation asks it anew, at the state that the operation
    sees. It can be a criterion of `find`, and be given to `serialize`; iterated, counted, tested, sliced or used as a
    query in any other way, it raises `PermissionError`.

    Raises `RuntimeError` as `find`, and for functions.

    >>> may_see = perdure.predicate(  # doctest: +SKIP
    ...     [perdure.as_tag("GRANT", user), perdure.as_tag("GRANT", role)], perdure.no(perdure.as_tag("DENY", user))
    ... )
    """
    connection = connection_for(criteria, prefix)
    return Predicate(connection, expression_of(connection, criteria))


def _localized(node: Node, connection: Connection) -> Node:
    """The expression of a predicate for another connection: what asks the newest state is asked of what that sees."""
    if isinstance(node, Elsewhere):
        if node.connection.database.uuid != connection.database.uuid:
            return EMPTY
        return node if node.connection.is_fixed else _localized(node.node, connection)
    return rebuilt(node, lambda part: _localized(part, connection))


class _Judge:
    """See `perdure.security.Judge`."""

    def is_predicate(self, value: object) -> bool:
        """Whether a value is a predicate."""
        return isinstance(value, Predicate)

    def contains(self, predicate: Any, connection: Connection, oid: int) -> bool:
        """Whether a predicate has an object, as a connection sees both."""
        return _plan(predicate, connection).contains(oid)

    def select(self, predicate: Any, connection: Connection, oids: Iterable[int]) -> list[int]:
        """Those of some objects that a predicate has."""
        plan = _plan(predicate, connection)
        return [oid for oid in oids if plan.contains(oid)]


def _plan(predicate: Predicate, connection: Connection) -> Plan:
    evaluation = Evaluation(connection)
    allowed = predicate.allowed_on(connection)
    found: Plan | None = evaluation.kept.results.get(allowed)
    return evaluation.plan(allowed) if found is None else found


set_judge(_Judge())

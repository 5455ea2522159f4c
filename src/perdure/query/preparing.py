"""From what a query asks for to what is evaluated: the one way that every use of a query takes."""

from __future__ import annotations

from perdure.query.anchors import check_anchored
from perdure.query.evaluation import Evaluation
from perdure.query.expression import Node
from perdure.query.narrowing import narrow
from perdure.query.shown import check_shown
from perdure.session import Connection

__all__ = ["prepared"]


def prepared(node: Node, connection: Connection) -> tuple[Node, Evaluation]:
    """What the running context may ask for, and what the connection holds now, flushed.

    Raises `RuntimeError` when only passive tags would decide the answer, and when the connection is closed;
    `PermissionError` when nothing says what may be seen, or it would tell of fields that may not be read.
    """
    evaluation = Evaluation(connection)
    check_shown(node, connection)
    narrowed, allowed = narrow(node, connection)
    check_anchored(node, evaluation, None if allowed is None else evaluation.plan(allowed))
    return narrowed, evaluation

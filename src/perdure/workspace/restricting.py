"""Raising the level of restricted mode of prefixes that are open."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from perdure.errors import WorkspaceError
from perdure.model.restriction import Restriction, restrict, restriction_of
from perdure.workspace.functions import workspace

__all__ = ["set_restricted"]


def set_restricted(
    *, restricted: bool | None = None, restricted_context: ContextVar[Any] | None = None, prefix: str | None = None
) -> None:
    """Restrict what code can reach through memo objects: of one open prefix, or of all, open or opened later.

    With `restricted=True` always, with `restricted_context` while the variable's value is true. Fields can be read and
    written, public methods and properties used; private and special attributes, class and static methods are refused
    with `AttributeError`, and a method can be called, but not looked into.

    Raises `RuntimeError` for anything that would make it weaker or replace the variable, for both at once, and for
    a prefix that is not open.

    >>> perdure.set_restricted(restricted=True)  # doctest: +SKIP
    """
    if restricted is None and restricted_context is None:
        raise WorkspaceError("set_restricted takes restricted=True or a restricted_context")
    space = workspace()
    if prefix is not None:
        connection = space.opened(prefix).connection
        restrict(connection.database.uuid, restriction_of(connection).raised(restricted, restricted_context))
        return
    raised = space.settings.restriction().raised(restricted, restricted_context)
    space.settings.restricted, space.settings.restricted_context = raised.static, raised.context
    for opened in space.list_open():
        present = restriction_of(opened.connection)
        if raised.static or present == Restriction():
            restrict(opened.database.uuid, raised)

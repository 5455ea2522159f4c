"""Putting prefixes under a data filter while the workspace is in use."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from perdure.security import FILTERS, read_binding
from perdure.workspace.functions import workspace

__all__ = ["init_data_filter"]


def init_data_filter(context_var: ContextVar[Any], prefix: Any = None, mode: str | None = None) -> None:
    """Let the predicate in a context variable decide which restricted objects can be seen; see `init`.

    Prefixes need not be open. The same again is accepted; raises `RuntimeError` when a prefix has another binding.
    """
    workspace()
    FILTERS.bind(*read_binding("data_filter", {"context_var": context_var, "prefix": prefix, "mode": mode}))

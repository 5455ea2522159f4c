"""Putting prefixes under data masking while the workspace is in use."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from perdure.security import UNSET, read_binding
from perdure.workspace.functions import bind_masks, workspace

__all__ = ["init_data_masking"]


def init_data_masking(
    context_var: ContextVar[Any],
    prefix: Any = None,
    missing_value_placeholder: Any = UNSET,
    mode: str | None = None,
) -> None:
    """Let the account in a context variable decide what can be done with protected fields; see `init`.

    The same again is accepted. Raises `RuntimeError` when a prefix has another binding, `ValueError` for one that is
    not open.
    """
    workspace()
    given: dict[str, Any] = {"context_var": context_var, "prefix": prefix, "mode": mode}
    if missing_value_placeholder is not UNSET:
        given["missing_value_placeholder"] = missing_value_placeholder
    bind_masks(*read_binding("data_masking", given, placeholder=True))

"""`signature_of`: what tells queries, functions and groups from others."""

from __future__ import annotations

from typing import Any

from perdure.query.functions import function_signature
from perdure.query.group_defs import parse_groups
from perdure.query.result import Query

__all__ = ["signature_of"]


def signature_of(value: Any, /) -> str:
    """A text that is equal for equal queries, functions, and definitions of groups; what `group_by` keeps results by.

    A function is known by its source and by the values that it takes from around it. Raises `TypeError` or
    `ValueError` for what `group_by` takes neither as a query nor as groups.

    >>> signature_of(find("a", "b")) == signature_of(find("b", "a"))  # doctest: +SKIP
    True
    """
    if isinstance(value, Query):
        return value.signature()
    if callable(value) and not isinstance(value, type):
        return function_signature(value).text
    groups, tuple_keys = parse_groups(value)
    return ";".join(group.signature().text for group in groups) + (" tuple" if tuple_keys else "")

"""Accounts, and classes with protected fields, for the tests of data masking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import perdure as db0

ACCOUNT: ContextVar[Any] = ContextVar("account")
"""Who the tests are."""

OWNER, READER, STRANGER = 1, 2, 3
ALL = ("CREATE", "READ", "UPDATE", "DELETE")
SECRET = "s3cr3t-value"
"""What only the owner may read; no error, repr or result may show it to others."""


@contextmanager
def account(number: Any) -> Iterator[None]:
    """Be an account."""
    token = ACCOUNT.set(number)
    try:
        yield
    finally:
        ACCOUNT.reset(token)


def grant(cls: type, number: int, modes: Any, *names: str) -> None:
    db0.set_field_access(cls, number, modes, *names)


def texts_of(error: BaseException) -> Iterator[str]:
    """All texts that an error carries: its own, those of what it came from, and the local variables of its frames."""
    met: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        one = queue.pop()
        if one is None or id(one) in met:
            continue
        met.add(id(one))
        yield repr(one)
        yield str(one)
        yield repr(one.args)
        queue += [one.__cause__, one.__context__]
        trace = one.__traceback__
        while trace is not None:
            if "perdure" in trace.tb_frame.f_code.co_filename and "tests" not in trace.tb_frame.f_code.co_filename:
                for value in trace.tb_frame.f_locals.values():
                    if not hasattr(type(value), "_perdure_factory_"):
                        yield safe_repr(value)
            trace = trace.tb_next


def safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(error).__name__}>"


def denied(attempt: Callable[[], Any], kind: type[BaseException] = PermissionError) -> str:
    """Check that an attempt is refused, and that nothing of what was refused is in the error. Its text."""
    try:
        found = attempt()
    except kind as error:
        assert not [text for text in texts_of(error) if SECRET in text]
        return str(error)
    raise AssertionError(f"not refused: {safe_repr(found)}")

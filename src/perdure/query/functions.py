"""Which Python function a function is: its source text, and a signature that tells it from others."""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import secrets
import textwrap
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

from perdure.kernel import codec

__all__ = ["Signature", "function_signature", "get_lambda_source"]


@dataclass(frozen=True, slots=True)
class Signature:
    """A text that is equal for equal functions; `lasting` when it is so in other processes too."""

    text: str
    lasting: bool


def get_lambda_source(function: Callable[..., Any], /) -> str:
    """The source text of a lambda, without what surrounds it; of a named function, its definition.

    Raises `ValueError` when there is no source to read, as for code that was typed in or made by `exec`.

    >>> perdure.get_lambda_source(lambda row: row.color)
    'lambda row: row.color'
    """
    if not isinstance(function, FunctionType):
        raise ValueError(f"{function!r} has no Python source")
    known = _sources.get(function.__code__)
    if known is None:
        known = _sources[function.__code__] = _read_source(function)
    return known


_sources: weakref.WeakKeyDictionary[CodeType, str] = weakref.WeakKeyDictionary()


def _read_source(function: FunctionType) -> str:
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError) as error:
        raise ValueError(f"the source of {function.__qualname__} cannot be read: {error}") from None
    if function.__name__ != "<lambda>":
        return textwrap.dedent("".join(lines)).rstrip()
    found = _lambda_in(function.__code__, first)
    if found is None:
        raise ValueError(f"the source of the lambda in {function.__code__.co_filename}:{first} cannot be told")
    return found


def _lambda_in(code: CodeType, first: int) -> str | None:
    """The text of the lambda that `code` was compiled from: that whose body has the positions of the code."""
    source = "".join(linecache.getlines(code.co_filename))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    spots = {(line, column) for line, _, column, end in code.co_positions() if line and column is not None and end}
    fallback: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and node.lineno == first:
            text = ast.get_source_segment(source, node) or ""
            if (node.body.lineno, node.body.col_offset) in spots:
                return text
            inside = {(one.lineno, one.col_offset) for one in ast.walk(node.body) if isinstance(one, ast.expr)}
            if spots & inside:
                fallback.append(text)
    return min(fallback, key=len, default=None)


def function_signature(function: Callable[..., Any]) -> Signature:
    """What a function is known by: its source, and the values that it takes from around it.

    What cannot be told apart by its source counts as equal to itself only, in this process.
    """
    return _Reader().read(function)


class _Reader:
    """Collects what makes one function what it is."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._lasting = True

    def read(self, function: Callable[..., Any]) -> Signature:
        digest = hashlib.blake2b(digest_size=20)
        for part in self._function(function):
            digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
        return Signature(digest.hexdigest(), self._lasting)

    def _function(self, function: Any) -> Iterator[str]:
        if not isinstance(function, FunctionType):
            yield self._other(function)
            return
        if id(function) in self._seen:
            return
        self._seen.add(id(function))
        yield function.__module__
        try:
            yield get_lambda_source(function)
        except ValueError:
            code = function.__code__
            yield f"{code.co_code.hex()} {code.co_names} {self._text((*code.co_consts,))}"
        for value in self._surroundings(function):
            if isinstance(value, FunctionType):
                yield from self._function(value)
            else:
                yield self._text(value)

    @staticmethod
    def _surroundings(function: FunctionType) -> Iterator[Any]:
        yield function.__defaults__
        yield function.__kwdefaults__
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not set yet
                yield None
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if value is None or isinstance(value, FunctionType | int | float | str | bytes | tuple | frozenset):
                yield value

    def _text(self, value: object) -> str:
        try:
            return codec.encode_value(value).hex()
        except (TypeError, ValueError):
            return self._other(value)

    def _other(self, value: object) -> str:
        if isinstance(value, type | BuiltinFunctionType):
            return f"{value.__module__}.{value.__qualname__}"
        self._lasting = False
        return _token(value)


_nonce = secrets.token_hex(8)
_numbers = count()
_tokens: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def _token(value: object) -> str:
    """A text for one value of this process; a new one each time for what cannot be remembered."""
    try:
        found = _tokens.get(value)
        if found is None:
            found = _tokens[value] = f"{_nonce} {next(_numbers)}"
    except TypeError:
        found = f"{_nonce} {next(_numbers)}"
    return found

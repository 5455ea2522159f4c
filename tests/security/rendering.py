"""All that can be seen of a value by asking it openly, as one text: what an attacker would print."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import perdure as db0

__all__ = ["attempt", "each", "normal", "rendered"]

_DEPTH = 4
_ITEMS = 40


def attempt(run: Any, *arguments: Any) -> str:
    """What a call shows: of its result, or of the error that it ends with."""
    try:
        return rendered(run(*arguments))
    except (KeyboardInterrupt, AssertionError):
        raise
    except BaseException as error:
        return rendered(error)


def each(*steps: Callable[[], Any]) -> list[str]:
    """What each of several steps shows, whatever happens in the others."""
    return [attempt(step) for step in steps]


def rendered(value: Any, depth: int = 0) -> str:
    """`repr` and `str` of a value, and of what it has: items, members, fields, causes of errors."""
    parts = [type(value).__name__, *(_text(look, value) for look in (repr, str))]
    if depth < _DEPTH:
        parts.extend(_inside(value, depth + 1))
    return " ".join(dict.fromkeys(part for part in parts if part))


def _text(look: Any, value: Any) -> str:
    try:
        return str(look(value))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _inside(value: Any, depth: int) -> Iterable[str]:
    if isinstance(value, BaseException):
        for one in (*value.args, value.__cause__, value.__context__, *getattr(value, "__notes__", ())):
            yield rendered(one, depth)
    elif isinstance(value, bytes | bytearray | db0.ByteArrayObject):
        yield bytes(value).decode("latin-1")
    elif isinstance(value, Mapping | db0.DictObject):
        yield from _items(lambda: (pair for key in value for pair in (key, value[key])), depth)
    elif db0.is_memo(value):
        yield from _items(lambda: _fields(value), depth)
    elif isinstance(value, Iterable) and not isinstance(value, str | type):
        yield from _items(lambda: iter(value), depth)


def _items(make: Any, depth: int) -> Iterable[str]:
    try:
        for item in itertools.islice(make(), _ITEMS):
            yield rendered(item, depth)
    except Exception as error:
        yield rendered(error, depth)


def _fields(obj: Any) -> Iterable[Any]:
    """What the fields of an object show, each by itself."""
    for name in ("name", "secret", "number", "items", "due", "kind", "part"):
        try:
            yield getattr(obj, name)
        except AttributeError:
            continue
        except Exception as error:
            yield error


_CHANGING = [
    (re.compile(r"twin[1-4]"), "twin"),
    (re.compile(r"\b[A-Z2-7]{24}\b"), "UUID"),
    (re.compile(r"0x[0-9a-f]+"), "0x"),
    (re.compile(r"-?\d{12,}"), "N"),
]


def normal(text: str) -> str:
    """A text without what tells twin prefixes apart in any case: names, uuids, addresses."""
    for pattern, shown in _CHANGING:
        text = pattern.sub(shown, text)
    return text

"""Objects, and plain stand-ins for them, for tests of collections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perdure.collections import ByteArray, Dict, List, Set, Tuple
from perdure.kernel import durable
from perdure.storage import spaces


class Thing(durable.Durable, metaclass=durable.DurableType):
    """An object that no collection may compare: it is an element or key by identity."""

    _perdure_factory_ = None
    _perdure_typed_ = True

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a collection asked an object whether it is equal")

    def __hash__(self) -> int:
        raise AssertionError("a collection asked an object for its hash")

    def __repr__(self) -> str:
        return f"Thing({self.number})"


@dataclass(frozen=True)
class Token:
    """Stands for a Thing in a plain model."""

    number: int


def plain(value: Any) -> Any:
    """A value of a durable collection as its plain model has it."""
    if isinstance(value, Thing):
        return Token(value.number)
    if isinstance(value, List):
        return [plain(item) for item in value]
    if isinstance(value, (Tuple, tuple)):
        return tuple(plain(item) for item in value)
    if isinstance(value, Dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return {plain(item) for item in value}
    if isinstance(value, ByteArray):
        return bytearray(bytes(value))
    return value


def real(value: Any, pool: Any) -> Any:
    """The opposite: a plain value with the things of `pool` for their tokens."""
    if isinstance(value, Token):
        return pool[value.number]
    if type(value) is tuple:
        return tuple(real(item, pool) for item in value)
    if type(value) is list:
        return [real(item, pool) for item in value]
    return value


def records(connection: Any) -> int:
    """How many objects are stored."""
    return sum(1 for _ in connection.scan(spaces.RECORDS.id))


def reopen(connection: Any, **options: Any) -> Any:
    """Commit, and go on with a connection that has nothing in memory."""
    connection.commit()
    connection.close()
    return connection.database.connect(**options)

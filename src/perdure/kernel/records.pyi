"""Types of the compiled loops between objects and records; `_pure/records.py` has the same names."""

from collections.abc import Callable
from typing import Any

from perdure.kernel.durable import Durable, Owner
from perdure.kernel.seeking import Seeker

OBJECT_BYTES: int
GHOST_BYTES: int

class Shape:
    cls: type | None
    def __init__(self, shape_id: int, entry: Any, names: tuple[str, ...]) -> None: ...
    @property
    def shape_id(self) -> int: ...
    @property
    def entry(self) -> Any: ...
    @property
    def names(self) -> tuple[str, ...]: ...

WHOLE: object

def peek(owner: Owner, data: bytes, place: int, kind: int) -> object: ...
def shape_id_of(data: bytes) -> int: ...
def fetch(
    owner: Owner, oid: int, data: bytes, shapes: dict[int, Shape], extend: Callable[[int, object], object]
) -> Durable: ...
def fetch_newest(
    owner: Owner,
    oid: int,
    seeker: Seeker,
    suffix: bytes,
    shapes: dict[int, Shape],
    extend: Callable[[int, object], object],
) -> Durable | None: ...
def fetch_many(
    owner: Owner,
    oids: list[int],
    read: Callable[[list[bytes]], list[bytes | None]],
    shapes: dict[int, Shape],
    extend: Callable[[int, object], object],
) -> list[Durable]: ...
def restore(
    owner: Owner, obj: Durable, data: bytes, shapes: dict[int, Shape], extend: Callable[[int, object], object]
) -> None: ...
def store_new(
    owner: Owner,
    fresh: list[Durable],
    ids: list[int],
    types: dict[type, tuple[dict[int, Shape], list[int] | None]],
    records: dict[bytes, bytes | None],
    holders: dict[int, int],
    created: set[int],
    refer: Callable[[object], Any],
) -> None: ...
def store_changed(
    owner: Owner,
    changed: list[Durable],
    types: dict[type, tuple[dict[int, Shape], list[int] | None]],
    records: dict[bytes, bytes | None],
    holders: dict[int, int],
    touched: set[int],
    refer: Callable[[object], Any],
) -> None: ...

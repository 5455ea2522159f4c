"""Types of the storing of write-once objects; `_pure/embedding.py` has the same names."""

from collections.abc import Callable
from typing import Any

from perdure.kernel.durable import Durable, Owner

PART: int
PART_SET: int
PART_DICT: int
PART_LINK: int
PACKED: int

class Alike:
    @property
    def dictionary(self) -> bytes: ...
    def __init__(self, dictionary: bytes) -> None: ...
    def differences(self, body: bytes) -> bytes: ...

def follow(dictionary: bytes, differences: bytes, size: int) -> bytes: ...

class Gathering:
    @property
    def parts(self) -> list[Durable]: ...
    @property
    def record(self) -> bytes: ...
    @property
    def offset(self) -> int: ...
    @property
    def refers(self) -> bool: ...
    def __init__(
        self, owner: Any, root: Durable, types: dict[type, Any], flat: bool, refer: Callable[[object], Any]
    ) -> None: ...

def settle(
    owner: Owner, root: Durable, parts: list[Durable], types: dict[type, Any], oid: int, created: set[int]
) -> None: ...
def content(obj: Durable, foreign: Callable[[object], Any]) -> bytes: ...
def find_known(
    obj: Durable, known: dict[bytes, int], objects: dict[int, Durable], foreign: Callable[[object], Any]
) -> Durable | None: ...

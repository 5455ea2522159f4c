from collections.abc import Callable, Iterable

FULL: int
TOMBSTONE: int
DELTA: int
STATE_MAX: int

def crc32(data: bytes, start: int = 0) -> int: ...
def suffix(state: int) -> bytes: ...
def split(physical: bytes) -> tuple[bytes, int]: ...
def seal(key: bytes, state: int, kind: int, value: bytes, space: int = 0) -> tuple[bytes, bytes]: ...
def seal_many(items: dict[bytes, bytes | None], state: int, space: int = 0) -> list[tuple[bytes, bytes]]: ...
def seal_head(key: bytes, value: bytes, space: int = 0) -> bytes: ...
def open_value(physical: bytes, stored: bytes, space: int = 0) -> tuple[int, bytes]: ...
def open_head(key: bytes, stored: bytes, space: int = 0) -> bytes: ...
def read_version(
    space: int,
    key: bytes,
    item: tuple[bytes, bytes] | None,
    fold: Callable[[int, bytes, bytes], bytes | None] | None = None,
) -> bytes | None: ...
def read_versions(
    space: int,
    keys: list[bytes],
    items: list[tuple[bytes, bytes] | None],
    fold: Callable[[int, bytes, bytes], bytes | None] | None = None,
) -> list[bytes | None]: ...
def fold_scan(
    pairs: Iterable[tuple[bytes, bytes]],
    lo: bytes,
    hi: bytes | None,
    state: int,
    space: int,
    limit: int,
    fold: Callable[[bytes | None, list[bytes]], bytes | None] | None = None,
    reverse: bool = False,
) -> tuple[list[tuple[bytes, bytes]], bytes | None]: ...
def open_scan(
    pairs: Iterable[tuple[bytes, bytes]], lo: bytes, hi: bytes | None, space: int, limit: int, reverse: bool = False
) -> tuple[list[tuple[bytes, bytes]], bytes | None]: ...

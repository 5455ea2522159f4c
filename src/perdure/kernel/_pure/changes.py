"""Pure-Python twin of `kernel/changes.pyx`: changes of tags and indexes that wait for a flush."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.kernel._pure import durable, keys
from perdure.kernel._pure.durable import Durable

REMOVE = 0
ADD = 1
ADD_PASSIVE = 2

TEXTS: dict[tuple[str, ...], tuple[bytes, ...]] = {}
TAGGABLE: set[type] = set()
FILEABLE: set[type] = set()

_INT_KIND, _STR_KIND = 1, 3


class Changes:
    """What to do with which objects, in order: an object, a value, and how (`ADD`, `REMOVE`, `ADD_PASSIVE`)."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: list[tuple[Durable, Any, int]] = []

    def __len__(self) -> int:
        return len(self._items)

    def add(self, obj: Durable, value: Any, how: int) -> None:
        """Append a change."""
        self._items.append((obj, value, how))

    def clear(self) -> None:
        """Forget all changes."""
        self._items.clear()

    def unidentified(self) -> list[Durable]:
        """The objects without an id among those that the next `take` will give."""
        return [
            obj
            for obj, _, _ in list(self._items)
            if not durable.oid_of(obj) and durable.state_of(obj) != durable.DEAD and not durable.is_building(obj)
        ]

    def take(self, adopt: Callable[[Any], int]) -> tuple[list[int], list[Any], list[int], set[type]]:
        """See the compiled twin."""
        taken = list(self._items)
        del self._items[: len(taken)]
        oids: list[int] = []
        values: list[Any] = []
        hows: list[int] = []
        types: set[type] = set()
        for obj, value, how in taken:
            if durable.state_of(obj) == durable.DEAD:
                continue
            if durable.is_building(obj):
                self.add(obj, value, how)
                continue
            oids.append(durable.oid_of(obj) or adopt(obj))
            values.append(value)
            hows.append(how)
            types.add(type(obj))
        return oids, values, hows, types


def encode_ids(oids: list[int]) -> list[bytes]:
    """`keys.encode_uint` of each of `oids`."""
    return [keys.encode_uint(oid) for oid in oids]


def group_alike(
    first: list[Any], second: list[Any], ids: list[int], encoded: list[bytes]
) -> dict[tuple[Any, Any], tuple[list[int], list[bytes]]]:
    """`{(first, second): (ids, encoded ids)}` of those that have both in common."""
    groups: dict[tuple[Any, Any], tuple[list[int], list[bytes]]] = {}
    for one, other, oid, key in zip(first, second, ids, encoded, strict=True):
        group = groups.setdefault((one, other), ([], []))
        group[0].append(oid)
        group[1].append(key)
    return groups


def add_pairs(
    start: bytes,
    oids: list[int],
    encoded: list[bytes],
    content: dict[bytes, bytes | None],
    holders: dict[int, int],
    sizes: list[bytes],
) -> None:
    """See the compiled twin."""
    forward, reverse = start + b"\0", start + b"\1"
    members = encode_ids(oids)
    for member, key in zip(members, encoded, strict=True):
        content[forward + key + member] = sizes[len(member)]
    for member, key, oid in zip(members, encoded, oids, strict=True):
        content[reverse + member] = key
        total = holders.get(oid, 0) + 1
        if total:
            holders[oid] = total
        else:
            del holders[oid]


class Tagger:
    """Fast path of the tag manager; see the compiled twin."""

    __slots__ = ("_passive", "_targets")

    def __init__(self, *targets: Any, passive: bool = False) -> None:
        for target in targets:
            if type(target) not in TAGGABLE:
                self._check(target)
        self._targets = targets
        self._passive = passive

    def add(self, *tags: Any) -> None:
        """Add tags: each argument is a tag or an iterable of tags; one that is there already changes nothing.

        Raises `RuntimeError` for what is no tag, before anything is changed.
        """
        self._add(tags)

    def _check(self, target: object) -> None:
        raise NotImplementedError

    def _add(self, tags: tuple[Any, ...]) -> None:
        raise NotImplementedError


class Filing(Durable):
    """Fast path of the index; see the compiled twin."""

    __slots__ = ("_perdure_changes_", "_perdure_kind_")

    _perdure_changes_: Changes | None
    _perdure_kind_: int

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = Durable.__new__(cls)
        self._perdure_changes_ = None
        self._perdure_kind_ = 0
        return self

    @classmethod
    def _perdure_bare_(cls) -> Any:
        return Filing.__new__(cls)

    def add(self, key: Any, obj: Any, /) -> None:
        """Add a pair; one that is there already changes nothing.

        Raises `RuntimeError` for a key of another type than the index has, and for what is no memo object.
        """
        self._perdure_add_(key, obj)

    def _perdure_add_(self, key: Any, obj: Any) -> None:
        raise NotImplementedError

"""Pure-Python twin of `kernel/mapping.pyx`: mappings and sets with a dictionary in front, by the same rules."""

from __future__ import annotations

from typing import Any

from perdure.kernel._pure import durable
from perdure.kernel._pure._fields import is_identified
from perdure.kernel._pure.durable import GHOST, Durable, _is_free
from perdure.kernel._pure.sequence import _locked

NEW = 0
KEPT = 1
DELETED = 2
MOVED = 3

_PLAIN = frozenset({int, str, float, type(None), bool, bytes})
_QUICK = frozenset({int, str, bytes})
_ABSENT = object()
_weak_type: type | None = None


def set_weak_type(kind: type | None) -> None:
    """Values of type `kind` are read as their `target`."""
    global _weak_type
    _weak_type = kind


class HotMapping(Durable):
    """What dict and set share."""

    __slots__ = (
        "_perdure_complete_",
        "_perdure_count_",
        "_perdure_hot_",
        "_perdure_last_",
        "_perdure_misses_",
        "_perdure_pending_",
        "_perdure_special_",
        "_perdure_weight_",
    )

    _perdure_hot_: dict[Any, Any] | None
    _perdure_pending_: dict[Any, int] | None
    _perdure_count_: int
    _perdure_weight_: int
    _perdure_last_: int
    _perdure_misses_: int
    _perdure_complete_: bool
    _perdure_special_: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = Durable.__new__(cls)
        self._perdure_count_ = self._perdure_last_ = self._perdure_misses_ = 0
        HotMapping._perdure_forget_(self)
        return self

    @classmethod
    def _perdure_bare_(cls) -> Any:
        return HotMapping.__new__(cls)

    def _perdure_place_(self, key: Any, value: Any) -> bool:
        if durable.owner_of(self) is not None or not _is_free(self) or type(key) not in _QUICK:
            return False  # without the compiled module, changes are not single steps: they need the lock
        hot, pending = self._perdure_hot_, self._perdure_pending_
        assert hot is not None
        if pending is not None:
            status = pending.get(key)
            if status is None or status == DELETED:
                if not self._perdure_complete_:
                    return False
                if status == DELETED:
                    del pending[key]
                    pending[key] = MOVED
                else:
                    pending[key] = KEPT if key in hot else NEW
                self._perdure_count_ += pending[key] != KEPT
        hot[key] = value
        return True

    def _perdure_entries_(self) -> dict[Any, Any]:
        with _locked(self):
            durable.load(self)
            assert self._perdure_hot_ is not None
            return self._perdure_hot_

    def _perdure_all_(self) -> dict[Any, Any] | None:
        with _locked(self):
            durable.load(self)
            return self._perdure_hot_ if self._perdure_complete_ else None

    def _perdure_swap_(self, hot: dict[Any, Any], complete: bool) -> None:
        self._perdure_hot_ = hot
        self._perdure_complete_ = complete

    def _perdure_empty_(self, pending: dict[Any, int] | None, count: int) -> None:
        self._perdure_hot_ = {}
        self._perdure_complete_ = pending is None or count == 0
        self._perdure_pending_ = pending
        self._perdure_count_ = count

    def _perdure_complete_with_(self, stored: dict[Any, Any]) -> None:
        assert self._perdure_hot_ is not None
        for hot, status in (self._perdure_pending_ or {}).items():
            if status != KEPT:
                stored.pop(hot, None)
            if status != DELETED:
                stored[hot] = self._perdure_hot_[hot]
        self._perdure_swap_(stored, True)

    def _perdure_write_(self, hot: Any, value: Any, known: bool) -> None:
        pending = self._perdure_pending_
        if pending is not None:
            status = pending.get(hot)
            if known:
                pending.setdefault(hot, KEPT)
            elif status is None or status == DELETED:
                pending.pop(hot, None)
                pending[hot] = NEW if status is None else MOVED
                self._perdure_count_ += 1
        assert self._perdure_hot_ is not None
        self._perdure_hot_[hot] = value

    def _perdure_erase_(self, hot: Any) -> Any:
        assert self._perdure_hot_ is not None
        value = self._perdure_hot_.pop(hot)
        pending = self._perdure_pending_
        if pending is not None:
            if pending.pop(hot, KEPT) != NEW:
                pending[hot] = DELETED
            self._perdure_count_ -= 1
        return value

    def __len__(self) -> int:
        with _locked(self):
            durable.load(self)
            assert self._perdure_hot_ is not None
            return len(self._perdure_hot_) if self._perdure_pending_ is None else self._perdure_count_

    def __contains__(self, key: object) -> bool:
        if type(key) in _QUICK and key in self._perdure_entries_():
            return True
        return bool(self._perdure_has_(key))

    def _perdure_forget_(self) -> None:
        self._perdure_hot_ = None
        self._perdure_pending_ = None
        self._perdure_complete_ = False
        self._perdure_special_ = False
        self._perdure_weight_ = 0


class HotDict(HotMapping):
    """A mapping."""

    __slots__ = ()

    def _perdure_look_(self, key: Any) -> Any:
        if type(key) in _QUICK and durable.state_of(self) > GHOST:
            found = self._perdure_entries_().get(key, _ABSENT)
            return _ABSENT if type(found) is _weak_type else found
        return _ABSENT

    def __getitem__(self, key: Any) -> Any:
        found = self._perdure_look_(key)
        return self._perdure_find_(key) if found is _ABSENT else durable.release(found)

    def get(self, key: Any, default: Any = None, /) -> Any:
        """The value of `key`, or `default`."""
        found = self._perdure_look_(key)
        return self._perdure_get_(key, default) if found is _ABSENT else durable.release(found)

    def __setitem__(self, key: Any, value: Any) -> None:
        if type(value) not in _PLAIN and not (isinstance(value, Durable) and is_identified(value)):
            value = self._perdure_convert_("", value)
            if type(value) is _weak_type:
                self._perdure_put_(key, value)
                return
        if not self._perdure_place_(key, value):
            self._perdure_put_(key, value)

    def __delitem__(self, key: Any) -> None:
        self._perdure_delete_(key)


class HotSet(HotMapping):
    """A set: a mapping of its elements to None."""

    __slots__ = ()

    def add(self, element: Any) -> None:
        """Add an element; nothing happens when it is there."""
        if type(element) in _QUICK and durable.state_of(self) > GHOST and element in (self._perdure_hot_ or ()):
            return
        if not self._perdure_place_(element, None):
            self._perdure_put_(element, None)
